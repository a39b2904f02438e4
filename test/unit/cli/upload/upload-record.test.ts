import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UploadRecord } from '../../../../cli/upload/upload-record';
import { useScratchFolder } from '../../../support/scratch-folder';

const at = useScratchFolder();
const SCENE = '/film/shot.blend';
const object = (etag: string) => ({ url: new URL('s3://films/uploads/submitted/0f/a.exr'), etag });
const recordFile = (): string => join(at('uploads'), readdirSync(at('uploads'))[0]!);

async function saved(): Promise<UploadRecord> {
  const record = UploadRecord.open(at('.'), SCENE);
  record.noteFile('/film/a.exr', 'stamp-1', 'md5-a');
  record.noteObject(object('etag-of-parts'), 'md5-a');
  expect(await record.save()).toBeUndefined();
  return UploadRecord.open(at('.'), SCENE);
}

describe('UploadRecord', () => {
  test('knows the MD5 of a file with the same stamp', async () => {
    expect((await saved()).md5Of('/film/a.exr', 'stamp-1')).toBe('md5-a');
  });

  test('knows a file that it noted itself', () => {
    const record = UploadRecord.open(undefined, SCENE);
    record.noteFile('/film/a.exr', 'stamp-1', 'md5-a');
    expect(record.md5Of('/film/a.exr', 'stamp-1')).toBe('md5-a');
  });

  test('does not know a file with another stamp', async () => {
    expect((await saved()).md5Of('/film/a.exr', 'stamp-2')).toBeUndefined();
  });

  test('knows the content of an object with the same ETag', async () => {
    expect((await saved()).hasContent(object('etag-of-parts'), 'md5-a')).toBe(true);
  });

  test('does not know an object with another ETag', async () => {
    expect((await saved()).hasContent(object('other'), 'md5-a')).toBe(false);
  });

  test('does not know an object with other content', async () => {
    expect((await saved()).hasContent(object('etag-of-parts'), 'md5-b')).toBe(false);
  });

  test('of another scene is another record', async () => {
    await saved();
    expect(UploadRecord.open(at('.'), '/film/other.blend').lastFiles).toEqual([]);
  });

  test('is empty if its file is cut off', async () => {
    await saved();
    writeFileSync(recordFile(), '{"version":1,"files":[["/film/a');
    expect(UploadRecord.open(at('.'), SCENE).lastFiles).toEqual([]);
  });

  test('forgets files that the last upload did not use', async () => {
    const record = await saved();
    record.noteFile('/film/b.exr', 'stamp-1', 'md5-b');
    await record.save();
    expect(UploadRecord.open(at('.'), SCENE).lastFiles).toEqual([['/film/b.exr', 'md5-b']]);
  });

  /** The record after an upload with one changed file, which saves before and after it compares objects. */
  async function savedAgain(usesObject: boolean): Promise<UploadRecord> {
    const record = await saved();
    record.noteFile('/film/b.exr', 'stamp-1', 'md5-b');
    await record.save({ isEarly: true });
    if (usesObject) record.hasContent(object('etag-of-parts'), 'md5-a');
    await record.save();
    return UploadRecord.open(at('.'), SCENE);
  }

  test('keeps its objects if an upload with a changed file is interrupted', async () => {
    const record = await saved();
    record.noteFile('/film/b.exr', 'stamp-1', 'md5-b');
    await record.save({ isEarly: true });
    const next = UploadRecord.open(at('.'), SCENE);
    expect(next.hasContent(object('etag-of-parts'), 'md5-a')).toBe(true);
  });

  test('keeps the objects that an upload with a changed file used', async () => {
    expect((await savedAgain(true)).hasContent(object('etag-of-parts'), 'md5-a')).toBe(true);
  });

  test('forgets objects that the last upload did not use', async () => {
    expect((await savedAgain(false)).hasContent(object('etag-of-parts'), 'md5-a')).toBe(false);
  });

  test('is saved without an error if nothing was noted', async () => {
    expect(await UploadRecord.open(at('.'), SCENE).save()).toBeUndefined();
  });

  test('deletes unfinished uploads and their locks after 90 days', async () => {
    mkdirSync(at('parts/old.lock/lock'), { recursive: true });
    for (const name of ['old.parts', 'new.parts']) writeFileSync(at('parts', name), '{}');
    for (const name of ['old.parts', 'old.lock']) utimesSync(at('parts', name), 1, 1);
    await saved();
    expect(readdirSync(at('parts'))).toEqual(['new.parts']);
  });

  test('deletes records that were not used for 90 days', async () => {
    await saved();
    const old = join(at('uploads'), 'old.json');
    writeFileSync(old, '{}');
    utimesSync(old, 1, 1);
    const record = UploadRecord.open(at('.'), SCENE);
    record.md5Of('/film/a.exr', 'stamp-1');
    await record.save();
    expect(readdirSync(at('uploads'))).not.toContain('old.json');
  });

  test('reports why it cannot be saved', async () => {
    writeFileSync(at('file'), '');
    const record = UploadRecord.open(at('file'), SCENE);
    record.noteFile('/film/a.exr', 'stamp-1', 'md5-a');
    expect(await record.save()).toContain('is a file, not a folder');
  });
});
