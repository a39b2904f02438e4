import { type FaultKind, SpotreelError } from '../../../../core/errors';
import {
  EXIT,
  exitCodeOf,
  parseWorkerArgv,
  workerArgv,
  type WorkerCommand,
} from '../../../../core/jobs/worker';

describe('exit codes', () => {
  test.each<[FaultKind, number]>([
    ['usage', 64],
    ['scene', 65],
    ['passing', 75],
    ['stopped', 143],
    ['internal', 70],
  ])('an error of kind %s ends the worker with %i', (kind, code) => {
    expect(exitCodeOf(new SpotreelError('x', kind, 'x'))).toBe(code);
  });

  test('an unknown error is an internal fault', () => {
    expect(exitCodeOf(new TypeError('x'))).toBe(EXIT.internal.code);
  });
});

describe('worker command', () => {
  const render: WorkerCommand = {
    command: 'render',
    input: 's3://bucket/uploads/a film/shot; rm -rf ~.blend',
    output: 's3://bucket/renders/shot-1234abcd',
    framesPerSlice: 10,
    totalFrames: 48,
  };
  const stitch: WorkerCommand = { command: 'stitch', input: '/films/-x', output: '/films/-x' };

  test('has the documented argv for render', () => {
    expect(workerArgv(render)).toEqual([
      'render',
      '-i',
      render.input,
      '-o',
      render.output,
      '-f',
      '10',
      '-t',
      '48',
    ]);
  });

  const partial: WorkerCommand = { ...stitch, partial: true };

  const retry: WorkerCommand = { ...render, retry: 2 };

  const probe: WorkerCommand = { command: 'probe', output: 's3://bucket/renders/prove-1/', name: 'pair' };
  const held: WorkerCommand = { ...probe, failFirst: true, hold: true, gpu: true };

  test.each([render, stitch, partial, retry, probe, held])(
    'is the same after writing and reading $command',
    (command) => {
      expect(parseWorkerArgv(workerArgv(command))).toEqual(command);
    },
  );

  test.each([
    [[], 'must be render, stitch or probe'],
    [['probe', '-o', 'x'], 'probe needs -o and --name'],
    [['probe', '-o', 'x', '--name', '../up'], 'probe needs -o and --name'],
    [['dance'], 'not "dance"'],
    [['render', '-i', 'x'], 'render needs -o'],
    [['stitch', '-o', 'x'], 'stitch needs -i'],
    [
      ['render', '-i', 'x', '-o', 'y', '-f', '0', '-t', '1'],
      '-f must be a whole number of 1 or more, not "0"',
    ],
    [['render', '-i', 'x', '-o', 'y', '-f', '1', '-t', 'many'], '-t must be a whole number'],
    [[...workerArgv(render), '--partial'], '--partial is for stitch'],
    [[...workerArgv(stitch), '--retry', '1'], '--retry is for render'],
    [[...workerArgv(render), '--retry', '0'], '--retry must be a whole number of 1 or more'],
    [['render', '-x'], "Unknown option '-x'"],
  ])('refuses %j', (argv, message) => {
    expect(() => parseWorkerArgv(argv)).toThrow(message);
  });
});
