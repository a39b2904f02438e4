import {
  isOcioConfig,
  mayLeadOut,
  ocioFiles,
  type OcioFiles,
  ocioNeeds,
} from '../../../../../core/scene/project/ocio-config';

const START = 'ocio_profile_version: 2.1\n';

test.each([
  ['no search path', START, ['.']],
  ['an empty search path', `${START}search_path: ""\n`, ['.']],
  ['a search path with colons', `${START}search_path: "luts:more luts"  # here\n`, ['luts', 'more luts']],
  ['a plain search path', `${START}search_path: luts:filmic # here\n`, ['luts', 'filmic']],
  ['a list in flow style', `${START}search_path: [luts, 'a b']\n`, ['luts', 'a b']],
  ['a list in block style', `${START}search_path:\n  - luts\n  - "b"\nroles:\n  - c\n`, ['luts', 'b']],
])('ocioFiles finds %s', (_, text, expected) => {
  expect(ocioFiles(text).searchPaths).toEqual(expected);
});

test('ocioFiles finds the files of FileTransforms in every style, but no colour spaces', () => {
  const text = `${START}
colorspaces:
  - !<ColorSpace>
    to_reference: !<FileTransform> {src: a.spi1d, interpolation: linear}
    from_reference: !<GroupTransform>
      children:
        - !<FileTransform> {interpolation: best, src: "b c.cube"}
        - !<ColorSpaceTransform> {src: Linear, dst: Log}
        - !<FileTransform>
          src: sub/d.cube
          interpolation: linear
        # - !<FileTransform> {src: gone.cube}
        - !<FileTransform> {src: '\${SHOT}/it''s.cc'}
        - !<FileTransform> {src: a.spi1d}
`;
  expect(ocioFiles(text).sources).toEqual(['a.spi1d', 'b c.cube', 'sub/d.cube', "${SHOT}/it's.cc"]);
});

test.each<[string, OcioFiles, string[], Record<string, string[]>]>([
  [
    'all search paths',
    { searchPaths: ['luts', '../shared'], sources: ['a.cube'] },
    ['//colors/luts', '//shared'],
    { 'a.cube': ['//colors/luts/a.cube', '//shared/a.cube'] },
  ],
  [
    'its own folder, whose other files do not travel',
    { searchPaths: ['.'], sources: ['a.cube'] },
    [],
    { 'a.cube': ['//colors/a.cube'] },
  ],
  [
    'the folder before a variable',
    { searchPaths: ['luts/$SHOT'], sources: ['a.cube'] },
    ['//colors/luts/'],
    {},
  ],
  [
    'the folder before a variable in the name of a file',
    { searchPaths: ['.'], sources: ['grade/%SHOT%.cc'] },
    ['//colors/grade/'],
    {},
  ],
  [
    'absolute paths',
    { searchPaths: ['/luts'], sources: ['a.cube'] },
    ['/luts'],
    { 'a.cube': ['/luts/a.cube'] },
  ],
])('ocioNeeds looks in %s', (_, files, folders, paths) => {
  const needs = ocioNeeds('//colors/config.ocio', files);
  expect({ folders: needs.folders, files: Object.fromEntries(needs.files) }).toEqual({
    folders,
    files: paths,
  });
});

test.each([
  [START, true],
  ['# mine\nocio_profile_version: 1', true],
  ['{"ocio_profile_version": 2}', false],
  ['profile: 2', false],
])('isOcioConfig(%j) is %s', (text, expected) => {
  expect(isOcioConfig(text)).toBe(expected);
});

test.each([
  'src: ../other/a.cube',
  'search_path: /luts',
  'search_path: "luts:/luts"',
  'search_path: [luts,/luts]',
  'src: //etc/a.cube',
  'src: $SHOT/a.cube',
  'src: %SHOT%/a.cube',
  'src: "\\x2fetc/a.cube"',
  'src: "\\/etc/a.cube"',
  'src: ".\\\n./a.cube"',
])('mayLeadOut finds %j', (line) => {
  expect(mayLeadOut(`${START}${line}\n`)).toBe(true);
});

test('mayLeadOut accepts names with slashes and percent signs', () => {
  const text = `${START}# from /usr and ..\nsearch_path: luts:more/luts\ndescription: sRGB / Rec.709, at 100 %\nfamily: Input/Camera\n`;
  expect(mayLeadOut(text)).toBe(false);
});
