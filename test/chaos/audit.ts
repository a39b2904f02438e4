import { jobStatus } from '../../core/local-batch/job-state';
import { framesOf } from '../../core/render/frames';
import { frameName } from '../../core/render/keys';
import { renderJobName, stitchJobName } from '../../core/render/records';
import { auditAttempts } from './audit-attempts';
import { auditLost } from './audit-lost';
import { auditRepeats } from './audit-repeats';
import { mayFail, storageFailed } from './causes';
import type { RoundFacts } from './round-facts';

/** The broken promises of a round; empty if all were kept. */
export function auditRound(facts: RoundFacts): string[] {
  const { farm, leftovers } = facts;
  if (farm.exitCode !== 0) return [`the farm ended with ${farm.exitCode}: ${farm.words}`, ...leftovers];
  return [
    ...auditFarm(facts),
    ...auditPlan(facts),
    ...auditFrames(facts),
    ...auditEnd(facts),
    ...auditPair(facts),
    ...auditRepeats(facts),
    ...auditAttempts(facts),
    ...auditLost(facts),
    ...auditUploads(facts),
    ...auditLeftovers(facts),
  ];
}

/** The farm ends early only if it gets a signal or if storage fails. */
function auditFarm(facts: RoundFacts): string[] {
  const signalled = facts.signals.filter(({ target }) => target === 'scheduler').length;
  const { restarts, words } = facts.farm;
  return restarts <= signalled || storageFailed(facts)
    ? []
    : [`the farm ended by itself ${restarts - signalled} times: ${words}`];
}

function auditPlan({ plan, manifest }: RoundFacts): string[] {
  if (!manifest) return ['the manifest is missing'];
  const planned = [...framesOf(manifest.frames)].join();
  return planned === plan.frames.join()
    ? []
    : [`the manifest's frames are ${planned}, not ${plan.frames.join()}`];
}

/** Each frame is stored and whole, or it is missing for a cause and reported. */
function auditFrames(facts: RoundFacts): string[] {
  const { plan, frames, failures } = facts;
  const names = new Set(plan.frames.map((frame) => frameName(frame)));
  const strange = [...frames.keys()].filter((name) => !names.has(name));
  const broken = [...frames].flatMap(([name, fault]) =>
    fault === undefined ? [] : [`frame ${name}: ${fault}`],
  );
  const stale = [...failures.keys()].filter((name) => frames.has(frameName(Number.parseInt(name, 10))));
  return [
    ...strange.map((name) => `frames/ holds ${name}, which was not requested`),
    ...broken,
    ...stale.map((name) => `failures/${name} reports a frame that is stored`),
    ...plan.frames
      .filter((frame) => !frames.has(frameName(frame)))
      .flatMap((frame) => auditMissing(frame, facts)),
  ];
}

function auditMissing(frame: number, facts: RoundFacts): string[] {
  const { plan, failures, reports, blender } = facts;
  const reported = failures.get(`${frame}.json`);
  const slice = Math.floor(plan.frames.indexOf(frame) / plan.framesPerSlice);
  const last = reports.find((report) => report.slice === slice)?.attempts.at(-1);
  // A Blender that never came up has tried none of the slice's frames.
  const untried = last?.exitCode === 65 && last.reason?.startsWith('Blender could not render');
  if (!reported && !untried) return [`frame ${frame} is missing and no file gives the reason`];
  if (!mayFail(frame, facts))
    return [`frame ${frame} was given up without a cause: ${reported ?? last?.reason}`];
  const begun = blender.filter((note) => note.what === 'started' && note.frame === frame).length;
  return reported && plan.blender === 'fake' && begun < 2
    ? [`frame ${frame} was given up after ${begun} tries`]
    : [];
}

function auditEnd(facts: RoundFacts): string[] {
  const { plan, frames, status, video, messages } = facts;
  const complete = plan.frames.every((frame) => frames.has(frameName(frame)));
  const state = complete ? 'complete' : 'failed';
  const wanted = plan.frames.map((_, i) => i).join();
  const said = complete ? 'is complete' : 'failed';
  const faults = [
    status?.state !== state &&
      `status.json has the state ${status?.state ?? 'none'} for a render that is ${state}: ${status?.reason}`,
    !messages.some((subject) => subject.includes(said)) && `no message says that it ${said}`,
    complete &&
      video?.join() !== wanted &&
      `the video shows the frames ${video?.join() ?? '(none)'}, not ${wanted}`,
    !complete && video && 'a video exists for a render that lacks frames',
    status?.frames &&
      status.frames.stored !== frames.size &&
      `status.json counts ${status.frames.stored} frames of ${frames.size}`,
  ];
  return faults.filter((fault) => typeof fault === 'string');
}

/** One render job and one stitch job, ended as the render did. */
function auditPair({ jobs, frames, plan, manifest }: RoundFacts): string[] {
  const names = jobs.map(({ request }) => request.jobName).toSorted();
  const renderId = manifest?.renderId ?? '';
  const pair = [renderJobName(renderId), stitchJobName(renderId)].toSorted();
  if (names.join() !== pair.join()) return [`the jobs are ${names.join(', ') || 'none'}, not one pair`];
  const wanted = frames.size === plan.frames.length ? 'SUCCEEDED' : 'FAILED';
  return jobs
    .filter((job) => jobStatus(job) !== wanted)
    .map((job) => `${job.request.jobName} is ${jobStatus(job)}, not ${wanted}`);
}

/**
 * A killed worker leaves its upload unfinished, as does one whose request to begin or abort it failed. The bucket's rule
 * (`aborted-uploads` in `film-bucket.ts`) then deletes it. No other process leaves one.
 */
function auditUploads({ unfinishedUploads, signals, requests }: RoundFacts): string[] {
  if (signals.some(({ signal, target }) => signal === 'SIGKILL' || target === 'scheduler')) return [];
  const failed = requests.filter(
    ({ method, fault }) => ['POST', 'DELETE'].includes(method) && fault && fault !== 'slow',
  );
  return unfinishedUploads
    .filter((key) => !failed.some((request) => request.key === key))
    .map((key) => `left over: an unfinished upload of ${key}`);
}

function auditLeftovers({ leftovers, halfWritten }: RoundFacts): string[] {
  return [...leftovers, ...halfWritten].map((what) => `left over: ${what}`);
}
