import { mapConcurrently } from '../concurrency';
import { EXIT } from '../jobs/worker';
import type { Document } from '../render/document';
import type { SliceAttempt, SliceReport } from '../render/records';
import type { Render } from '../render/render';
import { addKeptData, quartilesOf, reportFigures, type SliceFigures } from '../render/slice-figures';
import type { ObjectInfo } from '../storage/storage';
import { addUsage, sliceUsage, type SliceUsage } from './receipt';

/** Reports that are fetched at a time. */
const AT_ONCE = 16;

/** The part of a slice's report that is kept. */
interface Digest {
  /** The version of the report. */
  readonly version: string;
  readonly attempts: number;
  readonly interruptions: number;
  readonly usage: SliceUsage;
  readonly frameSeconds: Float64Array;
  readonly lastSeen: number;
  readonly keptData?: SliceFigures['keptData'];
  /** The latest attempt, if its end is unknown: it may be running. */
  readonly open?: Pick<SliceAttempt, 'onDemand' | 'vcpus'>;
}

/** The reports of a render's slices, as numbers. A second look fetches only reports that have changed. */
export class SliceDigests {
  private readonly digests = new Map<string, Digest>();

  constructor(private readonly atOnce = AT_ONCE) {}

  async read(render: Render): Promise<SliceFigures> {
    const changed: Array<{ readonly info: ObjectInfo; readonly document: Document<SliceReport> }> = [];
    for await (const { info, report: document } of render.sliceFiles())
      if (this.digests.get(info.url.href)?.version !== versionOf(info)) changed.push({ info, document });
    await mapConcurrently(changed, this.atOnce, async ({ info, document }) => {
      const report = await document.readIfValid();
      if (!report) return;
      const figures = reportFigures({ slices: [report] });
      this.digests.set(info.url.href, {
        version: versionOf(info),
        attempts: figures.stretches.length,
        interruptions: report.attempts.filter(({ exitCode }, i) =>
          wasInterrupted(exitCode, i, report.attempts.length),
        ).length,
        usage: sliceUsage(figures.stretches),
        ...(figures.keptData && { keptData: figures.keptData }),
        ...openOf(report.attempts.at(-1)),
        frameSeconds: Float64Array.from(figures.frames, ({ seconds }) => seconds),
        lastSeen: figures.stretches.reduce((latest, { to }) => Math.max(latest, to), 0),
      });
    });
    return addUp([...this.digests.values()]);
  }

  /**
   * Machine time of slices, as far as it was read. For `running` slices it includes the time from their latest frame
   * to `now` (milliseconds since 1970).
   */
  held(running: number, now: number): SliceUsage {
    const digests = [...this.digests.values()];
    const open = digests.flatMap((one) => (one.open ? [{ from: one.lastSeen, ...one.open }] : []));
    // Some of them may have lost their machines; which ones is unknown.
    const share = open.length === 0 ? 0 : Math.min(1, running / open.length);
    const since = open.map((one) => ({ ...one, to: one.from + Math.max(0, now - one.from) * share }));
    return addUsage([...digests.map(({ usage }) => usage), sliceUsage(since)]);
  }
}

function openOf(latest: SliceAttempt | undefined): Pick<Digest, 'open'> {
  if (!latest || latest.stoppedAt !== undefined) return {};
  const { onDemand, vcpus } = latest;
  return { open: { onDemand, vcpus } };
}

/** An attempt without an end was interrupted, unless it is the latest: that one may be running. */
function wasInterrupted(exitCode: number | undefined, index: number, count: number): boolean {
  return exitCode === STOPPED || (exitCode === undefined && index < count - 1);
}

/** The worker's exit code for an attempt that was stopped without a fault. */
const STOPPED = EXIT.stopped.code;

function versionOf({ size, lastModified, etag }: ObjectInfo): string {
  return `${etag ?? ''} ${size} ${lastModified.getTime()}`;
}

function addUp(digests: readonly Digest[]): SliceFigures {
  const sum = (valueOf: (digest: Digest) => number) =>
    digests.reduce((total, one) => total + valueOf(one), 0);
  const seconds = new Float64Array(sum(({ frameSeconds }) => frameSeconds.length));
  let filled = 0;
  for (const { frameSeconds } of digests) {
    seconds.set(frameSeconds, filled);
    filled += frameSeconds.length;
  }
  seconds.sort();
  const frameSeconds = quartilesOf(seconds);
  const keptData = addKeptData(digests.flatMap((one) => one.keptData ?? []));
  return {
    attempts: sum(({ attempts }) => attempts),
    interruptions: sum(({ interruptions }) => interruptions),
    machineSeconds: sum(({ usage }) => usage.spotSeconds + usage.onDemandSeconds),
    ...(frameSeconds && { frameSeconds }),
    ...(keptData && { keptData }),
    ...(digests.length > 0 && {
      lastSeen: digests.reduce((latest, one) => Math.max(latest, one.lastSeen), 0),
    }),
  };
}
