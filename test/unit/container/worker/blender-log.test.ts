import { failureReason, LogTail } from '../../../../container/worker/blender-log';

test.each([
  [
    ['Fra:1 Mem:9M | Sample 1/8', 'Error: Cannot render, no camera', '', 'Blender quit'],
    1,
    'Error: Cannot render, no camera (Blender ended with exit code 1)',
  ],
  [
    ['00:01.500  render | ERROR Out of memory in Cycles', 'Saved: x'],
    1,
    '00:01.500  render | ERROR Out of memory in Cycles (Blender ended with exit code 1)',
  ],
  [
    ["Error: File format is not a blend file: 'x.blend'"],
    1,
    "Error: File format is not a blend file: 'x.blend' (Blender ended with exit code 1)",
  ],
  [['Fra:1 Mem:9M'], 0, 'Blender ended with exit code 0'],
])('of %j', (lines, exitCode, reason) => {
  expect(failureReason(lines, exitCode, null)).toBe(reason);
});

test('a crash is told by its signal', () => {
  expect(failureReason(['Read blend: x'], null, 'SIGSEGV')).toBe('Blender was ended by SIGSEGV');
});

test('only the end of a long output is kept', () => {
  const tail = new LogTail();
  for (let i = 0; i < 10_000; i += 1) tail.add(`line ${i}`);
  expect(tail.lines().length).toBeLessThan(100);
  expect(tail.lines().at(-1)).toBe('line 9999');
});
