/** A farm of Spot machines in simulated time. Assumed figures, in seconds: see the page that `bench/slices.ts` writes. */

/** Slices at a time on one machine. */
export const SLOTS = 4;
/** From the request to the first launch, and after a reclaim. */
const LEAD_SECONDS = 60;
export const REPLACE_SECONDS = 60;
/** New machines that Spot capacity gives in a minute. */
export const MACHINES_A_MINUTE = 32;
export const BOOT_SECONDS = 90;
export const PULL_SECONDS = 60;
export const FETCH_SECONDS = 15;
/** From one slice to the next on a machine: AWS Batch places the job, and its container starts. */
export const PLACE_SECONDS = 15;
/** Paid seconds of a machine after its last slice. */
const IDLE_SECONDS = 60;
/** Attempts of a slice; the farm's default. */
export const ATTEMPTS = 5;

export interface Scenario {
  readonly frames: number;
  /** Mean of all frames. */
  readonly frameSeconds: number;
  /** Slices at a time. */
  readonly parallel: number;
  /** Of each attempt of a slice, after its container started: Blender, the scene, the longer first frames. */
  readonly startSeconds: number;
  /** Of each machine. */
  readonly reclaimsPerHour: number;
  readonly seed: number;
}

export interface Outcome {
  readonly slices: number;
  /** Attempts of slices. */
  readonly starts: number;
  readonly reclaims: number;
  /** Slices that would have needed another attempt. They get one here, so that all ways render all frames. */
  readonly exhausted: number;
  readonly lostSeconds: number;
  readonly tailSeconds: number;
  /** From the submission to the last frame. */
  readonly wallSeconds: number;
  /** Paid time of all machines. */
  readonly machineSeconds: number;
  /** Blender's time for all frames. */
  readonly workSeconds: number;
}

/** Seconds of each frame: they vary slowly along the shot by up to a factor of 4, and by 15 % at random. */
export function frameCosts({ frames, frameSeconds }: Scenario, random: () => number): Float64Array {
  const phase = random();
  const shape = Float64Array.from({ length: frames }, (_, frame) => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.exp(0.7 * Math.sin(2 * Math.PI * ((1.3 * frame) / frames + phase)) + 0.15 * normal);
  });
  const mean = shape.reduce((sum, value) => sum + value, 0) / frames;
  return shape.map((value) => (value * frameSeconds) / mean);
}

/** A slice that waits or runs: its frames from `first` to before `end`. */
interface Slice {
  readonly first: number;
  readonly end: number;
  readonly attempts: number;
}

interface Attempt {
  readonly slice: Slice;
  readonly startedAt: number;
}

interface Machine {
  readonly launchedAt: number;
  readonly slots: Array<Attempt | undefined>;
  isReady: boolean;
  isGone: boolean;
}

interface Event {
  readonly at: number;
  readonly happen: () => void;
}

/** Runs all slices to their end. `starts`: positions of their first frames, ascending. */
export function simulate(
  { frames, parallel, startSeconds: ownStart, reclaimsPerHour }: Scenario,
  costs: Float64Array,
  starts: readonly number[],
  random: () => number,
): Outcome {
  const until = sumsOf(costs);
  const startSeconds = PLACE_SECONDS + ownStart;
  const events = new EventQueue();
  const waiting: Slice[] = starts.map((first, i) => ({ first, end: starts[i + 1] ?? frames, attempts: 0 }));
  const machines = new Set<Machine>();
  const most = Math.ceil(parallel / SLOTS);
  let [next, launching, attempts, reclaims, exhausted] = [0, 0, 0, 0, 0];
  let [lostSeconds, machineSeconds, endedAt, emptyAt, rendered] = [0, 0, 0, 0, 0];
  const left = () => waiting.length - next;

  const launch = (at: number): void => {
    launching += 1;
    events.add(at, () => {
      launching -= 1;
      if (left() === 0) return;
      const machine: Machine = {
        launchedAt: at,
        slots: Array.from({ length: SLOTS }, () => undefined),
        isReady: false,
        isGone: false,
      };
      machines.add(machine);
      const readyAt = at + BOOT_SECONDS + PULL_SECONDS + FETCH_SECONDS;
      events.add(readyAt, () => {
        machine.isReady = true;
        fill(machine, readyAt);
      });
      if (reclaimsPerHour === 0) return;
      const goneAt = at - (Math.log(1 - random()) / reclaimsPerHour) * 3600;
      events.add(goneAt, () => reclaim(machine, goneAt));
    });
  };

  const fill = (machine: Machine, at: number): void => {
    if (machine.isGone || !machine.isReady) return;
    for (const [slot, busy] of machine.slots.entries()) if (!busy && left() > 0) start(machine, slot, at);
    if (machine.slots.every((busy) => !busy))
      events.add(at + IDLE_SECONDS, () => retire(machine, at + IDLE_SECONDS));
  };

  const start = (machine: Machine, slot: number, at: number): void => {
    const attempt = { slice: waiting[next]!, startedAt: at };
    next += 1;
    attempts += 1;
    if (left() === 0) emptyAt = at;
    machine.slots[slot] = attempt;
    const { first, end } = attempt.slice;
    const doneAt = at + startSeconds + until[end]! - until[first]!;
    events.add(doneAt, () => {
      if (machine.isGone) return;
      machine.slots[slot] = undefined;
      rendered += end - first;
      endedAt = doneAt;
      fill(machine, doneAt);
    });
  };

  const leave = (machine: Machine, at: number): void => {
    machine.isGone = true;
    machines.delete(machine);
    machineSeconds += at - machine.launchedAt;
  };

  const retire = (machine: Machine, at: number): void => {
    if (!machine.isGone && machine.slots.every((busy) => !busy)) leave(machine, at);
  };

  const reclaim = (machine: Machine, at: number): void => {
    if (machine.isGone) return;
    leave(machine, at);
    reclaims += 1;
    for (const attempt of machine.slots) {
      if (!attempt) continue;
      const { slice, startedAt } = attempt;
      const worked = at - startedAt - startSeconds;
      const first = worked < 0 ? slice.first : lastWithin(until, until[slice.first]! + worked, slice);
      lostSeconds += at - startedAt - (until[first]! - until[slice.first]!);
      rendered += first - slice.first;
      if (slice.attempts + 1 === ATTEMPTS) exhausted += 1;
      waiting.push({ first, end: slice.end, attempts: slice.attempts + 1 });
    }
    for (const other of machines) if (left() > 0) fill(other, at);
    const coming = [...machines].filter(({ isReady }) => !isReady).length + launching;
    if (left() > coming * SLOTS && machines.size + launching < most) launch(at + REPLACE_SECONDS);
  };

  const wanted = Math.ceil(Math.min(parallel, starts.length) / SLOTS);
  for (let i = 0; i < wanted; i += 1) launch(LEAD_SECONDS + (i / MACHINES_A_MINUTE) * 60);
  events.run();
  if (rendered !== frames) throw new Error(`the simulation rendered ${rendered} of ${frames} frames`);
  return {
    slices: starts.length,
    starts: attempts,
    reclaims,
    exhausted,
    lostSeconds,
    tailSeconds: endedAt - emptyAt,
    wallSeconds: endedAt,
    machineSeconds,
    workSeconds: until[frames]!,
  };
}

/** Sums of the first values: 0, the first, the first two, and so on. */
function sumsOf(values: Float64Array): Float64Array {
  const sums = new Float64Array(values.length + 1);
  for (const [i, value] of values.entries()) sums[i + 1] = sums[i]! + value;
  return sums;
}

/** The last position of the slice whose sum is at most `limit`. */
function lastWithin(sums: Float64Array, limit: number, { first, end }: Slice): number {
  let [low, high] = [first, end];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sums[middle]! <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Events by time, in a binary heap. */
class EventQueue {
  private readonly heap: Event[] = [];

  add(at: number, happen: () => void): void {
    const { heap } = this;
    const event = { at, happen };
    let place = heap.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (heap[parent]!.at <= at) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = event;
  }

  run(): void {
    for (let event = this.next(); event; event = this.next()) event.happen();
  }

  private next(): Event | undefined {
    const { heap } = this;
    const [first, last] = [heap[0], heap.pop()];
    if (!last || heap.length === 0) return first;
    let place = 0;
    for (let child = 1; child < heap.length; child = 2 * place + 1) {
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child += 1;
      if (heap[child]!.at >= last.at) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
    return first;
  }
}
