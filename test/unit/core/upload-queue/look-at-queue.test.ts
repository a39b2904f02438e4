import { mkdirSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { takeLock } from '../../../../core/batch/local/lock';
import { lookAtQueue, queueAround, turnOf } from '../../../../core/upload-queue/look-at-queue';
import { useScratchFolder } from '../../../support/scratch-folder';

const at = useScratchFolder();
const output = () => pathToFileURL(`${at('renders')}/`);

function writeQueue(...states: Array<[renderId: string, state: string]>): void {
  mkdirSync(at('renders/.farm'), { recursive: true });
  const uploads = states.map(([renderId, state]) => ({ key: renderId, version: '1', renderId, state }));
  writeFileSync(at('renders/.farm/uploads.json'), JSON.stringify({ version: 1, uploads }));
}

test('where nobody ever watched there is no queue', () => {
  expect(lookAtQueue(output())).toBeUndefined();
  expect(lookAtQueue(new URL('s3://films/renders/'))).toBeUndefined();
  expect(queueAround(new URL('s3://films/renders/shot-1a2b3c4d/'))).toEqual({ renderId: 'shot-1a2b3c4d' });
});

test('only a queue that somebody works on gives turns', async () => {
  writeQueue(['a', 'ended'], ['b', 'waiting'], ['c', 'waiting']);
  const left = lookAtQueue(output());
  expect(left).toEqual({ holder: undefined, waiting: ['b', 'c'] });
  expect(turnOf('c', left)).toBeUndefined();
  const lock = await takeLock(at('renders/.farm'));
  const { renderId, queue } = queueAround(new URL('c/', output()));
  expect(queue?.holder?.pid).toBe(process.pid);
  expect(['a', 'b', renderId].map((id) => turnOf(id, queue))).toEqual([undefined, 0, 1]);
  lock.release();
});

test('a queue that can’t be read is none', () => {
  mkdirSync(at('renders/.farm'), { recursive: true });
  writeFileSync(at('renders/.farm/uploads.json'), '{"version": 2}');
  expect(lookAtQueue(output())).toBeUndefined();
});
