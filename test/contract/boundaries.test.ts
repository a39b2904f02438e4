import { posix } from 'node:path';
import { sourceFiles, type SourceFile } from '../support/source-files';

/** Files of `core/` itself: errors, text and the like. They know no folder. */
const BASE = /^core\/[a-z-]+$/;

/** What each folder may import besides itself and the files of `core/`; the first that a path begins with holds. */
const MAY_IMPORT: ReadonlyArray<readonly [folder: string, from: readonly string[]]> = [
  ['core/storage/', []],
  ['core/processes/', ['core/storage/']],
  ['core/render/', ['core/storage/']],
  ['core/scene/', ['core/storage/', 'core/render/']],
  ['core/jobs/', ['core/storage/', 'core/render/', 'core/scene/']],
  ['core/local-batch/', ['core/storage/', 'core/processes/', 'core/jobs/']],
  ['core/watch-folder/', ['core/storage/', 'core/render/', 'core/scene/', 'core/jobs/', 'core/local-batch/']],
  ['core/cost/', ['core/storage/', 'core/render/', 'core/scene/', 'core/jobs/']],
  ['core/logs/', ['core/storage/', 'core/render/', 'core/jobs/', 'core/local-batch/']],
  [
    'core/status/',
    [
      'core/storage/',
      'core/render/',
      'core/scene/',
      'core/jobs/',
      'core/local-batch/',
      'core/watch-folder/',
      'core/cost/',
    ],
  ],
  ['core/report/', ['core/render/', 'core/cost/', 'core/status/']],
  ['core/', []],
  ['lambda/', ['core/']],
  ['container/', ['core/']],
  ['lib/settings/', ['core/jobs/', 'core/render/']],
  [
    'lib/constructs/',
    ['core/jobs/', 'core/render/', 'core/scene/project/ocio-config', 'lib/settings/', 'lib/built-files'],
  ],
  ['lib/', ['core/jobs/', 'core/render/']],
  ['cli/', ['core/', 'container/worker/', 'package.json']],
  ['bin/', ['cli/', 'lib/', 'core/storage/file-writes']],
];

/** The only places that know the AWS SDK: adapters and the roots where programs are put together. */
const MAY_USE_SDK = [
  /^core\/aws-error\.ts$/,
  /^core\/storage\/s3-[^/]*\.ts$/,
  /^core\/jobs\/aws-[^/]*\.ts$/,
  /^core\/cost\/aws-[^/]*\.ts$/,
  /^core\/logs\/aws-[^/]*\.ts$/,
  /^lambda\/[^/]+\/handler\.ts$/,
  /^container\/worker\/main\.ts$/,
  /^cli\/commands\//,
  /^cli\/doctor\/aws-[^/]*\.ts$/,
  /^cli\/prove\/aws-[^/]*\.ts$/,
  /^cli\/place\.ts$/,
  /^cli\/upload\/submit-render\.ts$/,
];

const files = sourceFiles(['core', 'lambda', 'container', 'lib', 'cli', 'bin'], ['.ts']);

function importsOf({ text }: SourceFile): string[] {
  const pattern = /(?:\bfrom\s+|\bimport\s*\(?\s*|\brequire\s*\(\s*)['"]([^'"]+)['"]/g;
  return [...text.matchAll(pattern)].map((match) => match[1]!);
}

test('the boundaries test finds source files and imports', () => {
  expect(files.length).toBeGreaterThan(40);
  expect(files.flatMap(importsOf).length).toBeGreaterThan(100);
});

test('imports between folders go in one direction', () => {
  const wrong = files.flatMap((file) => {
    const [own, allowed] = MAY_IMPORT.find(([folder]) => file.path.startsWith(folder))!;
    const mayImport = (target: string) =>
      target.startsWith(own) || BASE.test(target) || allowed.some((folder) => target.startsWith(folder));
    return importsOf(file)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => posix.join(posix.dirname(file.path), specifier))
      .filter((target) => !mayImport(target))
      .map((target) => `${file.path} imports ${target}`);
  });
  expect(wrong).toEqual([]);
});

/** Files of a render that other code must not name as a path; `Render` knows where they are. */
const RENDER_FILE =
  /\b(?:put|get|head|delete|URL|childUrl)\(\s*['"`](?:\.\/)?(?:(?:manifest|jobs|status|salvage|gaps|stitch|submitting|receipt|missing-files)\.json|(?:frames|masters|slices|failures|retries|outputs)\/)/;

test('only Render makes URLs of files of a render', () => {
  expect("new URL('jobs.json', folder)").toMatch(RENDER_FILE);
  const wrong = files.filter(({ path, text }) => !path.startsWith('core/render/') && RENDER_FILE.test(text));
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

test('only Document writes under a condition', () => {
  const wrong = files.filter(
    ({ path, text }) =>
      !path.startsWith('core/storage/') &&
      path !== 'core/render/document.ts' &&
      /\bif(?:Match|Absent)\b/.test(text),
  );
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

test('only adapters and composition roots import the AWS SDK', () => {
  const wrong = files
    .filter((file) => importsOf(file).some((specifier) => specifier.startsWith('@aws-sdk/')))
    .map(({ path }) => path)
    .filter((path) => !MAY_USE_SDK.some((pattern) => pattern.test(path)));
  expect(wrong).toEqual([]);
});

test('only lib and bin import the CDK', () => {
  const wrong = files
    .filter(({ path }) => !path.startsWith('lib/') && !path.startsWith('bin/'))
    .filter((file) => importsOf(file).some((specifier) => /^(aws-cdk-lib|constructs)/.test(specifier)));
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

test('only built-files.ts finds files of lib by its own place, which differs in the package', () => {
  const wrong = files.filter(({ path, text }) => path.startsWith('lib/') && /__(?:dir|file)name/.test(text));
  expect(wrong.map(({ path }) => path)).toEqual(['lib/built-files.ts']);
});

test('every source file has at most 400 lines', () => {
  const all = sourceFiles([''], ['.ts', '.mjs', '.js', '.py', '.sh']);
  const long = all
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > 400);
  expect(long).toEqual([]);
});

test('no source file has a generic name such as utils', () => {
  const all = sourceFiles([''], ['.ts', '.mjs', '.js']);
  expect(all.filter(({ path }) => /(^|\/)(utils?|helpers?|common|misc|types)\.[a-z]+$/.test(path))).toEqual(
    [],
  );
});
