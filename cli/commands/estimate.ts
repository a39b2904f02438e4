import { cameraRenders } from '../../core/batch/camera-renders';
import { blenderFor, targetFaults } from '../../core/batch/choose-targets';
import { farmTargets } from '../../core/batch/farm-targets';
import { examineScene } from '../../core/preflight/examine-scene';
import type { JudgedUploads } from '../../core/preflight/judge-uploads';
import { preflight, refuseErrors } from '../../core/preflight/preflight';
import { printable, printableName } from '../../core/printable';
import { formatLocation } from '../../core/storage/location';
import { openStorage } from '../../core/storage/open-storage';
import type { ObjectHead, Storage } from '../../core/storage/storage';
import { askFarm, askFarmIfAny, type AskedFarm } from '../estimate/asked-farm';
import { describeEstimate, describeSum } from '../estimate/describe-estimate';
import { farmPrices } from '../estimate/farm-prices';
import type { Estimate } from '../estimate/estimate-shot';
import { makeEstimate } from '../estimate/make-estimate';
import type { Shot } from '../estimate/shot';
import { confirmUploads } from '../confirm-uploads';
import { examineForUpload, type UploadFlags } from '../examine-for-upload';
import { findSource } from '../find-source';
import { localFolder } from '../local-folder';
import { denoiserFor } from '../local/ask-denoiser';
import { hasDisplay } from '../local/has-display';
import { hasOwnColors } from '../local/own-colors';
import { divideMachine } from '../local/machine';
import { ocioOption } from '../ocio-flag';
import { renderOptionsOf, type OptionFlags } from '../render-options';
import { reportFindings } from '../report-findings';
import { listenForStop } from '../stop-signals';

export interface EstimateFlags extends OptionFlags, UploadFlags {
  readonly testFrames: number;
  readonly output: string;
  readonly parallel?: number;
  readonly onFarm?: boolean;
  readonly farm?: string;
  readonly json?: boolean;
}

/** All test frames came out, or some did not. */
const EXIT_CODES = { done: 0, partial: 3 } as const;

/**
 * `spotreel estimate FILE`: what a scene will take here and cost on a farm, from some of its frames. On standard output the
 * estimate, all else on standard error. Gives the exit code.
 */
export async function estimateCommand(file: string, flags: EstimateFlags): Promise<number> {
  const asked = renderOptionsOf(flags);
  const output = localFolder(flags.output);
  const storage = openStorage();
  const source = await findSource(file, storage);
  const options = { ...asked, ...ocioOption(flags.ocio, source.url, flags.onFarm ? {} : process.env) };
  const onGpu = options.device === 'GPU';
  const name = flags.farm ?? process.env.SPOTREEL_FARM_NAME;
  const testOn = flags.onFarm ? await askFarm(name ?? 'main', onGpu) : undefined;
  const { shots, outside } = await examineShots(source, options, flags.project, testOn, storage);
  if (!(await confirmUploads(outside, flags.yes === true, say))) {
    say('nothing was uploaded');
    return 1;
  }
  // One that was named has to be there before anything is rendered; another is asked meanwhile.
  const named = testOn ?? (name === undefined ? undefined : await askFarm(name, onGpu));
  const stopping = listenForStop();
  try {
    const estimates: Estimate[] = [];
    const farm = named ? Promise.resolve(named) : askFarmIfAny('main', onGpu);
    for (const shot of shots) {
      const estimate = await makeEstimate({
        shot,
        testOn,
        testFrames: flags.testFrames,
        output,
        machine: divideMachine(flags.parallel),
        farm,
        pricesOf: (size) => farmPrices(size, onGpu),
        storage,
        signal: stopping.signal,
        say,
      });
      if (!estimate) {
        say(`stopped: ${testOn ? 'the farm goes on, and ' : ''}the same command goes on from there`);
        return stopping.exitCode();
      }
      if (shots.length > 1) say(`camera ${printableName(shot.options.camera ?? '')}:`);
      process.stdout.write(`${flags.json ? JSON.stringify(estimate) : describeEstimate(estimate)}\n`);
      estimates.push(estimate);
    }
    if (estimates.length > 1) say(describeSum(estimates));
    const hasFailures = estimates.some(({ test }) => test.failures.length > 0);
    return hasFailures ? EXIT_CODES.partial : EXIT_CODES.done;
  } finally {
    stopping.release();
  }
}

/** Throws `PreflightError` with all that is wrong with the whole shot, and what `targetFaults` finds of a farm. */
async function examineShots(
  source: ObjectHead,
  options: Shot['options'],
  project: string | undefined,
  testOn: AskedFarm | undefined,
  storage: Storage,
): Promise<{ readonly shots: readonly Shot[]; readonly outside: JudgedUploads['outside'] }> {
  const { examination, outside } = testOn
    ? await examineForUpload(source, project, storage, options)
    : {
        examination: await examineScene(source.url, source.etag, storage, undefined, undefined, options),
        outside: [],
      };
  const location = formatLocation(source.url);
  const wanted = { ...examination.facts, options, source: { url: location } };
  const checked = preflight(examination, {
    file: location,
    options,
    place: testOn ? 'farm' : 'here',
    hasDisplay: !testOn && hasDisplay(process.env, process.platform),
    hasOwnColors: testOn ? testOn.description.hasOcio : hasOwnColors(process.env),
    ...(!testOn && { hasDenoiser: await denoiserFor(examination, options, process.env) }),
    blender: testOn && blenderFor(wanted, farmTargets(testOn.description)),
    placeFaults: testOn ? targetFaults(wanted, farmTargets(testOn.description), 'farm') : [],
  });
  refuseErrors(checked, location);
  reportFindings(checked.findings);
  const identity = { source: source.url, etag: source.etag, options };
  const renders = cameraRenders(identity, examination);
  const shots = renders.map((render) => ({ source, options: render.options, examination, checked }));
  return { shots, outside };
}

function say(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}
