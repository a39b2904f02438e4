import { readBlendFacts } from '../../core/scene/blend/facts';
import { BlendFormatError } from '../../core/scene/blend/header';
import { readBlendContents } from '../../core/scene/contents/read-contents';
import type { ByteSource } from '../../core/storage/storage';
import { bytesSource } from '../support/counting-source';
import { randomOf } from '../support/random';
import { mutate } from './mutate';
import type { Subject } from './subjects';

/** Less than the reader's own budget, so that a bomb is detected early. */
const LIMITS = { wholeBytes: 32 << 20, seekableBytes: 64 << 20 };

/** How the rounds of one subject ended. */
export interface Outcome {
  /** Files that were read despite their damage. */
  answers: number;
  /** By their code. */
  readonly errors: Record<string, number>;
  slowestMilliseconds: number;
  /** The seed of the slowest round. */
  slowestSeed: number;
}

/**
 * One round spoils a file by `seed` and reads it, its facts and then what it needs. Throws for anything but an answer that
 * holds or a typed error.
 */
export async function fuzzRound(subject: Subject, seed: number, outcome: Outcome): Promise<void> {
  const bytes = subject.pack(mutate(subject.bytes, subject.hot, randomOf(seed)));
  const source = bytesSource(bytes);
  const started = performance.now();
  const name = `${subject.name}, seed ${seed}`;
  const code = await errorOf(name, () => readFacts(source));
  if (code === undefined) outcome.answers += 1;
  else outcome.errors[code] = (outcome.errors[code] ?? 0) + 1;
  if (source.reads > 64 || source.readBytes > 64 << 20) {
    throw new Error(`${name}: too much was read: ${source.reads} requests, ${source.readBytes} bytes`);
  }
  await errorOf(`${name}, contents`, () => readBlendContents(bytesSource(bytes)));
  const took = performance.now() - started;
  if (took > outcome.slowestMilliseconds) {
    outcome.slowestMilliseconds = took;
    outcome.slowestSeed = seed;
  }
}

async function readFacts(source: ByteSource): Promise<void> {
  const facts = await readBlendFacts(source, LIMITS);
  const names = facts.scenes.map((scene) => scene.name);
  if (facts.incomplete) throw new Error('a small file needs no more than the budget');
  if (!names.includes(facts.activeScene)) throw new Error(`the active scene is not among ${names.join()}`);
}

/** The code of its typed error; `undefined` for an answer. Throws for any other error. */
async function errorOf(name: string, read: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await read();
    return undefined;
  } catch (error) {
    if (!(error instanceof BlendFormatError)) throw new Error(`${name}: ${String(error)}`, { cause: error });
    if (!Number.isSafeInteger(error.offset) || error.offset < 0)
      throw new Error(`${name}: the offset ${error.offset}`, { cause: error });
    return error.code;
  }
}

export function emptyOutcome(): Outcome {
  return { answers: 0, errors: {}, slowestMilliseconds: 0, slowestSeed: 0 };
}
