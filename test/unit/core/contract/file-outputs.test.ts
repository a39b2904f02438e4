import { fileOutputAt, isFileOutput, mayBeOfFrames, outputUrl } from '../../../../core/contract/file-outputs';

const RENDERS = ['s3://films/renders/shot-1/', 'file:///films/shot-1/', 'memory://films/renders/shot-1/'];

describe.each(RENDERS)('in %s', (text) => {
  const render = new URL(text);

  test.each([
    ['Mask', 'Image0001.png'],
    ['Ünï_Глубина', 'sub/ä b 0001.exr'],
    ['a.b-2', '100%#&+_0001.tif'],
  ])('the URL of %s/%s leads back to it', (node, file) => {
    const url = outputUrl(render, { node, file });
    expect(url.href.startsWith(`${text}outputs/`)).toBe(true);
    expect(fileOutputAt(url, render)).toEqual({ node, file });
  });

  test.each(['outputs/a', 'outputs/%2e%2e/b.png', 'outputs/a/%', 'outputs/a/b%5cc.png'])(
    '%s is the URL of none',
    (key) => {
      expect(fileOutputAt(new URL(`${text}${key}`), render)).toBeUndefined();
    },
  );
});

test.each([
  ['..', 'a.png'],
  ['', 'a.png'],
  ['a/b', 'a.png'],
  ['.hidden', 'a.png'],
  ['a', '../a.png'],
  ['a', 'b//a.png'],
  ['a', '/a.png'],
  ['a', 'b\\a.png'],
  ['a', 'a\n.png'],
  ['a', 'a\u202e.png'],
  ['a', '\ud800.png'],
  ['a', 'c:a.png'],
  ['a', ''],
  ['a', `${'b/'.repeat(20)}a.png`],
  ['a', 'x'.repeat(300)],
])('a node %j with a file %j is refused', (node, file) => {
  expect(isFileOutput({ node, file })).toBe(false);
});

test.each<[string, boolean]>([
  ['Image0007.png', true],
  ['Image-0007.png', true],
  ['f_007_y.png', true],
  ['4k_0007.png', true],
  ['Image0008.png', false],
  ['still.png', true],
  ['7/Image0008.png', false],
])('%s may be of frame 7 or -7: %s', (file, expected) => {
  expect(mayBeOfFrames({ node: 'a', file }, new Set([7, -7]))).toBe(expected);
});
