import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SubmitJobRequest } from '../../core/jobs/batch';
import { LocalBatch, type LocalBatchEvent, type LocalBatchOptions } from '../../core/local-batch/local-batch';

export const QUEUE = 'queue';

/** The path of a program in test/fixtures/programs. */
export function programFile(name: string): string {
  return join(__dirname, '..', 'fixtures', 'programs', name);
}

export interface Harness {
  readonly batch: LocalBatch;
  readonly directory: string;
  readonly events: LocalBatchEvent[];
  readonly submit: (command: readonly string[], rest?: Partial<SubmitJobRequest>) => Promise<string>;
  /** Resolves when a child (0 for a plain job) has written this line. */
  readonly untilLogged: (jobId: string, line: string, index?: number) => Promise<void>;
}

const opened: LocalBatch[] = [];
const directories: string[] = [];

/** Stops every batch of a test and removes its folders; for `afterEach`. */
export async function cleanUp(): Promise<void> {
  await Promise.all(opened.splice(0).map((batch) => batch.stop()));
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
}

export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'spotreel-local-batch-'));
  directories.push(directory);
  return directory;
}

/** A local Batch whose one definition, `node`, runs a Node program of the fixtures. */
export async function openBatch(options: Partial<LocalBatchOptions> = {}): Promise<Harness> {
  const directory = options.stateDirectory ?? makeDirectory();
  const events: LocalBatchEvent[] = [];
  const batch = await LocalBatch.open({
    stateDirectory: directory,
    jobQueue: QUEUE,
    maxParallel: 2,
    jobDefinitions: { node: { entrypoint: [process.execPath] } },
    environment: { BASE: 'base' },
    stopTimeoutSeconds: 30,
    onEvent: (event) => events.push(event),
    ...options,
  });
  opened.push(batch);

  const submit: Harness['submit'] = async ([program = '', ...args], rest) => {
    const command = [programFile(program), ...args];
    const request = {
      jobName: 'job',
      jobQueue: QUEUE,
      jobDefinition: 'node',
      containerOverrides: { command },
    };
    return (await batch.submitJob({ ...request, ...rest })).jobId;
  };
  const untilLogged: Harness['untilLogged'] = (jobId, line, index) =>
    until(() =>
      events.some((e) => e.type === 'log' && e.jobId === jobId && e.index === index && e.line === line),
    );
  return { batch, directory, events, submit, untilLogged };
}

/** Polls until the condition holds, and gives up before the test's own timeout, so that the polling ends with it. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`this never came true: ${condition.toString()}`);
    await sleep(10);
  }
}

export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** The ids of running processes that have this variable in their environment. */
export function processesWith(name: string, value: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => isRunning(pid) && environmentOf(pid).includes(`${name}=${value}`));
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
