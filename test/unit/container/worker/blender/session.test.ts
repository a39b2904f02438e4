import { MEMORY_REASON } from '../../../../../core/jobs/worker';
import { PassThrough } from 'node:stream';
import {
  BlenderSession,
  countMemoryKills,
  describeEnding,
  eachLine,
  type Ending,
  isOutOfMemory,
  peakMemoryBytes,
} from '../../../../../container/worker/blender/session';

describe('blender ending', () => {
  const ending = (changes: Partial<Ending>): Ending => ({
    exitCode: null,
    signal: null,
    lines: ['Read blend: x', 'Fra:1 Mem:9M'],
    ranOutOfMemory: false,
    ...changes,
  });

  test.each<[string, Partial<Ending>, string[]]>([
    ['a crash', { signal: 'SIGSEGV' }, ['Blender was ended by SIGSEGV']],
    ['silence', { signal: 'SIGTERM', silentSeconds: 90 }, ['silent for 90 seconds', 'hangMinutes']],
    [
      'a kill by the kernel for lack of memory',
      { signal: 'SIGKILL', ranOutOfMemory: true },
      [MEMORY_REASON, '2000 MiB', 'renderMemoryMib'],
    ],
    [
      'Blender running out of memory',
      { exitCode: 1, lines: ['Calloc returns null: len=99 in x'] },
      [MEMORY_REASON, 'Calloc returns null', 'renderMemoryMib'],
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

  test.each([
    ['a full memory', { signal: 'SIGKILL', ranOutOfMemory: true }, true],
    ['a full GPU', { exitCode: 1, lines: ['Error: Out of memory in CUDA queue'] }, true],
    ['a SIGKILL from outside', { signal: 'SIGKILL' }, false],
  ] as const)('isOutOfMemory of the reason for %s is right', (_, changes, expected) => {
    expect(isOutOfMemory(describeEnding(ending(changes), {}))).toBe(expected);
  });

  test('the reason for a SIGKILL from outside does not mention memory', () => {
    expect(describeEnding(ending({ signal: 'SIGKILL' }), {})).toBe('Blender was ended by SIGKILL');
  });

  test('the reason for missing memory without a memory setting says what helps on this machine', () => {
    const reason = describeEnding(ending({ signal: 'SIGKILL', ranOutOfMemory: true }), {});
    expect(reason).toContain('--parallel 1');
  });
});

test('a session asks for a frame in one line, with the number of threads if there is one', async () => {
  const asked: string[] = [];
  // Prints the lines that Blender would read.
  const session = new BlenderSession({
    command: ['/bin/cat'],
    environment: {},
    hangSeconds: 60,
    expects: () => false,
    onEvent: () => undefined,
    onOutput: (line) => asked.push(line),
  });
  session.render(12);
  session.render(-3, { threads: 4 });
  session.finish();
  await session.ended;
  expect(asked).toEqual(['12', '-3 threads=4']);
});

describe('each line', () => {
  test('eachLine resolves when a stream is destroyed before its end', async () => {
    const stream = new PassThrough();
    const lines: string[] = [];
    const heard = eachLine(stream, (line) => lines.push(line));
    stream.write('one\ntwo\n');
    await new Promise(setImmediate);
    stream.destroy();
    await heard;
    expect(lines).toEqual(['one', 'two']);
  });
});

describe('memory kills', () => {
  test.each([
    ['/sys/fs/cgroup/memory.events', 'low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n', 2],
    ['/sys/fs/cgroup/memory/memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 5\n', 5],
    ['/proc/vmstat', 'drop_slab 0\noom_kill 7\nnuma_pte_updates 0\n', 7],
    ['/proc/vmstat', '', 0],
  ])('memory kills are counted from %s', (file, text, count) => {
    expect(countMemoryKills((path) => (path === file ? text : ''))).toBe(count);
  });

  test('peak memory is in bytes for a process and undefined for none', () => {
    const status = 'Name:\tblender\nVmHWM:\t  204800 kB\nVmRSS:\t  1000 kB\n';
    expect(peakMemoryBytes(7, (path) => (path === '/proc/7/status' ? status : ''))).toBe(204_800 * 1024);
    expect(peakMemoryBytes(7, () => '')).toBeUndefined();
  });
});
