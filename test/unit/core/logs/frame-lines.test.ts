import type { WorkerEvent } from '../../../../core/contract/worker-event';
import { FrameLines } from '../../../../core/logs/frame-lines';

const said = (line: string): WorkerEvent => ({ event: 'output', program: 'blender', line });
const began = (frame: number): WorkerEvent => ({ event: 'frame-started', frame });
const stored = (frame: number): WorkerEvent => ({ event: 'frame-stored', frame, seconds: 1 });
const failed = (frame: number): WorkerEvent => ({ event: 'frame-failed', frame, reason: 'x', final: false });

function framesOf(events: readonly WorkerEvent[]) {
  const lines = new FrameLines();
  return events.map((event) => lines.read(JSON.stringify(event)).frame);
}

test('what Blender says belongs to the frame that it has begun', () => {
  const events = [said('Blender 5.2.0'), began(3), said('Saved: …'), began(4), stored(3), said('a warning')];
  expect(framesOf(events)).toEqual([undefined, 3, 3, 4, 3, 4]);
});

test('a line that names a frame belongs to that one, as any Blender writes it', () => {
  const [old, recent] = [
    'Fra:-7 Mem:10.08M | Sample 1/8',
    '00:01.326  render           | Fra: 9 | Sample 1/8',
  ];
  expect(framesOf([began(3), said(old), said(recent), said('Fra:')])).toEqual([3, -7, 9, 3]);
});

test('after a frame that failed Blender speaks of none, and other programs never do', () => {
  const ffmpeg: WorkerEvent = { event: 'output', program: 'ffmpeg', line: 'Fra:3' };
  const events = [began(3), ffmpeg, failed(2), said('x'), failed(3), said('Blender 5.2.0')];
  expect(framesOf(events)).toEqual([3, undefined, 2, 3, 3, undefined]);
});

test('a line that no worker wrote is about nothing', () => {
  const lines = new FrameLines();
  lines.read(JSON.stringify(began(3)));
  expect(lines.read('node: out of memory')).toEqual({ event: undefined, frame: undefined });
  expect(lines.read('{"event":"else"}')).toEqual({ event: undefined, frame: undefined });
});
