import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Process ids whose command line or environment holds `marker`, this process left out. Linux only. */
export function processesWith(marker: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter(
      (name) =>
        read(`/proc/${name}/cmdline`).includes(marker) || read(`/proc/${name}/environ`).includes(marker),
    )
    .map(Number);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Waits until no process holds `marker` any more; gives those that still do after `seconds`. */
export async function survivorsWith(marker: string, seconds = 5): Promise<number[]> {
  for (let waited = 0; waited < seconds; waited += 0.1) {
    if (processesWith(marker).length === 0) return [];
    await sleep(100);
  }
  return processesWith(marker);
}
