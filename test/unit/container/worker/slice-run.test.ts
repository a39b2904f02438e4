import { SliceReporter } from '../../../../container/worker/slice-run';
import { Render } from '../../../../core/render/render';
import { MemoryStorage } from '../../../support/memory-storage';

test('a slice report lists frames in the order of saving, even if a later frame is stored first', async () => {
  const render = Render.in(new URL('memory://films/renders/shot/'), new MemoryStorage());
  const at = new Date(0).toISOString();
  const reporter = await SliceReporter.begin(render, 0, { attempt: 1, startedAt: at, kept: 0 });
  const store = (frame: number, place: number) =>
    reporter.stored({ frame, seconds: 1, storedAt: at, bytes: 1 }, place);
  await Promise.all([store(12, 1), store(11, 0), store(14, 3), store(13, 2)]);
  const report = await render.slice(0).require();
  expect(report.attempts[0]!.frames.map(({ frame }) => frame)).toEqual([11, 12, 13, 14]);
});

test('a slice report has the seconds of all starts of Blender', async () => {
  const render = Render.in(new URL('memory://films/renders/shot/'), new MemoryStorage());
  const at = new Date(0).toISOString();
  const reporter = await SliceReporter.begin(render, 0, { attempt: 1, startedAt: at, kept: 0 });
  reporter.ready(2.5);
  // The clock was set back.
  reporter.ready(-60);
  reporter.ready(1);
  await reporter.failed(7);
  expect((await render.slice(0).require()).attempts[0]).toMatchObject({ startSeconds: 3.5 });
});
