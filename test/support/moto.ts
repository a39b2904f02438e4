import { spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  answers,
  freePort,
  PYTHON,
  type ServerProcess,
  START_TIMEOUT_SECONDS,
  startPythonServer,
} from './server-process';
import { ROOT } from './source-files';

const PROGRAM = join(ROOT, 'test/fixtures/programs/moto_server.py');

/** Starts moto on a free port, without any state. In a run of jest it is a fork of a process that has loaded moto once. */
export async function startMoto(): Promise<ServerProcess> {
  const folder = process.env.SPOTREEL_MOTO_FOLDER;
  // moto reads its settings as it is loaded.
  const hasSettings = Object.keys(process.env).some((name) => name.startsWith('MOTO_'));
  if (folder === undefined || hasSettings)
    return startPythonServer((port) => ({ args: [PROGRAM, String(port)] }));
  const socket = await connectToParent(folder);
  const port = await freePort();
  socket.write(`${port}\n`);
  const deadline = Date.now() + START_TIMEOUT_SECONDS * 1000;
  while (!(await answers(port))) {
    if (Date.now() > deadline) throw new Error(`moto did not start: ${logOf(folder)}`);
    await sleep(20);
  }
  return { port, log: () => logOf(folder), stop: async () => void socket.destroy() };
}

const logOf = (folder: string): string => readFileSync(join(folder, 'log'), 'utf8').slice(-8000);

/** The process that forks servers; the first of all that ask starts it. */
async function connectToParent(folder: string): Promise<Socket> {
  const path = join(folder, 'socket');
  const log = tryToCreate(join(folder, 'log'));
  if (log !== undefined) {
    const owner = process.env.SPOTREEL_MOTO_OWNER ?? '';
    spawn(PYTHON, [PROGRAM, path, owner], { stdio: ['ignore', 'ignore', log], detached: true }).unref();
  }
  const deadline = Date.now() + START_TIMEOUT_SECONDS * 1000;
  while (!existsSync(path)) {
    if (Date.now() > deadline) throw new Error(`moto did not load: ${logOf(folder)}`);
    await sleep(50);
  }
  const socket = connect(path);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  // The connection lasts as long as the server, and keeps no test file from its end.
  socket.unref();
  return socket;
}

/** A new file, open for writing; `undefined` if there is one. */
function tryToCreate(path: string): number | undefined {
  try {
    return openSync(path, 'wx');
  } catch {
    return undefined;
  }
}
