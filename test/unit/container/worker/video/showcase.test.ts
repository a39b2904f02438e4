import { contactSheetArgs } from '../../../../../container/worker/video/showcase';

test('the contact sheet of a few frames has no empty columns', () => {
  const files = [1, 2, 3].map((frame) => ({ frame, path: `/f/${frame}.png` }));
  expect(contactSheetArgs(files, '/f/sheet.jpg', {}, true).join(' ')).toContain('tile=3x1');
  expect(contactSheetArgs(files, '/f/sheet.jpg', {}, false).join(' ')).not.toContain('drawtext');
});
