import { join } from 'node:path';
import { runProgram } from '../../core/processes/run-program';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { processesWith, until } from './local-batch-harness';

const at = useScratchFolder();
const DAEMON = join(ROOT, 'test/fixtures/attack/leave-daemon.pl');

const environment = () => ({ PATH: process.env.PATH, MARKER: at() });
const left = () => processesWith('MARKER', at());

test('runProgram connects the input and outputs of the program', async () => {
  const command = ['sh', '-c', 'cat; echo words >&2'];
  const { stdout, stderr } = await runProgram(command, { input: Buffer.from('in') });
  expect([stdout.toString(), stderr.toString()]).toEqual(['in', 'words\n']);
});

test('runProgram throws the exit code and the words of a program that failed', async () => {
  const failing = runProgram(['sh', '-c', 'echo broken >&2; exit 3'], {});
  await expect(failing).rejects.toThrow('sh failed: it ended with exit code 3; broken');
});

test('runProgram kills what the program started when the time is over', async () => {
  const command = ['sh', '-c', `trap '' TERM; perl "${DAEMON}"; sleep 600`];
  const late = runProgram(command, { environment: environment(), timeoutMs: 500 });
  await expect(late).rejects.toThrow('sh failed: it took longer than 0.5 s');
  expect(left()).toEqual([]);
});

test('runProgram kills what the program started when its signal aborts', async () => {
  const stop = new AbortController();
  const command = ['sh', '-c', `perl "${DAEMON}"; read _; sleep 600`];
  const stopped = runProgram(command, { environment: environment(), signal: stop.signal });
  const failure = stopped.catch((error: unknown) => error);
  // The supervisor, the shell and the daemon at least.
  await until(() => left().length >= 3);
  stop.abort();
  expect(String(await failure)).toContain('sh failed: it was stopped');
  expect(left()).toEqual([]);
});
