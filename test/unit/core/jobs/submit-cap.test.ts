import { setCap } from '../../../../core/jobs/submit';
import type { CostCap } from '../../../../core/render/records';
import { Render } from '../../../../core/render/render';
import { MemoryStorage } from '../../../support/memory-storage';

const output = new URL('memory://films/renders/');
const setUp = () => {
  const storage = new MemoryStorage();
  return { storage, render: Render.at(output, 'shot-1', storage) };
};
const cap = (maxUsd: number, at: string): CostCap => ({ version: 1, renderId: 'shot-1', maxUsd, at });
const [EARLIER, LATER] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:01.000Z'];

test('setCap keeps the cap of the later request in any order', async () => {
  for (const order of [
    [EARLIER, LATER],
    [LATER, EARLIER],
  ]) {
    const { render } = setUp();
    for (const at of order) await setCap(cap(at === LATER ? 8 : 5, at), render);
    expect(await render.cap.readIfValid()).toEqual(cap(8, LATER));
  }
});

test('setCap with a new cap removes the note that the old one was reached', async () => {
  const { render } = setUp();
  const stopped = { jobId: 'job-1', usd: 5.1, at: EARLIER };
  await setCap({ ...cap(5, EARLIER), stopped }, render);
  await setCap(cap(8, LATER), render);
  expect(await render.cap.readIfValid()).toEqual(cap(8, LATER));
});

test('setCap keeps the latest of concurrent caps', async () => {
  const { render } = setUp();
  const times = Array.from({ length: 4 }, (_, i) => new Date(i).toISOString());
  await Promise.all(times.map((at, i) => setCap(cap(i + 1, at), render)));
  expect(await render.cap.readIfValid()).toMatchObject({ maxUsd: 4 });
});

test('setCap replaces an invalid cap file', async () => {
  const { storage, render } = setUp();
  await storage.put(render.cap.url, '{"maxUsd":-1}');
  expect(await render.cap.readIfValid()).toBeUndefined();
  await setCap(cap(5, EARLIER), render);
  expect(await render.cap.readIfValid()).toMatchObject({ maxUsd: 5 });
});

test('setCap keeps the note that the cap was reached if the request is repeated', async () => {
  const { render } = setUp();
  const stopped = { jobId: 'job-1', usd: 5.1, at: EARLIER };
  await setCap({ ...cap(5, EARLIER), stopped }, render);
  await setCap(cap(5, EARLIER), render);
  expect(await render.cap.readIfValid()).toMatchObject({ stopped });
});
