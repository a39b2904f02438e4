import { blenderVersion, findProgram } from '../../container/worker/programs';
import { SpotreelError } from '../../core/errors';
import { parseLocation } from '../../core/storage/location';
import { openStorage } from '../../core/storage/open-storage';
import { localTargets } from '../local/farm';
import { denoiserQuestion } from '../local/ask-denoiser';
import { hasDisplay } from '../local/has-display';
import { hasOwnColors } from '../local/own-colors';
import { divideMachine } from '../local/machine';
import { unconfinedScripts } from '../local/unconfined-scripts';
import { setAsidePlan } from '../local/set-aside';
import { createMeter } from '../meter';
import { reportFindings } from '../report-findings';
import { onStopSignal } from '../stop-signals';
import { createFolderView } from '../watch-folder/folder-view';
import { WatchFolder, type FolderCounts } from '../watch-folder/watch-folder';

export interface FarmFlags {
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
      ...localTargets(await blenderVersion(blender, process.env), machine, allowScripts),
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
