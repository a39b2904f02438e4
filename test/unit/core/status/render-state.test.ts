import {
  describeFiles,
  describeLacking,
  describeReasons,
  groupReasons,
} from '../../../../core/render/frames';
import { plainStartFailure, plainStatusReason } from '../../../../core/status/render-state';

describe('reasons of failed frames', () => {
  const lacking = (frame: number, ...missing: string[]) => ({ frame, reason: 'it needs a file', missing });

  test('count frames that lack the same file in one sentence', () => {
    const failed = Array.from({ length: 47 }, (_, i) => lacking(i + 1, 'textures/wood.png'));
    expect(groupReasons(failed)).toEqual(['47 frames need textures/wood.png, which is missing']);
  });

  test('name a single frame by its number', () => {
    expect(groupReasons([lacking(3, '//a.png (damaged)')])).toEqual([
      'frame 3 needs //a.png, which is damaged',
    ]);
  });

  test('begin with the reason of the most frames', () => {
    const failed = [{ frame: 9, reason: 'Blender crashed' }, lacking(1, '//a.png'), lacking(2, '//a.png')];
    expect(groupReasons(failed)).toEqual([
      '2 frames need //a.png, which is missing',
      'frame 9: Blender crashed',
    ]);
  });

  test('list frames with the same reason as ranges', () => {
    const failed = [3, 4, 5, 9].map((frame) => ({ frame, reason: 'out of memory' }));
    expect(groupReasons(failed)).toEqual(['frames 3-5, 9: out of memory']);
  });

  test('count frames whose reasons were not read', () => {
    expect(describeReasons([lacking(1, '//a.png')], 12)).toBe(
      'frame 1 needs //a.png, which is missing; and 11 more frames failed',
    );
  });

  test('are undefined without failed frames', () => {
    expect(describeReasons([])).toBeUndefined();
  });

  test('name the fault of each file if faults differ', () => {
    expect(describeFiles(['//a.png', '//b.png (empty)'])).toBe(
      '//a.png and //b.png (empty), which are missing or damaged',
    );
  });

  test('count files after the fifth', () => {
    const files = ['a', 'b', 'c', 'd', 'e', 'f'];
    expect(describeFiles(files, 8)).toBe('a, b, c, d, e and 3 more, which are missing');
  });

  test('have no control characters from a scene', () => {
    expect(describeFiles(['\u001b[2Ja.png'])).not.toContain('\u001b');
  });

  test('name files that a render with force lacks', () => {
    const lack = { version: 1, frames: 2, count: 7, files: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] } as const;
    expect(describeLacking({ ...lack, files: [...lack.files] })).toBe(
      'rendered with 7 files missing (2 frames): a, b, c, d, e and 2 more',
    );
  });
});

describe('plainStatusReason', () => {
  test('never shows "Array Child Job failed"', () => {
    expect(plainStatusReason('Array Child Job failed', 'here')).toBeUndefined();
    expect(plainStatusReason('Array Child Job failed', 'farm')).toBeUndefined();
  });

  test.each([
    'Essential container in task exited',
    'Task failed to start',
    'Job attempt duration exceeded timeout',
  ])('explains "%s" on one machine without containers and tasks', (reason) => {
    expect(plainStatusReason(reason, 'here')).not.toMatch(/container|task |job attempt/i);
    expect(plainStatusReason(reason, 'farm')).toBe(reason);
  });

  test('leaves other reasons as they are', () => {
    expect(plainStatusReason('cancelled by spotreel cancel', 'here')).toBe('cancelled by spotreel cancel');
  });

  test('plainStartFailure explains a worker that did not start without ECS’s name for it', () => {
    expect(plainStartFailure('CannotStartContainerError: "node" is missing')).toBe(
      'the worker could not be started: "node" is missing',
    );
  });
});
