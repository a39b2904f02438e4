import type { Command } from 'commander';
import { type ListedRender, listRenders } from '../../core/status/list';
import { openStorage } from '../../core/storage/open-storage';
import { formatLocation } from '../../core/storage/storage';
import { printable, printableName } from '../../core/text';
import { STATE_WORDS } from '../status/describe-state';
import { explain, type Run, withPlaceOptions } from '../help';
import { localTime, print } from '../output';
import { findPlace, type PlaceFlags } from '../place';

interface ListFlags extends PlaceFlags {
  readonly json?: boolean;
}

/**
 * `spotreel list`: all renders in a place, newest first; `--json` prints one object per line. Returns the exit code.
 */
export async function listCommand(flags: ListFlags): Promise<number> {
  const { output, batch } = await findPlace(flags);
  const renders = await listRenders({ output, batch, storage: openStorage(), now: Date.now });
  const lines = flags.json ? renders.map((render) => JSON.stringify(render)) : tableOf(renders);
  if (renders.length === 0) print(`no renders in ${printable(formatLocation(output))}`, process.stderr);
  for (const line of lines) {
    if (flags.json) process.stdout.write(`${line}\n`);
    else print(line, process.stdout);
  }
  return 0;
}

type Group = readonly [group: string | undefined, members: readonly ListedRender[]];

/** Groups are listed together, at the position of their newest render. */
function byGroup(renders: readonly ListedRender[]): Group[] {
  const groups = new Map<string, ListedRender[]>();
  for (const render of renders) {
    const key = render.group === undefined ? `render ${render.renderId}` : `group ${render.group}`;
    groups.set(key, [...(groups.get(key) ?? []), render]);
  }
  return [...groups.values()].map((members) => [members[0]?.group, members]);
}

function rowOf(
  { renderId, state, frames, createdAt, camera, reason }: ListedRender,
  indent: string,
): string[] {
  const notes = [
    ...(camera === undefined ? [] : [`camera ${printableName(camera)}`]),
    ...(reason ? [reason] : []),
  ];
  return [
    indent + printableName(renderId),
    // Only the name of the state fits into a column.
    STATE_WORDS[state].replace(/:.*/, ''),
    frames ? `${frames.stored}/${frames.total}` : '',
    createdAt === undefined ? '' : localTime(createdAt),
    printable(notes.join(': ').replaceAll('\n', ' ')),
  ];
}

function tableOf(renders: readonly ListedRender[]): string[] {
  const rows = byGroup(renders).flatMap(([group, members]) => [
    ...(group === undefined ? [] : [[`${printableName(group)}: ${members.length} cameras`]]),
    ...members.map((render) => rowOf(render, group === undefined ? '' : '  ')),
  ]);
  const widths = [0, 1, 2, 3].map((column) =>
    rows.reduce((most, row) => (row.length > 1 ? Math.max(most, row[column]!.length) : most), 0),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

export function addList(command: Command, run: Run): void {
  command
    .option('--json', 'print one JSON object per line')
    .action((flags: ListFlags) => run(async () => listCommand(flags)));
  explain(withPlaceOptions(command), {
    exitCodes: [
      [0, 'listed, even if there are no renders'],
      [1, 'failed'],
      [2, 'wrong usage'],
    ],
    examples: ['spotreel list', `spotreel list --json | jq -r 'select(.state == "failed") | .renderId'`],
  });
}
