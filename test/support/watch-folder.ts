import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProgram, type Finished, type RunOptions } from './spotreel';

/** The output of `spotreel farm --json`, one object a line. */
export interface FarmEvent {
  readonly event: string;
  readonly renderId?: string;
  readonly [field: string]: unknown;
}

/** A `spotreel farm` that runs. */
export interface StartedFarm {
  readonly events: FarmEvent[];
  readonly finished: Promise<Finished>;
  kill(signal: NodeJS.Signals): void;
  /** Waits for an event that `isMeant`, the earliest of them. Throws when the farm ends before. */
  until(isMeant: (event: FarmEvent) => boolean): Promise<FarmEvent>;
}

/** Starts `spotreel farm directory --json` and reads its events. */
export function startFarm(
  directory: string,
  flags: readonly string[] = [],
  options: RunOptions = {},
): StartedFarm {
  const args = ['farm', directory, '--json', ...flags];
  const { process: farm, finished } = startProgram('spotreel', args, options);
  const events: FarmEvent[] = [];
  let rest = '';
  farm.stdout!.on('data', (data: Buffer) => {
    const lines = (rest + data.toString()).split('\n');
    rest = lines.pop()!;
    for (const line of lines) events.push(JSON.parse(line));
  });
  let ended: Finished | undefined;
  void finished.then((end) => (ended = end));
  return {
    events,
    finished,
    kill: (signal) => void farm.kill(signal),
    until: async (isMeant) => {
      for (;;) {
        const found = events.find(isMeant);
        if (found) return found;
        if (ended) throw new Error(`the farm has ended (${ended.exitCode}): ${ended.stderr}`);
        await sleep(20);
      }
    },
  };
}

/** Puts a scene and its file of options into a watch folder. */
export function drop(scene: string, directory: string, key: string, options?: object): string {
  const path = join(directory, 'uploads', key);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(scene, path);
  if (options) writeFileSync(`${path}.json`, JSON.stringify(options));
  return path;
}
