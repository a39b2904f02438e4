import * as syncFs from 'node:fs';
import type * as fs from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Journal } from '../../../../core/local-batch/journal';
import { FileStorage } from '../../../../core/storage/file-storage';
import { fileUrl } from '../../../../core/storage/storage';
import { UploadQueue } from '../../../../core/watch-folder/queue';
import { useScratchFolder } from '../../../support/scratch-folder';

/** The system calls that matter, in their order. Each of them is made; nothing is replaced. */
const calls: string[] = [];

jest.mock('node:fs/promises', () => {
  const actual = jest.requireActual<typeof fs>('node:fs/promises');
  const open = async (path: string, flags: string) => {
    const handle = await actual.open(path, flags);
    const sync = handle.sync.bind(handle);
    handle.sync = async () => {
      calls.push(`sync ${path}`);
      await sync();
    };
    return handle;
  };
  const named = (name: 'rename' | 'link') => async (from: string, to: string) => {
    calls.push(`${name} ${to}`);
    await actual[name](from, to);
  };
  return { ...actual, open, rename: named('rename'), link: named('link') };
});
jest.mock('node:fs', () => {
  const actual = jest.requireActual<typeof syncFs>('node:fs');
  const fsyncSync = (file: number) => {
    calls.push(`sync ${actual.readlinkSync(`/proc/self/fd/${file}`)}`);
    actual.fsyncSync(file);
  };
  return { ...actual, fsyncSync };
});

const at = useScratchFolder();
beforeEach(() => calls.splice(0));

/** Temporary files have random names. */
const seen = (): string[] =>
  calls.map((call) =>
    call
      .replace(/\.([^/]*)\.[0-9a-f]{12}\.part$/, '$1 (partial)')
      .replace(`${at()}/`, '')
      .replace(at(), '.'),
  );

const storage = new FileStorage();

test('a durable file is synced before its rename, and its new folders after it', async () => {
  await storage.put(fileUrl(at('out/shot/frames/0001.png')), 'x', { durable: true });
  expect(seen()).toEqual([
    'sync out/shot/frames/0001.png (partial)',
    'rename out/shot/frames/0001.png',
    'sync out/shot/frames',
    'sync out/shot',
    'sync out',
    'sync .',
  ]);
});

test('a durable file in an existing folder needs two syncs', async () => {
  await storage.put(fileUrl(at('a.json')), 'x', { durable: true, ifAbsent: true });
  expect(seen()).toEqual(['sync a.json (partial)', 'link a.json', 'sync .']);
});

test('a file that is not durable is not synced', async () => {
  await storage.put(fileUrl(at('a.log')), 'x');
  expect(seen()).toEqual(['rename a.log']);
});

test('the queue of uploads is durable', async () => {
  const queue = await UploadQueue.open(fileUrl(`${at('renders')}/`), storage);
  await queue.add({ key: 'uploads/a.blend', version: '1', renderId: 'a', state: 'waiting' });
  expect(seen().slice(0, 3)).toEqual([
    'sync renders/.farm/uploads.json (partial)',
    'rename renders/.farm/uploads.json',
    'sync renders/.farm',
  ]);
});

test('a durable line of a journal is synced, and the first line also syncs the folder', () => {
  const journal = new Journal(at('job.jsonl'));
  journal.append({ type: 'submitted' }, true);
  journal.append({ type: 'started' });
  journal.append({ type: 'ended' }, true);
  journal.close();
  const path = syncFs.realpathSync(at('job.jsonl'));
  expect(calls.map((call) => basename(call))).toEqual(
    [path, dirname(path), path].map((one) => basename(one)),
  );
  expect(syncFs.readFileSync(join(path), 'utf8').trimEnd().split('\n')).toHaveLength(3);
});
