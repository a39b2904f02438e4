import { capReason, MAX_COST_REASON } from '../../../../core/render/records';

test('capReason has the prefix that the finish Lambda expects, the cap and the cost', () => {
  const reason = capReason(5, 5.123);
  expect(reason.startsWith(MAX_COST_REASON)).toBe(true);
  expect(reason).toBe('stopped at its cap of 5.00 USD: at the highest prices 5.12 USD are spent');
});
