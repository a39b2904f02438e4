import type { Command } from 'commander';
import { findProgram } from '../../container/worker/programs';
import { SpotreelError } from '../../core/errors';
import { openStorage } from '../../core/storage/open-storage';
import { parseLocation } from '../../core/storage/storage';
import { explain, renderOption, type Run, withMachineOptions } from '../help';
import {
  denoiserQuestion,
  divideMachine,
  findBlenderVersion,
  hasDisplay,
  hasOwnColors,
  keptPace,
  localTargets,
  unconfinedScripts,
} from '../local/farm';
import { setAsidePlan } from '../local/repair';
import { createMeter, onStopSignal, reportFindings } from '../output';
import { createFolderView } from '../watch-folder/view';
import { type FolderCounts, WatchFolder } from '../watch-folder/watch-folder';

interface FarmFlags {
  readonly parallel?: number;
  readonly threads?: number;
  readonly once?: boolean;
  readonly allowScripts?: boolean;
  readonly json?: boolean;
}

/** `spotreel farm DIR`: renders scenes from `DIR/uploads` until it is stopped. Returns the exit code. */
export async function farmCommand(directory: string, flags: FarmFlags): Promise<number> {
  const machine = divideMachine(flags.parallel, flags.threads);
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
      ...localTargets(await findBlenderVersion(blender, process.env), machine, allowScripts),
      place: 'here',
      hasDisplay: hasDisplay(process.env, process.platform),
      hasOwnColors: hasOwnColors(process.env),
      hasDenoiser: denoiserQuestion(process.env),
      setAsidePlan,
      findPace: (plan, output) => keptPace(plan, output, storage, machine),
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
    process.stderr.write('stopped: finished frames are kept; run the same command again to resume\n');
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
  const message = `${text} is not a folder of this machine; give one, such as . (uploads to a bucket render without this command)`;
  throw new SpotreelError('bad-usage', 'usage', message);
}

const NOTES =
  'Drop scenes into DIR/uploads. <name>.blend and <project>/<name>.blend each start a render; ' +
  'files in deeper folders are assets. Results are in DIR/renders. ' +
  'Farm takes a file once it has not changed for 5 seconds, and a project once nothing in its folder has. ' +
  'Options are in <name>.blend.json beside the scene, by their keys: {"frames": "1-10", "samples": 16}. ' +
  'Farm renders one scene at a time, in order of arrival.\n\n' +
  'Ctrl-C or a crash loses no stored frame; start farm again to resume. ' +
  'A changed scene is a new render. To retry a render, drop its scene again or touch it. ' +
  'For status, watch, cancel and other commands, give -o DIR/renders.';

export function addFarm(command: Command, run: Run): void {
  command
    .argument('<dir>', 'folder in which farm creates uploads and renders')
    .addOption(
      renderOption('allowScripts', 'accept scenes that ask for allow-scripts; other scenes run no scripts'),
    )
    .option('--once', 'end when every upload is rendered')
    .option('--json', 'print one JSON object per line: queued, started, ended, …')
    .action((directory: string, flags: FarmFlags) => run(async () => farmCommand(directory, flags)));
  explain(withMachineOptions(command).addOption(renderOption('threads')), {
    notes: NOTES,
    exitCodes: [
      [0, '--once: every render is complete'],
      [1, 'failed; --once: a scene was refused, or a render failed'],
      [2, 'wrong usage, or another process watches the folder'],
      [3, '--once: a render is partial'],
      [130, 'interrupted'],
    ],
    examples: [
      'spotreel farm ~/farm',
      'spotreel farm ~/farm --once && echo all scenes are rendered',
      'spotreel farm ~/farm --json | jq -r .event',
    ],
  });
}
