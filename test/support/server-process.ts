import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from './source-files';

/** Python with the packages of scripts/requirements-test.txt. */
export const PYTHON = join(ROOT, '.venv/bin/python');

/** Starting Python and its imports takes 2 s on an idle machine of 2 cores. */
export const START_TIMEOUT_SECONDS = 60;

/** A server for tests, in a process of its own. */
export interface ServerProcess {
  readonly port: number;
  /** The end of its standard error. */
  readonly log: () => string;
  stop(): Promise<void>;
}

/**
 * Starts Python of `.venv` (see scripts/requirements-test.txt) with what `settings` makes of a free port, and waits until
 * it answers there. It goes when the test run does.
 */
export async function startPythonServer(
  settings: (port: number) => { readonly args: readonly string[]; readonly environment?: NodeJS.ProcessEnv },
): Promise<ServerProcess> {
  if (!existsSync(PYTHON)) throw new Error(`${PYTHON} is missing: run "npm run setup -- --tests"`);
  const port = await freePort();
  const { args, environment = process.env } = settings(port);
  const server = spawn(PYTHON, args, { stdio: ['ignore', 'ignore', 'pipe'], env: environment });
  let log = '';
  server.stderr.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-8000);
  });
  const kill = (): void => void server.kill('SIGKILL');
  process.once('exit', kill);
  const deadline = Date.now() + START_TIMEOUT_SECONDS * 1000;
  while (!(await answers(port))) {
    if (server.exitCode !== null || Date.now() > deadline) {
      kill();
      throw new Error(`${args.join(' ').slice(0, 200)} did not start: ${log}`);
    }
    await sleep(100);
  }
  return {
    port,
    log: () => log,
    stop: async () => {
      process.off('exit', kill);
      if (server.exitCode !== null || server.signalCode !== null) return;
      const exited = new Promise((done) => server.once('exit', done));
      server.kill('SIGTERM');
      // A server that waits for its clients to disconnect would never end.
      const impatience = setTimeout(kill, 3000);
      await exited;
      clearTimeout(impatience);
    },
  };
}

/** Whether a server listens on a port of this machine. */
export function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answered: boolean) => {
      socket.destroy();
      done(answered);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (typeof address === 'object' && address) done(address.port);
        else fail(new Error('no port'));
      });
    });
  });
}
