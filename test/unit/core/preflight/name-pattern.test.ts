import type { DependencyExtent } from '../../../../core/blend/contents/blend-contents';
import { namePattern } from '../../../../core/preflight/name-pattern';

test.each<[string, DependencyExtent, string[], string[]]>([
  ['wood.png', 'file', ['wood.png'], ['wood.PNG', 'woodxpng', 'wood.png.bak', 'awood.png']],
  ['a+(b)[1]^$.png', 'file', ['a+(b)[1]^$.png'], ['aab1.png']],
  [
    'w.<UDIM>.exr',
    'tiles',
    ['w.1001.exr', 'w.1012.exr', 'w.2000.exr'],
    ['w.101.exr', 'w.3001.exr', 'w.<UDIM>.exr'],
  ],
  ['w_<UVTILE>.tif', 'tiles', ['w_u1_v1.tif', 'w_u12_v3.tif'], ['w_1001.tif']],
  // Blender tells tiles by the token, whatever the file says.
  ['w.<UDIM>.exr', 'file', ['w.1001.exr'], ['w.exr']],
  [
    'f_0001.png',
    'sequence',
    ['f_0001.png', 'f_0250.png', 'f_12.png'],
    ['f_.png', 'g_0001.png', 'f_0001.jpg'],
  ],
  ['shot2_0010_v3.png', 'sequence', ['shot2_0010_v3.png', 'shot2_0010_v4.png'], ['shot2_0011_v3.png']],
  ['clip0001.mp4', 'sequence', ['clip0001.mp4', 'clip0002.mp4'], ['clip0001.mp3']],
  ['no-number.png', 'sequence', ['no-number.png'], ['no-number1.png']],
  ['0001', 'sequence', ['0001', '2'], ['x0001']],
])('%s as %s', (name, extent, there, notThere) => {
  const { matches, start } = namePattern(name, extent);
  expect([...there, ...notThere].filter(matches)).toEqual(there);
  for (const one of there) expect(one.startsWith(start)).toBe(true);
});

test('another spelling is recognised, and only that', () => {
  const { matches, resembles } = namePattern('Wood.<UDIM>.PNG', 'tiles');
  expect([matches('wood.1001.png'), resembles('wood.1001.png'), resembles('wood.png')]).toEqual([
    false,
    true,
    false,
  ]);
});

test.each<[string, DependencyExtent, string[], number[] | undefined, string[]]>([
  ['f_0001.png', 'sequence', ['f_0001.png', 'f_0002.png'], undefined, []],
  ['f_0001.png', 'sequence', ['f_0002.png', 'f_0004.png'], undefined, ['f_0001.png', 'f_0003.png']],
  ['f_0099.png', 'sequence', ['f_0001.png', 'f_0003.png'], undefined, ['f_0099.png', 'f_0002.png']],
  ['f_0099.png', 'sequence', ['f_0001.png', 'f_0002.png'], [1, 2], []],
  ['f_0001.png', 'sequence', ['f_0001.png', 'f_0005.png'], [1, 2], ['f_0002.png']],
  ['f_8.png', 'sequence', ['f_8.png', 'f_11.png'], undefined, ['f_9.png', 'f_10.png']],
  ['w.<UDIM>.png', 'tiles', ['w.1001.png', 'w.1011.png'], undefined, []],
  ['w.<UDIM>.png', 'tiles', ['w.1001.png'], [1001, 1002, 1011], ['w.1002.png', 'w.1011.png']],
  ['w.<UVTILE>.png', 'tiles', ['w.u1_v1.png'], [1001, 1010, 1011], ['w.u10_v1.png', 'w.u1_v2.png']],
  ['f_1.png', 'sequence', ['f_1.png', 'f_9999999.png'], undefined, []],
  ['wood.png', 'file', ['wood.png'], undefined, []],
])('of %s as %s with %j and tiles %j there lack %j', (name, extent, there, tiles, expected) => {
  expect(namePattern(name, extent).absent(there, tiles)).toEqual(expected);
});
