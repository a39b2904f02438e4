import { listRenders, type ListedRender } from '../../core/render-state/list-renders';
import { printable, printableName } from '../../core/printable';
import { formatLocation } from '../../core/storage/location';
import { openStorage } from '../../core/storage/open-storage';
import { STATE_WORDS } from '../describe-state';
import { findPlace, type PlaceFlags } from '../place';

export interface ListFlags extends PlaceFlags {
  readonly json?: boolean;
}

/** `spotreel list`: every render in a place, the newest first; with `--json` one object a line. Gives the exit code. */
export async function listCommand(flags: ListFlags): Promise<number> {
  const { output, batch } = await findPlace(flags);
  const renders = await listRenders({ output, batch, storage: openStorage(), now: Date.now });
  const lines = flags.json ? renders.map((render) => JSON.stringify(render)) : tableOf(renders);
  if (renders.length === 0) process.stderr.write(`no renders in ${printable(formatLocation(output))}\n`);
  for (const line of lines) process.stdout.write(`${line}\n`);
  return 0;
}

function tableOf(renders: readonly ListedRender[]): string[] {
  const rows = renders.map(({ renderId, state, frames, createdAt, reason }) => [
    printableName(renderId),
    // A column holds no more than the state's name.
    STATE_WORDS[state].replace(/:.*/, ''),
    frames ? `${frames.stored}/${frames.total}` : '',
    createdAt?.replace(/\.\d+Z$/, 'Z') ?? '',
    printable((reason ?? '').replaceAll('\n', ' ')),
  ]);
  const widths = [0, 1, 2, 3].map((column) =>
    rows.reduce((most, row) => Math.max(most, row[column]!.length), 0),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
