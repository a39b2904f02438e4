import { renderOptionsSchema, type RenderOptions } from '../../core/contract/options';
import { describeIssues } from '../../core/contract/parse-json';
import { SpotreelError } from '../../core/errors';
import { formatLocation, parseLocation } from '../../core/storage/location';
import { openStorage } from '../../core/storage/open-storage';
import { StorageError, type ObjectHead, type Storage } from '../../core/storage/storage';
import { LocalRender } from '../local/local-render';
import { divideMachine } from '../local/machine';
import { createProgressView } from '../progress-view';
import { describeOutcome, outcomeJson } from '../render-outcome';
import { onStopSignal } from '../stop-signals';

export interface RenderFlags {
  readonly output: string;
  readonly frames?: string;
  readonly scene?: string;
  readonly framesPerSlice?: number;
  readonly parallel?: number;
  readonly resolutionPercent?: number;
  readonly samples?: number;
  readonly engine?: string;
  readonly name?: string;
  readonly json?: boolean;
}

/** `spotreel render FILE`: the whole of a render on this machine. Gives the exit code. */
export async function renderCommand(file: string, flags: RenderFlags): Promise<number> {
  const startedAt = Date.now();
  const options = optionsOf(flags);
  const storage = openStorage();
  const render = new LocalRender({
    source: await findSource(file, storage),
    output: findOutput(flags.output),
    options,
    name: flags.name,
    machine: divideMachine(flags.parallel),
    storage,
    view: createProgressView(process.stderr, Date.now),
  });
  let exitCode = 0;
  const stopListening = onStopSignal((code) => {
    exitCode = code;
    render.interrupt();
  });
  try {
    const outcome = await render.run();
    const seconds = (Date.now() - startedAt) / 1000;
    process.stderr.write(`${describeOutcome(outcome, seconds)}\n`);
    if (flags.json) process.stdout.write(`${JSON.stringify(outcomeJson(outcome, seconds))}\n`);
    if (outcome.state === 'interrupted') return exitCode;
    return outcome.state === 'complete' ? 0 : 1;
  } finally {
    stopListening();
  }
}

function optionsOf(flags: RenderFlags): RenderOptions {
  const { frames, scene, framesPerSlice, resolutionPercent, samples, engine } = flags;
  const given = Object.entries({ frames, scene, framesPerSlice, resolutionPercent, samples, engine });
  const result = renderOptionsSchema.safeParse(
    Object.fromEntries(given.filter(([, value]) => value !== undefined)),
  );
  if (result.success) return result.data;
  throw new SpotreelError('bad-options', 'usage', `options: ${describeIssues(result.error)}`);
}

async function findSource(file: string, storage: Storage): Promise<ObjectHead> {
  const url = parseLocation(file, process.cwd());
  const head = await storage.head(url);
  if (head) return head;
  throw new StorageError('not-found', url, `there is no file ${formatLocation(url)}; check the path`);
}

function findOutput(folder: string): URL {
  const url = parseLocation(`${folder}/`, process.cwd());
  if (url.protocol === 'file:') return url;
  throw new SpotreelError(
    'bad-output',
    'usage',
    `-o ${folder} is no folder of this machine; give one, such as -o renders`,
  );
}
