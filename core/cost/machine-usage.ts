import type { StitchRecord } from '../contract/stitch-record';
import type { Stretch } from '../report/report-figures';
import type { MachineUsage, ResizedUsage, SliceUsage } from './render-cost';

/** A time, in milliseconds since 1970, that a machine was held for, and which. */
export type HeldTime = Pick<Stretch, 'from' | 'to' | 'onDemand' | 'vcpus'>;

/** What machines were held for by a render that has ended: pure. */
export function machineUsage(stretches: readonly HeldTime[], stitch: StitchRecord | undefined): MachineUsage {
  return { ...sliceUsage(stretches), stitchSeconds: stitchSeconds(stitch) };
}

/** What machines were held for by these times: pure. */
export function sliceUsage(times: readonly HeldTime[]): SliceUsage {
  return addUsage(
    times.map(({ from, to, onDemand, vcpus }) => {
      const seconds = (to - from) / 1000;
      const usage = { spotSeconds: onDemand ? 0 : seconds, onDemandSeconds: onDemand ? seconds : 0 };
      return vcpus === undefined ? usage : { ...usage, resized: [{ vcpus, ...usage }] };
    }),
  );
}

/** All of them together: pure. */
export function addUsage(all: readonly SliceUsage[]): SliceUsage {
  let [spotSeconds, onDemandSeconds] = [0, 0];
  const resized = new Map<number, ResizedUsage>();
  for (const one of all) {
    spotSeconds += one.spotSeconds;
    onDemandSeconds += one.onDemandSeconds;
    for (const { vcpus, ...seconds } of one.resized ?? []) {
      const before = resized.get(vcpus);
      resized.set(vcpus, {
        vcpus,
        spotSeconds: seconds.spotSeconds + (before?.spotSeconds ?? 0),
        onDemandSeconds: seconds.onDemandSeconds + (before?.onDemandSeconds ?? 0),
      });
    }
  }
  return {
    spotSeconds,
    onDemandSeconds,
    ...(resized.size > 0 && { resized: [...resized.values()] }),
  };
}

/** The record as it would be if the attempt that goes on had just ended: pure. */
export function untilNow({ version, attempts }: StitchRecord, now: Date): StitchRecord {
  const ended = attempts.map((attempt, i) =>
    i === attempts.length - 1 ? { stoppedAt: now.toISOString(), ...attempt } : attempt,
  );
  return { version, attempts: ended };
}

/** How long the jobs that made the video ran: pure. Of an attempt of which no end is noted nobody knows. */
export function stitchSeconds(record: StitchRecord | undefined): number {
  return (record?.attempts ?? []).reduce((sum, { startedAt, stoppedAt = startedAt }) => {
    return sum + Math.max(0, (Date.parse(stoppedAt) - Date.parse(startedAt)) / 1000);
  }, 0);
}
