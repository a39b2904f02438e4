import { setCap } from '../../../../core/jobs/submit';
import { capReason, type CostCap, MAX_COST_REASON } from '../../../../core/render/records';
import { Render } from '../../../../core/render/render';
import { MemoryStorage } from '../../../support/memory-storage';

const output = new URL('memory://films/renders/');
const setUp = () => {
  const storage = new MemoryStorage();
  return { storage, render: Render.at(output, 'shot-1', storage) };
};
const cap = (maxUsd: number, at: string): CostCap => ({ version: 1, renderId: 'shot-1', maxUsd, at });
const [EARLIER, LATER] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:01.000Z'];

test('of two caps the one that was asked for later holds, whichever comes first', async () => {
  for (const order of [
    [EARLIER, LATER],
    [LATER, EARLIER],
  ]) {
    const { render } = setUp();
    for (const at of order) await setCap(cap(at === LATER ? 8 : 5, at), render);
    expect(await render.cap.readIfValid()).toEqual(cap(8, LATER));
  }
});

test('raising a cap forgets that it was reached', async () => {
  const { render } = setUp();
  const stopped = { jobId: 'job-1', usd: 5.1, at: EARLIER };
  await setCap({ ...cap(5, EARLIER), stopped }, render);
  await setCap(cap(8, LATER), render);
  expect(await render.cap.readIfValid()).toEqual(cap(8, LATER));
});

test('set by many at once, the latest holds', async () => {
  const { render } = setUp();
  const times = Array.from({ length: 4 }, (_, i) => new Date(i).toISOString());
  await Promise.all(times.map((at, i) => setCap(cap(i + 1, at), render)));
  expect(await render.cap.readIfValid()).toMatchObject({ maxUsd: 4 });
});

test('what is no cap is none', async () => {
  const { storage, render } = setUp();
  await storage.put(render.cap.url, '{"maxUsd":-1}');
  expect(await render.cap.readIfValid()).toBeUndefined();
  await setCap(cap(5, EARLIER), render);
  expect(await render.cap.readIfValid()).toMatchObject({ maxUsd: 5 });
});

test('the reason of a stop names cap and spending, and begins as the finish Lambda expects', () => {
  const reason = capReason(5, 5.123);
  expect(reason.startsWith(MAX_COST_REASON)).toBe(true);
  expect(reason).toBe('stopped at its cap of 5.00 USD: at the highest prices 5.12 USD are spent');
});

test('the same request again keeps the note that the cap was reached', async () => {
  const { render } = setUp();
  const stopped = { jobId: 'job-1', usd: 5.1, at: EARLIER };
  await setCap({ ...cap(5, EARLIER), stopped }, render);
  await setCap(cap(5, EARLIER), render);
  expect(await render.cap.readIfValid()).toMatchObject({ stopped });
});
