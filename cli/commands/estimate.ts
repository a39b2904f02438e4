import type { Command } from 'commander';
import { blenderFor, farmTargets, targetFaults } from '../../core/jobs/farm';
import { cameraRenders } from '../../core/jobs/submit';
import { preflight, refuseErrors } from '../../core/scene/findings/preflight';
import { examineScene } from '../../core/scene/project/examine';
import type { JudgedUploads } from '../../core/scene/project/uploads';
import { cacheFolder } from '../../core/storage/file-writes';
import { openStorage } from '../../core/storage/open-storage';
import { formatLocation, type ObjectHead, type Storage } from '../../core/storage/storage';
import { printableName } from '../../core/text';
import { describeEstimate, describeSum, type Estimate, makeEstimate } from '../estimate/estimate-shot';
import { type AskedFarm, askFarmIfAny, askFarmSize, farmPrices } from '../estimate/farm';
import { ESTIMATES, type Shot, TEST_FRAMES } from '../estimate/test-shot';
import {
  explain,
  type Run,
  wholeNumber,
  withMachineOptions,
  withShotOptions,
  withUploadOptions,
} from '../help';
import { denoiserFor, divideMachine, hasDisplay, hasOwnColors } from '../local/farm';
import { listenForStop, reportFindings, say } from '../output';
import { findSource, localFolder, ocioOption, type OptionFlags, renderOptionsOf } from '../place';
import { confirmUploads, examineForUpload, openUploadStorage, type UploadFlags } from '../upload/upload';

interface EstimateFlags extends OptionFlags, UploadFlags {
  readonly testFrames: number;
  readonly output: string;
  readonly parallel?: number;
  readonly onFarm?: boolean;
  readonly farm?: string;
  readonly json?: boolean;
}

/** `partial`: some test frames failed. */
const EXIT_CODES = { done: 0, partial: 3 } as const;

/**
 * `spotreel estimate FILE`: estimates time here and cost on a farm from test frames. Prints the estimate on standard
 * output and progress on standard error. Returns the exit code.
 */
export async function estimateCommand(file: string, flags: EstimateFlags): Promise<number> {
  const { threads, ...here } = renderOptionsOf(flags);
  const asked = flags.onFarm ? { ...here, threads } : here;
  const output = localFolder(flags.output);
  const storage = flags.onFarm ? openUploadStorage(cacheFolder()) : openStorage();
  const source = await findSource(file, storage);
  const options = { ...asked, ...ocioOption(flags.ocio, source.url, flags.onFarm ? {} : process.env) };
  const onGpu = options.device === 'GPU';
  const name = flags.farm ?? process.env.SPOTREEL_FARM_NAME;
  const testOn = flags.onFarm ? await askFarmSize(name ?? 'main', onGpu) : undefined;
  const { shots, outside } = await examineShots(source, options, flags.project, testOn, storage);
  if (!(await confirmUploads(outside, flags.yes === true, say))) {
    say('nothing was uploaded');
    return 1;
  }
  // A farm that the user names must exist before anything is rendered; the default farm is looked up meanwhile.
  const named = testOn ?? (name === undefined ? undefined : await askFarmSize(name, onGpu));
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
        machine: divideMachine(flags.parallel, threads),
        farm,
        pricesOf: (size) => farmPrices(size, onGpu),
        storage,
        signal: stopping.signal,
        say,
      });
      if (!estimate) {
        say(`stopped: ${testOn ? 'the farm continues; ' : ''}run the same command again to resume`);
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

/** Throws `PreflightError` with all faults of the whole shot, also those of `targetFaults` for a farm. */
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

export function addEstimate(command: Command, run: Run): void {
  command
    .argument('<file>', '.blend file')
    .option(
      '--test-frames <n>',
      'least number of test frames, spread over the shot',
      wholeNumber,
      TEST_FRAMES,
    )
    .option('-o, --output <dir>', 'folder for test renders', ESTIMATES)
    .option('--on-farm', 'render the test frames on the farm and wait for them')
    .option('--farm <name>', 'farm to estimate for (default: main, if it exists)')
    .option('--json', 'print one JSON object, with seconds and US dollars')
    .action((file: string, flags: EstimateFlags) => run(async () => estimateCommand(file, flags)));
  explain(withUploadOptions(withShotOptions(withMachineOptions(command))), {
    notes:
      'Works without an AWS account: the estimate then assumes a farm with default settings and built-in prices. ' +
      'Test frames and thumbnails are kept, and the same command prints the same estimate again at once. ' +
      'Only --on-farm uploads files.',
    exitCodes: [
      [0, 'estimated'],
      [1, 'all test frames failed, or the scene was refused'],
      [2, 'wrong usage'],
      [3, 'estimated, but some test frames failed'],
      [130, 'interrupted; run the same command again to resume'],
    ],
    examples: [
      'spotreel estimate shot.blend',
      'spotreel estimate shot.blend --samples 64 --json | jq .farm.cost',
      'spotreel estimate shot.blend --on-farm   measured on the machines of the farm',
    ],
  });
}
