import { parseMemberName } from '../../../../../core/scene/blend/sdna';

test.each([
  ['frame_step', 'frame_step', false, 1],
  ['*camera', 'camera', true, 1],
  ['**mat', 'mat', true, 1],
  ['name[66]', 'name', false, 66],
  ['mat[4][4]', 'mat', false, 16],
  ['*mtex[18]', 'mtex', true, 18],
  ['(*free)()', 'free', true, 1],
  ['', '', false, 1],
])('parseMemberName parses %s', (declarator, name, isPointer, count) => {
  expect(parseMemberName(declarator)).toEqual({ name, isPointer, count });
});
