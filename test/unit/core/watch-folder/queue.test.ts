import { mkdirSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { takeLock } from '../../../../core/local-batch/lock';
import { Render } from '../../../../core/render/render';
import {
  lookAtQueue,
  queueAround,
  type QueuedUpload,
  queueUrl,
  turnOf,
  UploadQueue,
} from '../../../../core/watch-folder/queue';
import { MemoryStorage } from '../../../support/memory-storage';
import { useScratchFolder } from '../../../support/scratch-folder';

describe('look at queue', () => {
  const at = useScratchFolder();
  const output = () => pathToFileURL(`${at('renders')}/`);

  function writeQueue(...states: Array<[renderId: string, state: string]>): void {
    mkdirSync(at('renders/.farm'), { recursive: true });
    const uploads = states.map(([renderId, state]) => ({ key: renderId, version: '1', renderId, state }));
    writeFileSync(at('renders/.farm/uploads.json'), JSON.stringify({ version: 1, uploads }));
  }

  test('lookAtQueue finds no queue in a folder that was never watched', () => {
    expect(lookAtQueue(output())).toBeUndefined();
    expect(lookAtQueue(new URL('s3://films/renders/'))).toBeUndefined();
    const inBucket = Render.in(new URL('s3://films/renders/shot-1a2b3c4d/'), new MemoryStorage());
    expect(queueAround(inBucket)).toBeUndefined();
  });

  test('turnOf returns a turn only if a process watches the folder', async () => {
    writeQueue(['a', 'ended'], ['b', 'waiting'], ['c', 'waiting']);
    const left = lookAtQueue(output());
    expect(left).toEqual({ holder: undefined, waiting: ['b', 'c'] });
    expect(turnOf('c', left)).toBeUndefined();
    const lock = await takeLock(at('renders/.farm'));
    const render = Render.at(output(), 'c', new MemoryStorage());
    const queue = queueAround(render);
    expect(queue?.holder?.pid).toBe(process.pid);
    expect(['a', 'b', render.renderId].map((id) => turnOf(id, queue))).toEqual([undefined, 0, 1]);
    lock.release();
  });

  test('lookAtQueue finds no queue in an unreadable file', () => {
    mkdirSync(at('renders/.farm'), { recursive: true });
    writeFileSync(at('renders/.farm/uploads.json'), '{"version": 2}');
    expect(lookAtQueue(output())).toBeUndefined();
  });
});

describe('upload queue', () => {
  const OUTPUT = new URL('memory://films/renders/');

  const upload = (key: string, version = '1', more: Partial<QueuedUpload> = {}): QueuedUpload => ({
    key,
    version,
    renderId: `${key}-${version}`,
    state: 'waiting',
    ...more,
  });

  async function open(storage = new MemoryStorage()) {
    return { storage, queue: await UploadQueue.open(OUTPUT, storage) };
  }

  const ids = (queue: UploadQueue) => queue.waiting().map(({ renderId }) => renderId);

  test('the next camera of an upload takes the place of the previous one', async () => {
    const { storage, queue } = await open();
    await queue.add(upload('a', '1', { more: ['a-2', 'a-3'] }));
    await queue.add(upload('b'));
    expect(queue.holds('a-3')).toBe(true);
    await queue.end('a-2');
    await queue.end('a-1');
    expect(ids(queue)).toEqual(['a-3', 'b-1']);
    expect(ids((await open(storage)).queue)).toEqual(['a-3', 'b-1']);
    await queue.end('a-3');
    expect(ids(queue)).toEqual(['b-1']);
  });

  test('renders wait in the order of arrival, also after a restart', async () => {
    const { storage, queue } = await open();
    for (const key of ['b', 'a', 'c']) await queue.add(upload(key));
    await queue.end('a-1');
    expect(ids(queue)).toEqual(['b-1', 'c-1']);
    const { queue: again } = await open(storage);
    expect(ids(again)).toEqual(['b-1', 'c-1']);
    expect(again.knows({ key: 'a', version: '1' })).toBe(true);
    expect(again.knows({ key: 'a', version: '2' })).toBe(false);
  });

  test('a new version replaces the previous one and waits at the end', async () => {
    const { queue } = await open();
    for (const key of ['a', 'b']) await queue.add(upload(key));
    await queue.add(upload('a', '2'));
    expect(ids(queue)).toEqual(['b-1', 'a-2']);
    // The render of the previous version.
    await queue.end('a-1');
    expect(ids(queue)).toEqual(['b-1', 'a-2']);
  });

  test('a scene that is written again keeps its turn until its render has ended', async () => {
    const { queue } = await open();
    for (const key of ['a', 'b']) await queue.add(upload(key));
    await queue.add(upload('a', '2', { renderId: 'a-1' }));
    expect(ids(queue)).toEqual(['a-1', 'b-1']);
    await queue.end('a-1');
    await queue.add(upload('a', '3', { renderId: 'a-1' }));
    expect(ids(queue)).toEqual(['b-1', 'a-1']);
  });

  test('keepOnly forgets deleted uploads', async () => {
    const { storage, queue } = await open();
    for (const key of ['a', 'b']) await queue.add(upload(key));
    await queue.keepOnly((key) => key === 'b');
    expect(ids(queue)).toEqual(['b-1']);
    expect((await open(storage)).queue.knows(upload('a'))).toBe(false);
  });

  test('a torn queue file counts as empty', async () => {
    const { storage } = await open();
    await storage.put(queueUrl(OUTPUT), '{"version":1,"uploads":[{"ke');
    expect(ids((await open(storage)).queue)).toEqual([]);
  });

  test('a change that cannot be written has no effect', async () => {
    const { storage, queue } = await open();
    await queue.add(upload('a'));
    jest.spyOn(storage, 'put').mockRejectedValue(new Error('no space'));
    await expect(queue.end('a-1')).rejects.toThrow('no space');
    expect(ids(queue)).toEqual(['a-1']);
  });
});
