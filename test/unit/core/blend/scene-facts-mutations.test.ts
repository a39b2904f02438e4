import { emptyOutcome, fuzzRound } from '../../../fuzz/fuzz-rounds';
import { fuzzSubjects } from '../../../fuzz/subjects';

const ROUNDS = 60;

// `npm run fuzz` has more of it.
test('a spoilt file is answered or refused with a typed error, within the budget', async () => {
  const refused: Record<string, number> = {};
  let answers = 0;
  for (const subject of await fuzzSubjects()) {
    const outcome = emptyOutcome();
    for (let seed = 0; seed < ROUNDS; seed++) await fuzzRound(subject, seed, outcome);
    const errors = Object.entries(outcome.errors);
    expect(outcome.answers + errors.reduce((sum, [, count]) => sum + count, 0)).toBe(ROUNDS);
    answers += outcome.answers;
    for (const [code, count] of errors) refused[code] = (refused[code] ?? 0) + count;
  }
  // The damage is neither always harmless nor always seen at once.
  expect(answers).toBeGreaterThan(100);
  const codes = [
    'bad-block',
    'bad-gzip',
    'bad-sdna',
    'bad-zstd',
    'future-format',
    'no-scene',
    'not-blend',
    'truncated',
  ];
  expect(Object.keys(refused)).toEqual(expect.arrayContaining(codes));
}, 120_000);
