import { join, normalize } from 'node:path/posix';
import fc from 'fast-check';
import { isProjectPath } from '../../../../core/contract/project-path';
import { resolvePath } from '../../../../core/preflight/resolve-path';

const FOLDER = ['film', 'shots'];

describe('a path below the project', () => {
  test.each([
    ['//wood.png', 'film/shots/wood.png'],
    ['//textures/wood.png', 'film/shots/textures/wood.png'],
    ['//../lib/props.blend', 'film/lib/props.blend'],
    ['//..\\lib\\props.blend', 'film/lib/props.blend'],
    ['//./a//b/../c.png', 'film/shots/a/c.png'],
    ['//../../shared/x.png', 'shared/x.png'],
    ['//textures/wood.<UDIM>.png', 'film/shots/textures/wood.<UDIM>.png'],
    ['///odd.png', 'film/shots/odd.png'],
    ['//Übung 映画.png', 'film/shots/Übung 映画.png'],
  ])('%s', (written, path) => {
    expect(resolvePath(written, FOLDER)).toEqual({ kind: 'project', segments: path.split('/') });
  });
});

test.each([
  ['//../../../secret', 'outside'],
  ['//..\\..\\..\\secret', 'outside'],
  ['//a/../../../../film/shots/x.png', 'outside'],
  ['\\\\server\\share\\wood.png', 'network'],
  ['\\\\?\\C:\\wood.png', 'network'],
  ['C:\\textures\\wood.png', 'absolute'],
  ['c:/textures/wood.png', 'absolute'],
  ['D:wood.png', 'absolute'],
  ['\\textures\\wood.png', 'absolute'],
  ['textures/wood.png', 'unanchored'],
  ['wood.png', 'unanchored'],
  ['../wood.png', 'unanchored'],
  ['', 'unusable'],
  ['//../..', 'unusable'],
  ['//a\0b', 'unusable'],
  ['/', 'unusable'],
])('%j is %s', (written, kind) => {
  expect(resolvePath(written, FOLDER)).toEqual({ kind });
});

test('the project itself is no file', () => {
  expect(resolvePath('//', [])).toEqual({ kind: 'unusable' });
});

test('an absolute path of this kind of system is folded', () => {
  const segments = ['home', 'anna', 'wood.png'];
  expect(resolvePath('/home/anna/x/../wood.png', FOLDER)).toEqual({ kind: 'absolute', segments });
  expect(resolvePath('/../etc/passwd', FOLDER)).toEqual({ kind: 'unusable' });
});

const separator = fc.constantFrom('/', '\\', '//', '/./', '/../', '\\..\\');
const piece = fc.oneof(
  fc.constantFrom('..', '.', '', 'a', 'C:', '~', '%2e%2e', '..;', '…'),
  fc.string({ maxLength: 6 }),
);
const path = fc
  .tuple(
    fc.constantFrom('//', '', '/', '\\\\', '\\', '//..'),
    fc.array(fc.tuple(piece, separator), { maxLength: 12 }),
  )
  .map(([start, parts]) => start + parts.flat().join(''));
const folder = fc.array(fc.stringMatching(/^[a-z]{1,3}$/), { maxLength: 3 });

test('no written path whatsoever leads out of the root', () => {
  fc.assert(
    fc.property(fc.oneof(path, fc.string({ unit: 'binary' })), folder, (written, below) => {
      const resolved = resolvePath(written, below);
      if (!('segments' in resolved) || !resolved.segments) return;
      const relative = resolved.segments.join('/');
      expect(isProjectPath(relative)).toBe(true);
      expect(normalize(join('/root', relative))).toBe(`/root/${relative}`);
    }),
    { numRuns: 5_000 },
  );
});

test('a path within is found where POSIX would find it', () => {
  const names = fc.array(fc.constantFrom('a', 'b', '..', '.'), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(names, folder, (parts, below) => {
      const resolved = resolvePath(`//${parts.join('\\')}`, below);
      const posix = normalize(join('/', ...below, ...parts)).replace(/(?<=.)\/$/, '');
      // POSIX drops a `..` above the root; here it is refused.
      const isOutside = depthsOf(parts, below.length).some((depth) => depth < 0);
      const found = resolved.kind === 'project' ? `/${resolved.segments.join('/')}` : resolved.kind;
      const nothing = isOutside ? 'outside' : 'unusable';
      expect(found).toBe(isOutside || posix === '/' ? nothing : posix);
    }),
  );
});

/** How deep below the root each part of a path ends. */
function depthsOf(parts: readonly string[], start: number): number[] {
  let depth = start;
  return parts.map((part) => (depth += part === '..' ? -1 : Number(part !== '.')));
}

test('a path with more .. than folders stays at the root of a disk, as in Blender', () => {
  expect(resolvePath('//../../../../tex/wood.png', ['home', 'film'], true)).toEqual({
    kind: 'absolute',
    segments: ['tex', 'wood.png'],
  });
});

test('a path with more .. than folders leads out of the folder of a bucket', () => {
  expect(resolvePath('//../../../../tex/wood.png', ['home', 'film'])).toEqual({ kind: 'outside' });
});
