import { usualFarm, warmNotes } from '../../../../cli/estimate/farm';
import { describeSpread, warmUsd } from '../../../../core/cost/prices';
import { tableRenderPrices } from '../../../../core/cost/receipt';

const FARM = usualFarm('a test');
const prices = tableRenderPrices(FARM.machines, false, 'us-east-1');

test('warmNotes shows what the machines of the slices at once cost while they wait', () => {
  const [note] = warmNotes({ ...FARM, warmMinutes: 60 }, 2, prices);
  expect(note).toContain('wait 60 min for the next job (warmMinutes)');
  expect(note).toContain(`this adds ${describeSpread(warmUsd(prices.render.spot, 8, 60))}`);
});

test('warmNotes is empty for a farm whose machines do not wait', () => {
  expect(warmNotes(FARM, 2, prices)).toEqual([]);
});
