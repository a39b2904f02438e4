import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { filesNeededBy, importGraph } from '../../scripts/import-graph';
import { fewOrAll, HEAVY_PARTS, runsHeavy } from '../support/heavy';
import { ROOT, sourceFiles } from '../support/source-files';

const TESTS = sourceFiles(['test'], ['.test.ts']);

test.each(Object.entries(HEAVY_PARTS))('the paths that call for heavy tests of %s exist', (_, paths) => {
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

/** The gate as a whole leaves out a suite that takes minutes to set up. */
const GATE = { path: '.ci/run', text: readFileSync(join(ROOT, '.ci/run'), 'utf8') };

test.each(Object.keys(HEAVY_PARTS))('%s has heavy tests', (part) => {
  const uses = new RegExp(`(?:fewOrAll|runsHeavy)\\(\\s*'${part}'|\\bheavy (?:\\w+ )*${part}\\b`);
  expect([...TESTS, GATE].filter(({ text }) => uses.test(text))).not.toEqual([]);
});

/** Files of the worker that have nothing to do with a container, and with the pictures of a Blender. */
const UNRELATED: ReadonlyArray<readonly [part: string, paths: RegExp]> = [
  ['containers', /^core\/(?:(?:concurrency|errors|json|text)\.ts|(?:cost|report|scene)\/)/],
  ['pixels', /^core\/(?:[\w-]+\.ts|(?:cost|report|storage)\/)/],
];

test.each(UNRELATED)('a change of the worker calls for heavy tests of %s', (part, unrelated) => {
  const graph = importGraph(sourceFiles(['container', 'core'], ['.ts']));
  const worker = [...filesNeededBy('container/worker/main.ts', graph)];
  const paths = HEAVY_PARTS[part]!;
  const isCovered = (file: string) =>
    paths.some((path) => file === path || (path.endsWith('/') && file.startsWith(path)));
  expect(worker.filter((file) => !unrelated.test(file) && !isCovered(file))).toEqual([]);
});

test.each(Object.keys(HEAVY_PARTS))('CONTRIBUTING says what is heavy in %s', (part) => {
  expect(readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8')).toMatch(
    new RegExp(`^\\| \`${part}\` +\\|`, 'm'),
  );
});

test('runsHeavy is true only for parts that are named', () => {
  expect(['', 'videos', 'sound,videos', 'all'].map((wanted) => runsHeavy('videos', wanted))).toEqual([
    false,
    true,
    true,
    true,
  ]);
});

test('runsHeavy rejects a part that test/heavy.json lacks', () => {
  expect(() => runsHeavy('nonsense')).toThrow('has no part "nonsense"');
  expect(() => runsHeavy('videos', 'nonsense')).toThrow('has no part "nonsense"');
});

test('fewOrAll keeps the usual rows', () => {
  const rows = fewOrAll('videos', [1, 2, 3], (row) => row > 1);
  expect(rows).toEqual(runsHeavy('videos') ? [1, 2, 3] : [2, 3]);
});

describe('heavy-parts on the default branch', () => {
  /** In a hook, git's variables name the repository of the hook. */
  const withoutGit = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')),
  );
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'spotreel-heavy-'));
    for (const path of ['scripts/heavy-parts.mjs', 'test/heavy.json'])
      cpSync(join(ROOT, path), join(folder, path));
    git(0, 'init', '--quiet', '--initial-branch', 'main');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function git(hours: number, ...args: string[]): void {
    const at = `2026-01-${String(1 + Math.floor(hours / 24)).padStart(2, '0')}T${hours % 24}:00:00Z`;
    const author = ['-c', 'user.name=test', '-c', 'user.email=test@example.com'];
    const env = { ...withoutGit, GIT_AUTHOR_DATE: at, GIT_COMMITTER_DATE: at };
    execFileSync('git', [...author, ...args], { cwd: folder, env });
  }
  function commit(hours: number, path: string): void {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), '');
    git(hours, 'add', '.');
    git(hours, 'commit', '--quiet', '--message', path);
  }
  const wanted = () => {
    const script = join(folder, 'scripts/heavy-parts.mjs');
    return execFileSync(process.execPath, [script], { encoding: 'utf8', env: withoutGit }).trim();
  };

  test('counts the last commit', () => {
    commit(0, 'lib/old.ts');
    commit(30, 'test/fixtures/masters/new.txt');
    expect(wanted()).toBe('masters');
  });

  test('counts the whole branch of a merge', () => {
    commit(0, 'README.md');
    git(0, 'checkout', '--quiet', '-b', 'work');
    commit(1, 'test/fixtures/masters/new.txt');
    git(0, 'checkout', '--quiet', 'main');
    git(90, 'merge', '--quiet', '--no-ff', '--message', 'merge', 'work');
    expect(wanted()).toBe('masters');
  });
});
