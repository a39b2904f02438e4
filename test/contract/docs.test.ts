import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { Command } from 'commander';
import { buildProgram } from '../../cli/main';
import { ROOT, sourceFiles } from '../support/source-files';

const PAGES = sourceFiles([''], ['.md']).filter(({ path }) => !path.startsWith('test/fixtures/'));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** Lines of Markdown outside of code blocks. */
function proseOf(text: string): string {
  return text.replaceAll(/^\s*```[\s\S]*?^\s*```$/gm, '');
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(text: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = [...proseOf(text).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => {
    const slug = heading!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return times === 0 ? slug : `${slug}-${times}`;
  });
  return new Set(anchors);
}

/** What is wrong with a link of a page; `undefined` if it leads somewhere. Links to other sites are not followed. */
function linkFault(page: string, link: string): string | undefined {
  if (/^[a-z]+:/i.test(link)) return undefined;
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? page : normalize(join(dirname(page), decodeURI(file)));
  if (!existsSync(join(ROOT, target))) return `${link}: no such file`;
  if (anchor === undefined) return undefined;
  return anchorsOf(readFileSync(join(ROOT, target), 'utf8')).has(anchor)
    ? undefined
    : `${link}: no such heading`;
}

function linksOf(text: string): string[] {
  const prose = proseOf(text).replaceAll(/`[^`\n]*`/g, '');
  return [
    ...[...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!),
    ...[...prose.matchAll(/(?:src|srcset|href)="([^"]+)"/g)].map(([, link]) => link!),
  ];
}

test.each(PAGES)('the links of $path lead to files and headings that exist', ({ path, text }) => {
  expect(linksOf(text).flatMap((link) => linkFault(path, link) ?? [])).toEqual([]);
});

test('a link to a missing file or heading is found', () => {
  const links = ['README.md', 'README.md#no-such-heading', 'no-such-page.md', 'https://example.com/x#y'];
  expect(links.map((link) => linkFault('CONTRIBUTING.md', link))).toEqual([
    undefined,
    'README.md#no-such-heading: no such heading',
    'no-such-page.md: no such file',
    undefined,
  ]);
});

/** Names of programs in a page that no file of the repository has. Names with `/` may lack their first folders. */
function unknownFiles(text: string, files: readonly string[]): string[] {
  const names = [...proseOf(text).matchAll(/`([\w./-]+\.(?:ts|mjs|py|pl))`/g)].map(([, name]) => name!);
  return names.filter((name) => !files.some((path) => `/${path}`.endsWith(`/${name}`)));
}

test('CONTRIBUTING.md and the decisions name existing files', () => {
  const files = sourceFiles([''], ['.ts', '.mjs', '.py', '.pl']).map(({ path }) => path);
  const pages = PAGES.filter(({ path }) => path === 'CONTRIBUTING.md' || path.startsWith('docs/adr/'));
  expect(
    pages.flatMap(({ path, text }) => unknownFiles(text, files).map((name) => `${path}: ${name}`)),
  ).toEqual([]);
});

test('a name of a missing file is found', () => {
  const files = ['core/render/render.ts', 'render_frames.py'];
  expect(unknownFiles('`render/render.ts` `render_frames.py` `nder.ts` `video/sound.ts`', files)).toEqual([
    'nder.ts',
    'video/sound.ts',
  ]);
});

test('each page of docs is reached by links from the README', () => {
  const reached = new Set<string>(['README.md']);
  for (const page of reached) {
    for (const link of linksOf(readFileSync(join(ROOT, page), 'utf8'))) {
      const target = normalize(join(dirname(page), link.split('#')[0]!));
      if (target.endsWith('.md') && existsSync(join(ROOT, target))) reached.add(target);
    }
  }
  const pages = PAGES.map(({ path }) => path).filter((path) => /^docs\/[^/]+\.md$/.test(path));
  expect(pages.filter((page) => !reached.has(page))).toEqual([]);
});

let commands: readonly Command[];
beforeAll(async () => {
  ({ commands } = await buildProgram(async () => undefined));
});

/** What is wrong with a line of shell that runs `spotreel`; `undefined` if the command line knows its command and its flags. */
function commandFault(line: string): string | undefined {
  const [, rest] = /^(?:\$ )?spotreel(?: (.*))?$/.exec(line.split(' #')[0]!.split(' | ')[0]!) ?? [];
  if (rest === undefined) return undefined;
  const [name = '', ...words] = rest.trim().split(/\s+/);
  if (name.startsWith('-')) return undefined;
  const command = commands.find((known) => known.name() === name);
  if (command === undefined) return `${line}: no command ${name}`;
  const unknown = words.filter((word) => /^--?[a-z]/.test(word) && !hasFlag(command, word));
  return unknown.length === 0 ? undefined : `${line}: no flag ${unknown.join(', ')}`;
}

function hasFlag({ options }: Command, word: string): boolean {
  return options.some(({ short, long }) => word === short || word === long || word.split('=')[0] === long);
}

test.each(PAGES.filter(({ path }) => path !== 'docs/cli.md'))(
  'the commands of $path are known to the command line',
  ({ text }) => {
    const blocks = [...text.matchAll(/^```[a-z]*\n([\s\S]*?)^```$/gm)].flatMap(([, code]) =>
      code!.split('\n'),
    );
    const inline = [...proseOf(text).matchAll(/`((?:npx )?spotreel [^`\n]+)`/g)].map(([, code]) => code!);
    const lines = [...blocks, ...inline].map((line) => line.replace('npx spotreel', 'spotreel'));
    expect(lines.flatMap((line) => commandFault(line.trim()) ?? [])).toEqual([]);
  },
);

test('a command with an unknown flag is found', () => {
  expect(commandFault('spotreel render shot.blend --no-such-flag 3')).toBe(
    'spotreel render shot.blend --no-such-flag 3: no flag --no-such-flag',
  );
});

/** Messages of the shell and of AWS. */
const MESSAGES_OF_OTHERS = ['spotreel: command not found'];

/** Stands for a value in a message. */
const VALUE = '\u0000';

const SOURCES = sourceFiles(['bin', 'cli', 'container', 'core', 'lambda', 'lib'], ['.ts', '.py']).map(
  ({ text }) => text.replaceAll(/\$\{[^}]*\}/g, VALUE),
);

/** Whether a message may be of a source: a value of the source may be any word of the message, but not most of them. */
function isIn(message: string, source: string): boolean {
  const words = message.split(' ').map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(words.map((word) => `(?:${word}|\\S*${VALUE}\\S*)`).join(' '), 'g');
  return (source.match(pattern) ?? []).some((found) => found.split(VALUE).length - 1 <= words.length / 2);
}

/** The constant parts of the messages that a table of troubleshooting names; `…` and versions may be anything. */
function messageParts(text: string): string[] {
  return [...text.matchAll(/^\| `([^`|]* [^`|]*)`/gm)]
    .map(([, message]) => message!)
    .filter((message) => !MESSAGES_OF_OTHERS.includes(message))
    .flatMap((message) => message.split(/…|\d+\.\d+/))
    .map((part) => part.trim().replace(/^, | "$/g, ''))
    .filter((part) => part.includes(' '));
}

test('the messages that troubleshooting explains are messages of the source', () => {
  const troubles = [
    README.slice(README.indexOf('| You see')),
    readFileSync(join(ROOT, 'docs/troubleshooting.md'), 'utf8'),
  ];
  const parts = troubles.flatMap(messageParts);
  expect(parts.length).toBeGreaterThan(10);
  expect(parts.filter((part) => !SOURCES.some((text) => isIn(part, text)))).toEqual([]);
});

test('the README shows every command, has at most 150 lines, and no line needs scrolling', () => {
  const lines = README.trimEnd().split('\n');
  expect(commands.map((command) => command.name()).filter((name) => !README.includes(`| \`${name}`))).toEqual(
    [],
  );
  expect(lines.length).toBeLessThanOrEqual(150);
  expect(lines.filter((line) => Array.from(line).length > 120)).toEqual([]);
});

test('the pictures of the README are small', () => {
  const pictures = linksOf(README).filter((link) => /\.(jpe?g|png|gif|svg)$/.test(link));
  expect(pictures.length).toBeGreaterThan(0);
  for (const picture of pictures) expect(readFileSync(join(ROOT, picture)).length).toBeLessThan(150 * 1024);
});
