// Prints the parts of test/heavy.json whose paths have changed since the branch left the default branch, with commas between
// them. If git cannot answer, it prints `all`.
//
//   node scripts/heavy-parts.mjs [BASE]
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Seconds whose commits count as one change on the default branch. */
const CHANGE_SECONDS = 24 * 60 * 60;
const parts = JSON.parse(readFileSync(new URL('../test/heavy.json', import.meta.url), 'utf8'));

const changed = changedPaths(process.argv[2] ?? base());
const wanted = changed && heavyParts(parts, changed);
process.stdout.write(`${wanted ? wanted.join(',') : 'all'}\n`);

function heavyParts(all, paths) {
  const isIn = (path, place) => path === place || (place.endsWith('/') && path.startsWith(place));
  return Object.keys(all).filter((part) =>
    all[part].some((place) => paths.some((path) => isIn(path, place))),
  );
}

/** Committed or not; `undefined` if git cannot answer. */
function changedPaths(since) {
  if (since === undefined) return undefined;
  const paths = git('diff', '--name-only', '--no-renames', since);
  const fresh = git('ls-files', '--others', '--exclude-standard');
  return paths === undefined || fresh === undefined ? undefined : [...lines(paths), ...lines(fresh)];
}

/** Where this branch left the default branch. */
function base() {
  const head = git('rev-parse', 'HEAD');
  for (const branch of ['origin/HEAD', 'origin/main', 'main']) {
    const left = git('merge-base', 'HEAD', branch);
    if (left) return left === head ? baseOnDefaultBranch() : left;
  }
  return undefined;
}

/** The last commit of the day before HEAD's, as a push may have many commits; of a merge, its whole branch counts. */
function baseOnDefaultBranch() {
  const at = Number(git('log', '-1', '--format=%ct', 'HEAD'));
  return git('rev-list', '-1', '--first-parent', `--before=${at - CHANGE_SECONDS}`, 'HEAD') || undefined;
}

/** What git prints; `undefined` if it fails. */
function git(...args) {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

function lines(text) {
  return text.split('\n').filter((line) => line !== '');
}
