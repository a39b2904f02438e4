/**
 * `npm run fuzz [-- ROUNDS [SEED]]`: spoils good files and has the reader read them; 100,000 rounds by default.
 * Ends with 1 at the first round that is neither answered nor refused with a typed error, that takes longer than
 * `SLOW_MILLISECONDS`, or after which this process holds more than `MAX_RESIDENT_BYTES`.
 */
import { emptyOutcome, fuzzRound } from './fuzz-rounds';
import { fuzzSubjects } from './subjects';

const ROUNDS = 100_000;

/** A frame that never ends is stopped after 10 seconds, on a machine that may have other things to do. */
const SLOW_MILLISECONDS = 30_000;

/** The subjects themselves and what tsx holds are in it. */
const MAX_RESIDENT_BYTES = 512 << 20;

async function main(): Promise<void> {
  const [rounds = ROUNDS, firstSeed = 0] = process.argv.slice(2).map(Number);
  const subjects = await fuzzSubjects();
  const outcomes = subjects.map(emptyOutcome);
  const started = performance.now();
  for (let round = 0; round < rounds; round++) {
    const index = round % subjects.length;
    const outcome = outcomes[index]!;
    await fuzzRound(subjects[index]!, firstSeed + round, outcome);
    if (outcome.slowestMilliseconds > SLOW_MILLISECONDS) {
      throw new Error(`${subjects[index]!.name}, seed ${outcome.slowestSeed}: it took too long`);
    }
    if (process.memoryUsage.rss() > MAX_RESIDENT_BYTES)
      throw new Error(`seed ${firstSeed + round}: too much memory`);
  }
  for (const [index, { name }] of subjects.entries()) {
    const { answers, errors, slowestMilliseconds, slowestSeed } = outcomes[index]!;
    const codes = Object.entries(errors).map(([code, count]) => `${code} ${count}`);
    const slowest = `slowest ${slowestMilliseconds.toFixed(0)} ms (seed ${slowestSeed})`;
    process.stdout.write(`${name}: answered ${answers}, ${codes.join(', ')}; ${slowest}\n`);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  process.stdout.write(`${rounds} rounds from seed ${firstSeed} in ${seconds} s\n`);
}

void main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
