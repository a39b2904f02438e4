import type { Command } from 'commander';
import { askBlenderVersion, findProgram } from '../../container/worker/programs';
import { SpotreelError } from '../../core/errors';
import { openStorage } from '../../core/storage/open-storage';
import { parseLocation } from '../../core/storage/storage';
import { explain, type Run, wholeNumber } from '../help';
import {
  denoiserQuestion,
  divideMachine,
  hasDisplay,
  hasOwnColors,
  localTargets,
  unconfinedScripts,
} from '../local/farm';
import { setAsidePlan } from '../local/repair';
import { createMeter, onStopSignal, reportFindings } from '../output';
import { createFolderView } from '../watch-folder/view';
import { type FolderCounts, WatchFolder } from '../watch-folder/watch-folder';

interface FarmFlags {
  readonly parallel?: number;
  readonly once?: boolean;
  readonly allowScripts?: boolean;
  readonly json?: boolean;
}

/** `spotreel farm DIR`: renders what is dropped into `DIR/uploads`, until it is stopped. Gives the exit code. */
export async function farmCommand(directory: string, flags: FarmFlags): Promise<number> {
  const machine = divideMachine(flags.parallel);
  const { allowScripts = false } = flags;
  const storage = openStorage();
  reportFindings(unconfinedScripts(allowScripts ? { allowScripts } : {}, process.env));
  const blender = findProgram('blender', process.env);
  findProgram('ffmpeg', process.env);
  const folder = new WatchFolder({
    directory: findDirectory(directory),
    storage,
    machine,
    services: {
      storage,
      now: () => new Date(),
      ...localTargets(await askBlenderVersion(blender, process.env), machine, allowScripts),
      place: 'here',
      hasDisplay: hasDisplay(process.env, process.platform),
      hasOwnColors: hasOwnColors(process.env),
      hasDenoiser: denoiserQuestion(process.env),
      setAsidePlan,
    },
    once: flags.once ?? false,
    view: createFolderView(
      createMeter(process.stderr, Date.now),
      { json: flags.json, out: process.stdout, err: process.stderr },
      Date.now,
    ),
  });
  let exitCode: number | undefined;
  const stopListening = onStopSignal((code) => {
    exitCode = code;
    folder.stop();
  });
  try {
    const counts = await folder.run();
    if (exitCode === undefined) return exitCodeOf(counts);
    process.stderr.write('stopped: what is done is kept; the same command goes on from there\n');
    return exitCode;
  } finally {
    stopListening();
  }
}

function exitCodeOf({ failed, refused, partial }: FolderCounts): number {
  if (failed + refused > 0) return 1;
  return partial > 0 ? 3 : 0;
}

function findDirectory(text: string): URL {
  const url = parseLocation(`${text}/`, process.cwd());
  if (url.protocol === 'file:') return url;
  const message = `${text} is no folder of this machine; give one, such as .: uploads to a bucket render by themselves`;
  throw new SpotreelError('bad-usage', 'usage', message);
}

const NOTES = `What is dropped into DIR/uploads renders as it would in the bucket: <name>.blend and <project>/<name>.blend each start a
render, deeper ones are assets, and DIR/renders gets what comes of it. A file is taken once nothing of it (of a project:
nothing in its folder) has changed for 5 seconds. Options stand beside the scene in <name>.blend.json, by the names that an
upload's metadata has: {"frames": "1-10", "samples": 16}. One render at a time has the machine, in the order of arrival.

Ctrl-C or a crash loses nothing that is stored; started again, it goes on. A scene that was written again is a new render; one
that ended, or was cancelled, is tried again when it is dropped or touched again. status, watch, cancel and the others take
-o DIR/renders.`;

export function addFarm(program: Command, run: Run): void {
  const command = program
    .command('farm')
    .description('render what is dropped into a folder of this machine, one scene after another')
    .argument('<dir>', 'the folder; uploads and renders are made in it')
    .option('-p, --parallel <n>', 'Blenders at a time (default: what suits this machine)', wholeNumber)
    .option('--allow-scripts', 'take scenes whose options have allow-scripts; others still run no scripts')
    .option('--once', 'end when everything that is there is rendered')
    .option('--json', 'one JSON object a line on standard output: queued, started, ended, …')
    .action((directory: string, flags: FarmFlags) => run(async () => farmCommand(directory, flags)));
  explain(command, {
    notes: NOTES,
    exitCodes: [
      [0, '--once: everything that it took is complete'],
      [1, 'failed; --once: at least one was refused or failed'],
      [2, 'wrong usage, or somebody watches the folder already'],
      [3, '--once: at least one lacks frames'],
      [130, 'interrupted'],
    ],
    examples: [
      'spotreel farm ~/farm',
      'spotreel farm ~/farm --once && echo all is rendered',
      'spotreel farm ~/farm --json | jq -r .event',
    ],
  });
}
