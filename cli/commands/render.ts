import { openStorage } from '../../core/storage/open-storage';
import { findSource } from '../find-source';
import { localFolder } from '../local-folder';
import { LocalRender } from '../local/local-render';
import { divideMachine } from '../local/machine';
import { hasDisplay } from '../local/has-display';
import { createProgressView } from '../progress-view';
import { reportFindings } from '../report-findings';
import { renderOptionsOf, type OptionFlags } from '../render-options';
import { describeOutcome, outcomeJson } from '../render-outcome';
import { onStopSignal } from '../stop-signals';

export interface RenderFlags extends OptionFlags {
  readonly output: string;
  readonly parallel?: number;
  readonly name?: string;
  readonly json?: boolean;
}

const EXIT_CODES = { complete: 0, partial: 3, failed: 1 } as const;

/** `spotreel render FILE`: the whole of a render on this machine. Gives the exit code. */
export async function renderCommand(file: string, flags: RenderFlags): Promise<number> {
  const startedAt = performance.now();
  const options = renderOptionsOf(flags);
  const storage = openStorage();
  const render = new LocalRender({
    source: await findSource(file, storage),
    output: localFolder(flags.output),
    options,
    name: flags.name,
    filesCount: true,
    machine: divideMachine(flags.parallel),
    allowsScripts: options.allowScripts === true,
    storage,
    hasDisplay: hasDisplay(process.env, process.platform),
    report: reportFindings,
    view: createProgressView(process.stderr, Date.now),
  });
  let exitCode = 0;
  const stopListening = onStopSignal((code) => {
    exitCode = code;
    render.interrupt();
  });
  try {
    const outcome = await render.run();
    const seconds = (performance.now() - startedAt) / 1000;
    process.stderr.write(`${describeOutcome(outcome, seconds)}\n`);
    if (flags.json) process.stdout.write(`${JSON.stringify(outcomeJson(outcome, seconds))}\n`);
    if (outcome.state === 'interrupted') return exitCode;
    return EXIT_CODES[outcome.state];
  } finally {
    stopListening();
  }
}
