import { formatExactSeconds, formatSeconds } from '../../../core/format-seconds';

test.each([
  [4.4, '4 s'],
  [59.6, '1 min 0 s'],
  [200, '3 min 20 s'],
  [7500, '2 h 05 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test.each([
  [0.4219, '0.42 s'],
  [7.25, '7.3 s'],
  [61, '1 min 1 s'],
])('%d seconds are exactly %s', (seconds, text) => {
  expect(formatExactSeconds(seconds)).toBe(text);
});
