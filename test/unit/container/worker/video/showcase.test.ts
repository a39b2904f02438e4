import { stillsArgs } from '../../../../../container/worker/video/showcase';

const wanted = { numbers: true, sheet: '/f/sheet.jpg', poster: '/f/poster.jpg' };

/** The filter graph for these tiles. */
function graphOf(tiles: number[], numbers = true): string {
  const args = stillsArgs('/f/frames', { ...wanted, tiles, numbers }, {});
  return args[args.indexOf('-filter_complex') + 1]!;
}

test('the contact sheet of a few frames has no empty columns', () => {
  expect(graphOf([1, 2, 3])).toContain('tile=3x1');
});

test('the contact sheet has no numbers if ffmpeg cannot draw text', () => {
  expect(graphOf([1, 2, 3], false)).not.toContain('drawtext');
});

test('the numbers of the contact sheet follow the order of the pictures', () => {
  expect(graphOf([-4, 10, 25])).toContain('eq(n,0)*-4+eq(n,1)*10+eq(n,2)*25');
});

test('the poster is the picture after those of the contact sheet', () => {
  expect(graphOf([1, 2, 3])).toContain("[b]select='eq(n,3)'");
});

test('the arguments for a still make no contact sheet', () => {
  const args = stillsArgs('/f/frames', { ...wanted, tiles: [] }, {});
  expect(args).not.toContain(wanted.sheet);
  expect(args.at(-1)).toBe(wanted.poster);
});
