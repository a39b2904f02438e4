import { execFileSync } from 'node:child_process';
import { extname } from 'node:path';
import { markdownFaults, RULED_OUT, sourceFaults, subjectFaults } from '../support/plain-words';
import { ROOT, sourceFiles } from '../support/source-files';

/** Pages that are not checked yet: remove a line here once its pages are rewritten. */
const NOT_YET: readonly string[] = [];

/** Folders whose comments, messages and test names are checked: all but the check's own, which has such words. */
const CHECKED_FOLDERS: readonly string[] = [
  'bench',
  'bin',
  'cli',
  'container',
  'core',
  'examples',
  'lambda',
  'lib',
  'scripts',
  'test/chaos',
  'test/fuzz',
  'test/infra',
  'test/integration',
  'test/pixels',
  'test/rehearsal',
  'test/rehearsal-containers',
  'test/support',
  'test/unit',
];

/** What is no prose of ours. */
const NOT_OURS = ['test/fixtures/'];

/** Subjects of commits are checked from here on. Older ones are longer. */
const SUBJECTS_SINCE = '2026-11-30T12:30:00Z';

const faultsOf = (text: string) => markdownFaults(text).map(({ line, fault }) => `${line}: ${fault}`);

const PAGES = sourceFiles([''], ['.md']).filter(
  ({ path }) => ![...NOT_YET, ...NOT_OURS].some((start) => path.startsWith(start)),
);

test('the README, CONTRIBUTING and pages of docs are among the checked pages', () => {
  const paths = PAGES.map(({ path }) => path);
  expect(paths).toEqual(expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/promises.md']));
});

test.each(PAGES)(
  '$path has short lines, short sentences, plain words and no link to a registry',
  ({ text }) => {
    expect(faultsOf(text)).toEqual([]);
  },
);

test('source files of the checked folders have no ruled-out words', () => {
  const files = sourceFiles(CHECKED_FOLDERS, ['.ts', '.mjs', '.js', '.py', '.pl', '.sh']);
  const faults = files.flatMap(({ path, text }) =>
    sourceFaults(text, extname(path)).map(({ line, fault }) => `${path}:${line}: ${fault}`),
  );
  expect(faults).toEqual([]);
});

test('the subject of each commit is short', () => {
  const faults = subjects().flatMap((subject) =>
    subjectFaults(subject).map((fault) => `${subject}: ${fault}`),
  );
  expect(faults).toEqual([]);
});

/** Subjects of this branch's commits; none without git or outside of a repository. */
function subjects(): string[] {
  try {
    const args = ['log', '--no-merges', `--since=${SUBJECTS_SINCE}`, '--format=%s'];
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio }).split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

describe('the check of Markdown', () => {
  const words = (count: number) => Array.from({ length: count }, () => 'word').join(' ');

  test('finds a line of prose that is too long', () => {
    expect(faultsOf(`${'a'.repeat(121)}\n`)).toEqual(['1: 121 characters, more than 120']);
  });

  test('allows long lines in tables and code blocks', () => {
    const long = 'a'.repeat(200);
    expect(faultsOf(`| ${long} |\n\n\`\`\`sh\n${long}\n\`\`\`\n`)).toEqual([]);
  });

  test('finds a long sentence that is wrapped over lines', () => {
    expect(faultsOf(`Short one.\nA ${words(13)}\n${words(13)}.\n`)).toEqual([
      expect.stringMatching(/^1: a sentence of 27 words/),
    ]);
  });

  test('finds a long sentence in a cell of a table', () => {
    expect(faultsOf(`| a | ${words(26)} |\n`)).toEqual([expect.stringMatching(/^1: a sentence of 26 words/)]);
  });

  test('counts a piece of code as one word', () => {
    expect(faultsOf(`${words(10)} \`a b c d e f g h i j k l m n o p q r s t\`.\n`)).toEqual([]);
  });

  test('ends a sentence before a name in small letters', () => {
    expect(faultsOf(`${words(20)} (\`a\`). ffmpeg ${words(20)}.\n`.replaceAll('word', 'a'))).toEqual([]);
  });

  test('counts the name of a test in a table as one word', () => {
    expect(faultsOf(`| \`test/a.test.ts\` "starts anew ${words(30)}" |\n`)).toEqual([]);
  });

  test('counts items of a list one by one', () => {
    expect(faultsOf(`- ${words(20)}\n- ${words(20)}\n`)).toEqual([]);
  });

  test('finds a ruled-out word and says what to write', () => {
    expect(faultsOf('Start it anew.\n')).toEqual(['1: "anew"; write: again']);
  });

  test('allows a ruled-out word in code', () => {
    expect(faultsOf('See `anew`.\n\n```\nanew\n```\n')).toEqual([]);
  });

  test('finds a link to a package registry', () => {
    expect(faultsOf('See [x](https://pypi.org/project/x/).\n')).toEqual([
      '1: links to a package registry; link to the project',
    ]);
  });
});

describe('the check of source files', () => {
  const sourceFaultsOf = (text: string, ending = '.ts') =>
    sourceFaults(text, ending).map(({ line, fault }) => `${line}: ${fault}`);

  test('finds ruled-out words in comments, messages and test names', () => {
    expect(
      sourceFaultsOf(
        "// anew\nconst a = 'start anew';\ntest('it starts anew', run);\n/** Not\n * anew. */\n",
      ),
    ).toEqual([1, 2, 3, 5].map((line) => `${line}: "anew"; write: again`));
  });

  test('leaves identifiers and single words of code alone', () => {
    expect(sourceFaultsOf("if ('told' in answer) return answer.told;\n")).toEqual([]);
  });

  test('leaves code between two strings alone', () => {
    expect(sourceFaultsOf("if (kind !== 'a') send(told, 'b');\nif (told === 'late') send('c d');\n")).toEqual(
      [],
    );
  });

  test('leaves code within a template alone', () => {
    expect(sourceFaultsOf('const a = `one ${told} two`;\n')).toEqual([]);
  });

  test('finds a ruled-out word behind a string without a space', () => {
    expect(sourceFaultsOf("say('a', 'start anew');\n")).toEqual(['1: "anew"; write: again']);
  });

  test("leaves Python's None alone", () => {
    expect(sourceFaultsOf('const script = `if image is None`;\n# it is None\n')).toEqual([]);
    expect(sourceFaultsOf('# it is None\nprint("it is None")\n', '.py')).toEqual([]);
  });

  test('reads comments and docstrings of Python', () => {
    expect(sourceFaultsOf('# anew\n"""Starts\nanew."""\nanew = 1\n', '.py')).toEqual([
      '1: "anew"; write: again',
      '3: "anew"; write: again',
    ]);
  });
});

test('a subject of 73 characters is too long', () => {
  expect([subjectFaults('a'.repeat(72)), subjectFaults('a'.repeat(73))]).toEqual([
    [],
    ['73 characters, more than 72'],
  ]);
});

test('each ruled-out word has a replacement', () => {
  expect(RULED_OUT.filter(([, instead]) => instead === '')).toEqual([]);
});
