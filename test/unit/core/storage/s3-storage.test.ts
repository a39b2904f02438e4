import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { S3Storage } from '../../../../core/storage/s3-storage';

type Handler = Extract<NonNullable<S3ClientConfig['requestHandler']>, { handle: unknown }>;
type Request = Parameters<Handler['handle']>[0];

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  /** Parts of the body; an error breaks the connection there. */
  readonly body?: readonly (string | Error)[];
}

/** An S3 with prepared answers and no network, for faults that an emulator does not have. */
function fakeS3(
  respond: (request: Request, index: number) => Answer | Error,
  config: S3ClientConfig = { maxAttempts: 1 },
): { s3: S3Storage; sent: Request[] } {
  const sent: Request[] = [];
  const requestHandler: Handler = {
    handle: async (request: Request) => {
      sent.push(request);
      const answer = respond(request, sent.length - 1);
      if (answer instanceof Error) throw answer;
      const { status, headers = {}, body = [] } = answer;
      return { response: { statusCode: status, headers, body: Readable.from(bodyOf(body)) } };
    },
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
  };
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return {
    s3: new S3Storage(new S3Client({ region: 'us-east-1', credentials, requestHandler, ...config })),
    sent,
  };
}

async function* bodyOf(parts: readonly (string | Error)[]): AsyncGenerator<Buffer> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield Buffer.from(part);
  }
}

function failed(status: number, code: string): Answer {
  const headers = { 'content-type': 'application/xml' };
  return { status, headers, body: [`<Error><Code>${code}</Code><Message>because</Message></Error>`] };
}

function page(keys: readonly string[], more = ''): Answer {
  const contents = keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`);
  return { status: 200, body: ['<ListBucketResult>', more, ...contents, '</ListBucketResult>'] };
}

async function noCredentials(): Promise<never> {
  throw Object.assign(new Error('no providers'), { name: 'CredentialsProviderError' });
}

const broken = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
const url = new URL('s3://bucket/a%20scene.blend');
const place = 's3://bucket/a scene.blend';

describe('S3Storage', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spotreel-s3-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it.each<[Answer | Error, string, string, string]>([
    [
      failed(403, 'AccessDenied'),
      'denied',
      'usage',
      `S3 request for ${place} failed: access denied (403, AccessDenied: because); check the cred`,
    ],
    [failed(404, 'NoSuchKey'), 'not-found', 'scene', `${place} does not exist; check the key and`],
    [
      failed(404, 'NoSuchBucket'),
      'not-found',
      'scene',
      `bucket "bucket" of ${place} does not exist; check its name`,
    ],
    [
      failed(412, 'PreconditionFailed'),
      'changed',
      'scene',
      `${place} was changed since the render was submitted`,
    ],
    [
      failed(400, 'ExpiredToken'),
      'denied',
      'usage',
      `S3 request for ${place} failed: the AWS credentials are no longer valid`,
    ],
    [
      failed(301, 'PermanentRedirect'),
      'denied',
      'usage',
      `S3 request for ${place} failed: wrong region (301, PermanentRedirect: because); set AWS_REGION`,
    ],
    [
      new Error('Region is missing'),
      'denied',
      'usage',
      `S3 request for ${place} failed: no AWS region is set (Region is missing); set the region of bucket "bucket", such as: export AWS_REGION=`,
    ],
    [
      failed(400, 'KeyTooLongError'),
      'bad-url',
      'usage',
      `S3 request for ${place} failed: the key has more than 1024 bytes`,
    ],
    [
      failed(429, 'TooManyRequests'),
      'unavailable',
      'passing',
      `S3 request for ${place} failed: too many requests (429, Too`,
    ],
    [
      failed(503, 'SlowDown'),
      'unavailable',
      'passing',
      `S3 request for ${place} failed: too many requests (503, SlowDown: b`,
    ],
    [
      broken,
      'unavailable',
      'passing',
      `S3 request for ${place} failed: service unavailable (no answer, socket hang up); try`,
    ],
  ])('explains %j', async (answer, code, kind, words) => {
    const { s3 } = fakeS3(() => answer);
    for (const attempt of [s3.get(url), s3.put(url, 'x'), s3.fetch(url, folder)]) {
      await expect(attempt).rejects.toMatchObject({ code, kind, url: { href: url.href } });
      await expect(attempt).rejects.toThrow(words);
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it('asks the user to sign in without credentials, as a passing fault', async () => {
    const { s3 } = fakeS3(() => ({ status: 200 }), { credentials: noCredentials });
    await expect(s3.head(url)).rejects.toMatchObject({ code: 'unavailable', kind: 'passing' });
    await expect(s3.head(url)).rejects.toThrow(
      `S3 request for ${place} failed: no AWS credentials (CredentialsProviderError: no providers); sign in`,
    );
  });

  it('sends a conditional write again after a conflict', async () => {
    const conflict = failed(409, 'ConditionalRequestConflict');
    const winner = fakeS3((_, index) => (index < 2 ? conflict : { status: 200 }));
    await winner.s3.put(url, 'x', { ifAbsent: true });
    expect(winner.sent.map(({ method, headers }) => [method, headers['if-none-match']])).toEqual(
      Array.from({ length: 3 }, () => ['PUT', '*']),
    );
    const loser = fakeS3(({ method }, index) => {
      if (method === 'HEAD') return { status: 200 };
      return index === 0 ? conflict : failed(412, 'PreconditionFailed');
    });
    await expect(loser.s3.put(url, 'x', { ifAbsent: true })).rejects.toMatchObject({ code: 'exists' });
    const endless = fakeS3(() => conflict);
    await expect(endless.s3.put(url, 'x', { ifAbsent: true })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('recognizes its own conditional write if the answer was lost', async () => {
    let written: string | undefined;
    const { s3, sent } = fakeS3(
      ({ method, headers }) => {
        if (method === 'HEAD')
          return { status: 200, headers: { 'x-amz-meta-spotreel-write': written ?? '' } };
        if (written !== undefined) return failed(412, 'PreconditionFailed');
        written = headers['x-amz-meta-spotreel-write'];
        return broken;
      },
      { maxAttempts: 2 },
    );
    await s3.put(url, 'x', { ifAbsent: true });
    expect(sent.map(({ method }) => method)).toEqual(['PUT', 'PUT', 'HEAD']);
    await expect(s3.put(url, 'x', { ifAbsent: true })).rejects.toMatchObject({ code: 'exists' });
  });

  it('continues a fetch after a broken connection, in the same version', async () => {
    const etag = '"0cc175b9"';
    const { s3, sent } = fakeS3((_, index) => {
      if (index === 0)
        return { status: 200, headers: { etag, 'content-length': '10' }, body: ['0123', broken] };
      if (index === 1) return { status: 206, headers: { etag, 'content-length': '6' }, body: ['4567'] };
      return { status: 206, headers: { etag, 'content-length': '2' }, body: ['89'] };
    });
    const path = await s3.fetch(url, folder);
    expect(path).toBe(join(folder, 'a scene.blend'));
    expect(await readFile(path, 'utf8')).toBe('0123456789');
    expect(sent.map(({ headers }) => [headers['range'], headers['if-match']])).toEqual([
      [undefined, undefined],
      ['bytes=4-', etag],
      ['bytes=8-', etag],
    ]);
  });

  it('gives up a fetch without progress and leaves no file', async () => {
    const { s3, sent } = fakeS3((_, index) => ({
      status: index === 0 ? 200 : 206,
      headers: { etag: '"e"', 'content-length': '10' },
      body: [index === 0 ? '0123' : broken, broken],
    }));
    await expect(s3.fetch(url, folder)).rejects.toMatchObject({
      code: 'unavailable',
      cause: { code: 'ECONNRESET' },
    });
    // The first brought something, the next three nothing.
    expect(sent.map(({ headers }) => headers['range'])).toEqual([
      undefined,
      'bytes=4-',
      'bytes=4-',
      'bytes=4-',
    ]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('reads a short answer again', async () => {
    const { s3, sent } = fakeS3((_, index) => ({
      status: 200,
      headers: { 'content-length': '4' },
      body: index === 0 ? ['01'] : ['01', '23'],
    }));
    expect(Buffer.from(await s3.get(url)).toString()).toBe('0123');
    expect(sent).toHaveLength(2);
  });

  it('lists decoded keys of all pages, without folders of the console', async () => {
    const next = '<IsTruncated>true</IsTruncated><NextContinuationToken>to+ken==</NextContinuationToken>';
    const { s3, sent } = fakeS3((_, index) =>
      index === 0 ? page(['a/', 'a/b+c%2Bd', 'a/..%2Fe'], next) : page(['%E6%98%A0', 'x/../y']),
    );
    const found: string[] = [];
    for await (const info of s3.list(new URL('s3://bucket/'))) found.push(info.url.href);
    expect(found).toEqual(['s3://bucket/a/b%20c%2Bd', 's3://bucket/%E6%98%A0']);
    expect(sent.map(({ query }) => query['continuation-token'])).toEqual([undefined, 'to+ken==']);
  });

  it('aborts a multipart upload that cannot be completed', async () => {
    const path = join(folder, 'big.bin');
    await writeFile(path, Buffer.alloc(9 * 1024 * 1024));
    const { s3, sent } = fakeS3(({ method, query }) => {
      if (method === 'HEAD') return { status: 404 };
      if (method === 'DELETE') return { status: 204 };
      if (method === 'PUT') return { status: 200, headers: { etag: '"part"' } };
      if ('uploads' in query) {
        return { status: 200, body: ['<R><UploadId>upload-1</UploadId></R>'] };
      }
      return failed(412, 'PreconditionFailed');
    });
    await expect(s3.upload(path, url, { ifAbsent: true })).rejects.toMatchObject({ code: 'exists' });
    const last = sent.findLast(({ method }) => method === 'DELETE');
    expect(last?.query).toMatchObject({ uploadId: 'upload-1' });
  });
});
