import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { takeLock } from '../../../../core/local-batch/lock';
import { ResumingS3Storage } from '../../../../core/storage/s3-resume';
import { useScratchFolder } from '../../../support/scratch-folder';

const at = useScratchFolder();
const MIB = 1024 * 1024;
const URL_OF_BIG = new URL('s3://films/uploads/submitted/0f/big.exr');

const client = new S3Client({ region: 'us-east-1' });
const s3 = mockClient(client);

const UPLOAD_IDS = ['first', 'second'];
let begun = 0;
let failingPart: number | undefined;
let goneUpload: string | undefined;
let onPart: (part: number, uploadId: string) => Promise<void> | void;

beforeEach(() => {
  s3.reset();
  [begun, failingPart, goneUpload] = [0, undefined, undefined];
  onPart = () => undefined;
  writeFileSync(at('big.exr'), Buffer.alloc(33 * MIB));
  s3.on(CreateMultipartUploadCommand).callsFake(async () => ({ UploadId: UPLOAD_IDS[begun++] }));
  s3.on(UploadPartCommand).callsFake(async ({ PartNumber, UploadId }) => {
    await onPart(PartNumber, UploadId);
    if (UploadId === goneUpload) throw Object.assign(new Error('gone'), { name: 'NoSuchUpload' });
    if (PartNumber === failingPart) throw new Error('reset');
    // ETags of an object that is encrypted with a KMS key say nothing about the bytes.
    return { ETag: `"secret-${PartNumber}"` };
  });
  s3.on(CompleteMultipartUploadCommand).resolves({});
  s3.on(AbortMultipartUploadCommand).resolves({});
});

const storage = () => new ResumingS3Storage(client, at('parts'), takeLock);
const upload = (onProgress?: (bytes: number, resumed?: number) => void, content = 'md5') =>
  storage().upload(at('big.exr'), URL_OF_BIG, { content, onProgress });

const partsOf = (uploadId: string): number[] =>
  s3
    .commandCalls(UploadPartCommand, { UploadId: uploadId })
    .map(({ args: [{ input }] }) => input.PartNumber!)
    .toSorted((a, b) => a - b);

/** An upload that fails at its last part. */
async function interrupt(): Promise<void> {
  failingPart = 5;
  await expect(upload()).rejects.toThrow('reset');
  failingPart = undefined;
  s3.resetHistory();
}

test('ResumingS3Storage sends only the parts that an interrupted upload did not send', async () => {
  await interrupt();
  await upload();
  expect(partsOf('first')).toEqual([5]);
});

test('ResumingS3Storage completes an upload with the ETags of all parts', async () => {
  await interrupt();
  await upload();
  const [call] = s3.commandCalls(CompleteMultipartUploadCommand);
  expect(call!.args[0].input.MultipartUpload?.Parts?.map(({ ETag }) => ETag)).toEqual(
    [1, 2, 3, 4, 5].map((part) => `"secret-${part}"`),
  );
});

test('ResumingS3Storage reports which bytes were sent before', async () => {
  await interrupt();
  const progress: Array<readonly [number, number | undefined]> = [];
  await upload((bytes, resumed) => progress.push([bytes, resumed]));
  expect(progress).toEqual([
    [32 * MIB, 32 * MIB],
    [33 * MIB, 32 * MIB],
  ]);
});

test('ResumingS3Storage starts over if S3 no longer has the upload', async () => {
  await interrupt();
  goneUpload = 'first';
  await upload();
  expect(partsOf('second')).toEqual([1, 2, 3, 4, 5]);
});

test('ResumingS3Storage does not resume an upload of other content', async () => {
  await interrupt();
  await upload(undefined, 'other md5');
  expect(partsOf('second')).toEqual([1, 2, 3, 4, 5]);
});

test('ResumingS3Storage sends a part again whose line in the journal is cut off', async () => {
  await interrupt();
  const [name] = readdirSync(at('parts'));
  const journal = at('parts', name!);
  const [start] = readFileSync(journal, 'utf8').split('\n');
  writeFileSync(journal, `${start}\n{"PartNumber":1,"ETag":"\\"secret-1\\""}\n{"PartNumber":2,"ET`);
  await upload();
  expect(partsOf('first')).toEqual([2, 3, 4, 5]);
});

test('ResumingS3Storage deletes the journal of a finished upload', async () => {
  await upload();
  expect(readdirSync(at('parts'))).toEqual([]);
});

test('ResumingS3Storage starts over once if S3 ends a new upload', async () => {
  goneUpload = 'first';
  await upload();
  expect(partsOf('second')).toEqual([1, 2, 3, 4, 5]);
});

const completed = (): string[] =>
  s3.commandCalls(CompleteMultipartUploadCommand).map(({ args: [{ input }] }) => input.UploadId!);

test('ResumingS3Storage does not join an upload that another process is sending', async () => {
  let isAlone = true;
  onPart = async (part) => {
    if (!isAlone || part !== 5) return;
    isAlone = false;
    await upload();
  };
  await upload();
  expect(completed()).toEqual(['second', 'first']);
});

/** Another version of the file, with the same size. */
const touch = (): void => utimesSync(at('big.exr'), 1, 1);

test('ResumingS3Storage does not add parts of another version of the file', async () => {
  await interrupt();
  touch();
  await upload();
  expect(partsOf('second')).toEqual([1, 2, 3, 4, 5]);
});

test('ResumingS3Storage frees the parts of another version of the file', async () => {
  await interrupt();
  touch();
  await upload();
  expect(s3.commandCalls(AbortMultipartUploadCommand, { UploadId: 'first' })).toHaveLength(1);
});

describe('ResumingS3Storage, if the file changes during the upload,', () => {
  beforeEach(() => {
    // The last part is read only after another one was sent.
    onPart = touch;
  });

  test('throws changed', async () => {
    await expect(upload()).rejects.toMatchObject({ code: 'changed', kind: 'scene' });
  });

  test('does not complete the upload', async () => {
    await upload().catch(() => undefined);
    expect(completed()).toEqual([]);
  });

  test('keeps no journal', async () => {
    await upload().catch(() => undefined);
    expect(readdirSync(at('parts'))).toEqual([]);
  });
});
