import type { StitchRecord } from '../contract/stitch-record';
import type { Stretch } from '../report/report-figures';
import type { MachineUsage } from './render-cost';

/** What machines were held for by a render that has ended: pure. */
export function machineUsage(stretches: readonly Stretch[], stitch: StitchRecord | undefined): MachineUsage {
  const [onDemand, spot] = [true, false].map((wanted) =>
    stretches
      .filter((stretch) => (stretch.onDemand ?? false) === wanted)
      .reduce((sum, { from, to }) => sum + (to - from) / 1000, 0),
  );
  return { spotSeconds: spot!, onDemandSeconds: onDemand!, stitchSeconds: stitchSeconds(stitch) };
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
