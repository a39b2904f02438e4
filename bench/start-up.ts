import { join } from 'node:path';
import { measure } from './measure';
import { ROOT } from './ways';

const PAIRS = 21;

/** Seconds of an empty Node and of `spotreel --help`, in turn. */
export interface StartUp {
  readonly node: readonly number[];
  readonly help: readonly number[];
}

export async function startUp(): Promise<StartUp> {
  const [node, help]: [number[], number[]] = [[], []];
  for (let pair = 0; pair < PAIRS; pair += 1) {
    node.push((await measure([process.execPath, '-e', '0'])).seconds);
    help.push((await measure([process.execPath, join(ROOT, 'dist/spotreel.js'), '--help'])).seconds);
  }
  return { node, help };
}
