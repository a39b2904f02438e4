import { PutObjectCommand } from '@aws-sdk/client-s3';
import { type S3Emulator, startS3Emulator } from '../support/s3-emulator';

/** Names that a listing escapes, in XML or as a URL. */
const KEYS = ['plain.png', 'a & b <c> "d".png', 'ümlaut/+%20.png', "it's.png"];

describe("the tests' moto", () => {
  let s3: S3Emulator;

  beforeAll(async () => {
    s3 = await startS3Emulator('films');
    for (const Key of KEYS) await s3.client.send(new PutObjectCommand({ Bucket: 'films', Key, Body: Key }));
  });

  afterAll(async () => s3.stop());

  it.each(['&encoding-type=url', '', '&delimiter=/', '&max-keys=3', '&prefix=none', '&fetch-owner=true'])(
    'answers a listing with moto’s own text (%s)',
    async (query) => {
      const list = async (headers: Record<string, string>): Promise<string> =>
        (await fetch(`${s3.endpoint}/films?list-type=2${query}`, { headers })).text();
      const own = await list({ 'X-Moto-As-Is': '1' });
      expect(await list({})).toBe(own);
      expect(own).toContain('</ListBucketResult>');
    },
  );
});
