import { mostLogBytes, WorkerLog } from '../../../../container/worker/worker-log';
import { parseWorkerEvent, type WorkerEvent } from '../../../../core/contract/worker-event';

const MIB = 1024 * 1024;
const blender = (line: string): WorkerEvent => ({ event: 'output', program: 'blender', line });

function logOf(mostBytes: number, events: readonly WorkerEvent[]) {
  const written: string[] = [];
  const log = new WorkerLog((text) => written.push(text), mostBytes);
  log.context = { renderId: 'film', attempt: 1 };
  for (const event of events) log.say(event);
  log.end();
  return { bytes: written.join('').length, events: written.map((text) => parseWorkerEvent(text.trimEnd())) };
}

test('a worker log within its limit is complete', () => {
  const { events } = logOf(MIB, [blender('Fra:1'), { event: 'frame-stored', frame: 1, seconds: 2 }]);
  expect(events).toEqual([blender('Fra:1'), { event: 'frame-stored', frame: 1, seconds: 2 }]);
});

test('a worker log over its limit drops program lines, keeps events, and reports this twice', () => {
  const flood = Array.from({ length: 2000 }, () => blender('x'.repeat(1000)));
  const stored: WorkerEvent = { event: 'frame-stored', frame: 1, seconds: 2 };
  const { bytes, events } = logOf(MIB, [...flood, stored, blender('after'), stored]);
  expect(bytes).toBeLessThan(MIB + 2000);
  expect(events.filter((event) => event?.event === 'frame-stored')).toHaveLength(2);
  const notes = events.flatMap((event) =>
    event?.event === 'output' && event.program === 'worker' ? [event.line] : [],
  );
  expect(notes[0]).toContain(
    'Spotreel drops lines of Blender and ffmpeg from here on: the log of an attempt has at most 1 MiB',
  );
  expect(notes[1]).toMatch(
    /^Spotreel dropped \d+ lines \(1\.1 MiB\) of Blender and ffmpeg: .* raise the setting logMiB/,
  );
  expect(events.at(-1)).toEqual({ event: 'output', program: 'worker', line: notes[1] });
  const kept = events.filter((event) => event?.event === 'output' && event.program === 'blender').length;
  const dropped = Number(/dropped (\d+) lines/.exec(notes[1]!)?.[1]);
  expect(kept + dropped).toBe(2000 + 1);
});

test.each([
  [undefined, 64],
  ['16', 16],
  ['0', 64],
  ['much', 64],
])('SPOTREEL_LOG_MIB=%s limits the log to %i MiB', (SPOTREEL_LOG_MIB, mebibytes) => {
  expect(mostLogBytes({ SPOTREEL_LOG_MIB })).toBe(mebibytes * MIB);
});
