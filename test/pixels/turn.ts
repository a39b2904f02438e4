import { spawnSync } from 'node:child_process';
import { ROOT } from '../support/source-files';
import type { Feature } from './feature';

/** The gate renders each scene with one of so many Blenders. */
const BLENDERS = 3;

/** The scenes whose turn it is with Blender `blender`, a number from 0. Another commit has another turn. */
export function inTurn(features: readonly Feature[], blender: number, turn = turnOfCommit()): Feature[] {
  return features.filter((_, index) => (index + blender + turn) % BLENDERS === 0);
}

/** A number by the name of this commit, which a shallow clone knows, too; without git by the day. */
function turnOfCommit(): number {
  const { stdout } = spawnSync('git', ['rev-parse', '--short=8', 'HEAD'], { cwd: ROOT, encoding: 'utf8' });
  const commit = Number.parseInt(stdout ?? '', 16);
  return Number.isNaN(commit) ? Math.floor(Date.now() / 86_400_000) : commit;
}
