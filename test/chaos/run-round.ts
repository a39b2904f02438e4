import { spawn } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { findProgram } from '../../container/worker/programs';
import { killProgram, withLifeline } from '../../core/processes/run-program';
import { FileStorage } from '../../core/storage/file-storage';
import { S3Storage } from '../../core/storage/s3-storage';
import { installFakeBlender } from '../support/fake-blender';
import { processesWith } from '../support/processes';
import type { S3Emulator } from '../support/s3-emulator';
import { ROOT } from '../support/source-files';
import { auditRound } from './audit';
import { emptyBucket } from './empty-bucket';
import { type FaultyProxy, startFaultyProxy } from './faulty-proxy';
import { gatherFacts } from './gather-facts';
import { RequestFaults } from './request-fault';
import type { RoundFacts } from './round-facts';
import {
  blenderLog,
  type FarmTask,
  framesWish,
  outputDirectory,
  RENDER_NAME,
  resolutionOf,
  resolutionPercent,
  type RoundPlace,
  SCENE_KEY,
  scenePath,
} from './round-place';
import type { PlannedSignal, RoundPlan } from './round-plan';
import { sendSignal, type SentSignal } from './signals';

/** Starts of the farm's process, of which each but the last was ended by a plan's signal or failed in passing. */
const MOST_STARTS = 15;

/** A round takes seconds; one that takes longer hangs. */
const MOST_SECONDS = 600;

const POLL_MS = 10;

export interface RoundResult {
  readonly violations: readonly string[];
  /** How many of the plan's signals met a process. */
  readonly signals: number;
  readonly storageFaults: number;
}

export interface RoundServices {
  readonly emulator: S3Emulator;
  /** In which each round makes its own. */
  readonly folder: string;
  /** The bundle of `farm-process.ts`. */
  readonly farmProgram: string;
  /** Whether what a round leaves is kept. */
  readonly keep: boolean;
}

/** Plays one round and audits it. Deletes its files afterwards, unless they are to be kept. */
export async function runRound(
  plan: RoundPlan,
  { emulator, folder, farmProgram, keep }: RoundServices,
): Promise<RoundResult> {
  // No other round's: it identifies the round's processes.
  const directory = join(folder, `seed-${plan.seed}-`);
  mkdirSync(directory);
  const proxy = await startFaultyProxy(emulator.endpoint, new RequestFaults(plan.seed, plan.storageFaults));
  const { client } = emulator;
  const place = placeOf(plan, directory);
  try {
    if (plan.storage === 's3') {
      await client.send(new CreateBucketCommand({ Bucket: place.bucket }));
      await client.send(new PutObjectCommand({ Bucket: place.bucket, Key: SCENE_KEY, ...uploadOf(plan) }));
    }
    const round = new Round(plan, place, proxy, farmProgram);
    const farm = await round.play();
    const storage = plan.storage === 's3' ? new S3Storage(client) : new FileStorage();
    const { signals } = round;
    const { requests } = proxy;
    const facts = { ...(await gatherFacts(plan, place, { storage, client })), farm, requests, signals };
    const storageFaults = requests.filter(({ fault }) => fault).length;
    return { violations: auditRound(facts), signals: signals.length, storageFaults };
  } finally {
    await proxy.stop();
    for (const pid of processesWith(directory)) kill(pid);
    if (plan.storage === 's3' && !keep) await emptyBucket(client, place.bucket);
    if (!keep) rmSync(directory, { recursive: true, force: true });
  }
}

const SCENE = join(ROOT, 'examples/clock.blend');

function uploadOf(plan: RoundPlan) {
  return {
    Body: readFileSync(SCENE),
    Metadata: {
      frames: framesWish(plan),
      'frames-per-slice': String(plan.framesPerSlice),
      'resolution-percent': String(resolutionPercent(plan)),
    },
  };
}

/** Makes the folders, the scene and the Blender of a round. */
function placeOf(plan: RoundPlan, directory: string): RoundPlace {
  const notes = join(directory, 'faults');
  const place = {
    directory,
    bucket: `chaos-${plan.seed}`,
    worker: join(ROOT, 'dist/worker.js'),
    preload: join(ROOT, 'test/fixtures/programs/name-worker.js'),
    blender: plan.blender === 'real' ? findProgram('blender', process.env) : join(directory, 'fake-blender'),
  };
  mkdirSync(notes);
  copyFileSync(SCENE, scenePath(place));
  if (plan.blender === 'real') return place;
  const faults = Object.entries(plan.frameFaults);
  installFakeBlender(place.blender, {
    ...resolutionOf(plan),
    noise: plan.large,
    delayMs: plan.frameMs,
    faults: Object.fromEntries(faults.map(([frame, { fault }]) => [frame, fault])),
    onceIn: notes,
    onceFor: faults.filter(([, { once }]) => once).map(([frame]) => Number(frame)),
    // Far enough apart to be distinguished in a video.
    greys: Object.fromEntries(plan.frames.map((frame, i) => [frame, 10 + 12 * i])),
    log: blenderLog(place),
    ...(plan.storage === 'folder' && { storedIn: join(outputDirectory(place), RENDER_NAME, 'frames') }),
  });
  return place;
}

/** One render from its upload to its end, with what the plan does to it. */
class Round {
  readonly signals: SentSignal[] = [];
  private readonly environment: NodeJS.ProcessEnv;
  private readonly waiting: PlannedSignal[];
  private ended = false;
  private farmPid: number | undefined;

  constructor(
    private readonly plan: RoundPlan,
    private readonly place: RoundPlace,
    private readonly proxy: FaultyProxy,
    private readonly farmProgram: string,
  ) {
    this.waiting = plan.signals.toSorted((a, b) => a.afterSteps - b.afterSteps);
    this.environment = {
      PATH: process.env.PATH,
      HOME: place.directory,
      AWS_ENDPOINT_URL: proxy.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'farm',
      AWS_SECRET_ACCESS_KEY: 'none',
    };
  }

  async play(): Promise<RoundFacts['farm']> {
    const signalling = this.sendSignals();
    const deadline = Date.now() + MOST_SECONDS * 1000;
    try {
      for (let restarts = 0; ; restarts += 1) {
        const exitCode = await this.runFarm(restarts, deadline);
        if (exitCode === 0 || restarts + 1 === MOST_STARTS || Date.now() > deadline) {
          return { exitCode, restarts, words: this.words() };
        }
      }
    } finally {
      this.ended = true;
      await signalling;
    }
  }

  private runFarm(restarts: number, deadline: number): Promise<number | null> {
    const { plan, place } = this;
    const task: FarmTask = { plan, place, restarts };
    const path = join(place.directory, `task-${restarts}.json`);
    writeFileSync(path, JSON.stringify(task));
    const log = openSync(this.log(), 'a');
    const [program, ...argv] = withLifeline([process.execPath, this.farmProgram, path]);
    const child = spawn(program!, argv, { env: this.environment, stdio: ['ignore', log, log] });
    closeSync(log);
    this.farmPid = child.pid;
    const overdue = setTimeout(() => killProgram(child), Math.max(0, deadline - Date.now()));
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (exitCode) => {
        clearTimeout(overdue);
        resolve(exitCode);
      });
    });
  }

  private async sendSignals(): Promise<void> {
    while (!this.ended && this.waiting.length > 0) {
      const next = this.waiting[0]!;
      if (this.steps() >= next.afterSteps) {
        await sleep(next.delayMs);
        const sent = this.farmPid && sendSignal(next, this.farmPid, this.place);
        if (sent) {
          this.signals.push(sent);
          this.waiting.shift();
        }
      }
      await sleep(POLL_MS);
    }
  }

  private steps(): number {
    const log = blenderLog(this.place);
    const noted = existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0;
    return this.proxy.requests.length + noted;
  }

  private log(): string {
    return join(this.place.directory, 'farm.log');
  }

  private words(): string {
    return readFileSync(this.log(), 'utf8').slice(-1000);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone.
  }
}
