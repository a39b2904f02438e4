import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { codeOf } from '../../core/errors';
import { spotNotice, type RoundPlace } from './round-place';
import type { PlannedSignal, SignalTarget } from './round-plan';

export interface SentSignal extends PlannedSignal {
  readonly pid: number;
}

/** Sends the signal to one process of that kind of a farm, if one exists. */
export function sendSignal(
  planned: PlannedSignal,
  farmPid: number,
  place: RoundPlace,
): SentSignal | undefined {
  const { signal, target } = planned;
  const pid = withDescendants(farmPid).find((one) => targetOf(commandOf(one)) === target);
  if (pid === undefined) return undefined;
  if (signal === 'notice') giveNotice(pid, place);
  else if (!kill(pid, signal)) return undefined;
  return { ...planned, pid };
}

/** As `lib/host/watch-spot-notice.sh` writes it. Only running jobs see it: a draining machine gets no new jobs. */
function giveNotice(pid: number, place: RoundPlace): void {
  const time = new Date(Date.now() + NOTICE_SECONDS * 1000).toISOString();
  writeFileSync(`${spotNotice(place)}-${pid}`, JSON.stringify({ action: 'terminate', time }));
}

/** Two minutes on EC2; of these the worker keeps 20 seconds for storing. */
const NOTICE_SECONDS = 25;

/** `false` where it is gone. */
function kill(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
    throw error;
  }
}

/** The kind of a command line: `node [--require …] program.js …`, or Blender by its own name. */
function targetOf(command: readonly string[]): SignalTarget | undefined {
  const names = command.slice(0, 4).map((part) => basename(part));
  // The parent of one of the others.
  if (names.includes('supervise.pl')) return undefined;
  if (names.includes('farm-process.js')) return 'scheduler';
  if (names.includes('worker.js')) return 'worker';
  return names.includes('fake-blender') || names[0] === 'blender' ? 'blender' : undefined;
}

/** A process and what it and its children have started. Linux only. */
function withDescendants(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
  return [pid, ...children.flatMap(withDescendants)];
}

function commandOf(pid: number): string[] {
  return read(`/proc/${pid}/cmdline`).split('\0').slice(0, -1);
}

/** Nothing of a process that is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
