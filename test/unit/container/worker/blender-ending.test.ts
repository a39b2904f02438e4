import { describeEnding, type Ending } from '../../../../container/worker/blender-ending';

const ending = (changes: Partial<Ending>): Ending => ({
  exitCode: null,
  signal: null,
  lines: ['Read blend: x', 'Fra:1 Mem:9M'],
  ranOutOfMemory: false,
  ...changes,
});

test.each<[string, Partial<Ending>, string[]]>([
  ['a crash', { signal: 'SIGSEGV' }, ['Blender was ended by SIGSEGV']],
  ['silence', { signal: 'SIGTERM', silentSeconds: 90 }, ['nothing for 90 seconds', 'hangMinutes']],
  [
    'a kill by the kernel for lack of memory',
    { signal: 'SIGKILL', ranOutOfMemory: true },
    ['out of memory', '2000 MiB', 'renderMemoryMib'],
  ],
  [
    'Blender running out of memory',
    { exitCode: 1, lines: ['Calloc returns null: len=99 in x'] },
    ['out of memory', 'Calloc returns null', 'renderMemoryMib'],
  ],
  [
    'a GPU with too little memory',
    { exitCode: 1, lines: ['System is out of GPU memory'] },
    ['GPU', '--device cpu'],
  ],
])('the reason for %s says what to change', (_, changes, words) => {
  const reason = describeEnding(ending(changes), { memoryMib: 2000 });
  for (const word of words) expect(reason).toContain(word);
});

test('the reason for missing memory names the memory setting of the job', () => {
  const memory = { memoryMib: 7000, memorySetting: 'stitchMemoryMib' } as const;
  const reason = describeEnding(ending({ signal: 'SIGKILL', ranOutOfMemory: true }), memory);
  expect(reason).toContain('the stitch job has 7000 MiB: raise the setting stitchMemoryMib');
});

test('the reason for a SIGKILL from outside does not mention memory', () => {
  expect(describeEnding(ending({ signal: 'SIGKILL' }), {})).toBe('Blender was ended by SIGKILL');
});

test('the reason for missing memory without a memory setting says what helps on this machine', () => {
  const reason = describeEnding(ending({ signal: 'SIGKILL', ranOutOfMemory: true }), {});
  expect(reason).toContain('--parallel 1');
});
