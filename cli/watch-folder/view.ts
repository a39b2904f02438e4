import { codeOf, messageOf } from '../../core/errors';
import type { Manifest } from '../../core/render/manifest';
import { Render } from '../../core/render/render';
import { PreflightError } from '../../core/scene/findings/preflight';
import { localHolder } from '../../core/status/facts';
import { formatLocation, type Storage } from '../../core/storage/storage';
import { countOf, printable, printableLine, printableName } from '../../core/text';
import type { TakenUpload } from '../../core/watch-folder/uploads';
import type { Machine } from '../local/farm';
import { describeOutcome, LocalRender, outcomeJson } from '../local/render';
import { describeProgress, type ProgressView, type RenderOutcome } from '../local/run';
import { describeFinding, type Meter, print, reportFindings } from '../output';

/** Output of a watch folder: lines on standard error, or JSON on standard output. */
export interface FolderView {
  watching(directory: URL, waiting: number): void;
  taken(key: string, taken: TakenUpload): void;
  /** It could not be queued now; the farm retries. */
  delayed(key: string, error: unknown): void;
  progress(renderId: string, waiting: () => number): ProgressView;
  started(renderId: string): void;
  ended(outcome: RenderOutcome, seconds: number): void;
  failed(renderId: string, error: unknown): void;
  /** It is not rendered (any further), and why. */
  dropped(renderId: string, why: 'cancelled' | 'deleted' | 'outdated'): void;
}

const WHY = {
  cancelled: 'cancelled; its frames are kept',
  deleted: 'the render was deleted; not rendered',
  outdated: 'its scene has changed or is missing; not rendered',
} as const;

/** Most characters of a reason. */
const LONGEST_REASON = 4096;

/** How to resume a render that has left the queue. */
const AGAIN = 'drop the scene into uploads again';

/** With `json`, each event is one object per line on `out`. `now` in milliseconds. */
export function createFolderView(
  meter: Meter,
  { json, out, err }: { json?: boolean; out: NodeJS.WritableStream; err: NodeJS.WritableStream },
  now: () => number,
): FolderView {
  const say = (text: string): void => {
    meter.stop();
    print(printable(text), err);
  };
  const emit = (event: string, fields: Record<string, unknown>): void => {
    if (json) out.write(`${JSON.stringify({ event, ...fields })}\n`);
  };
  return {
    watching: (directory, waiting) => {
      say(`watching ${formatLocation(directory)}uploads, ${waiting} in the queue; Ctrl-C stops`);
      emit('watching', { folder: formatLocation(directory), waiting });
    },
    taken: (key, taken) => {
      if (taken.outcome === 'outdated') return;
      const { renderId } = taken;
      if (taken.outcome === 'queued') {
        for (const manifest of [taken.manifest, ...taken.more]) {
          const { frameCount, findings = [] } = manifest;
          const queued = `${printableName(key)}: queued as ${manifest.renderId}, ${countOf(frameCount, 'frame')}`;
          const lines = manifest === taken.manifest ? findings.map(describeFinding) : [];
          say([queued, ...lines].join('\n'));
          emit('queued', { key, renderId: manifest.renderId, frameCount, findings });
        }
        return;
      }
      const { error } = taken;
      const { headline, findings } = partsOf(error);
      say([`${printableName(key)}: refused: ${headline}`, ...findings.map(describeFinding)].join('\n'));
      emit('refused', { key, renderId, reason: headline, findings });
    },
    delayed: (key, error) =>
      say(
        `${printableName(key)}: not queued yet, retrying: ${printableLine(messageOf(error), LONGEST_REASON)}`,
      ),
    progress: (renderId, waiting) => ({
      show: (progress) => {
        const { total, done } = progress;
        const more = waiting();
        const queue = more > 0 ? [`${more} more in the queue`] : [];
        const note = [describeProgress(progress, now()), ...queue].join(', ');
        meter.show({
          total,
          done: done.size,
          count: `${renderId}: ${done.size} of ${countOf(total, 'frame')}`,
          note,
        });
      },
      stop: () => meter.stop(),
    }),
    started: (renderId) => emit('started', { renderId }),
    ended: (outcome, seconds) => {
      const { renderId } = outcome.manifest;
      say(`${renderId}: ${outcome.state}\n${describeOutcome(outcome, seconds, AGAIN)}`);
      emit('ended', outcomeJson(outcome, seconds));
    },
    failed: (renderId, error) => {
      say(`${renderId}: failed: ${messageOf(error)}; ${AGAIN} to resume`);
      emit('ended', { renderId, state: 'failed', errors: [messageOf(error)] });
    },
    dropped: (renderId, why) => {
      say(`${renderId}: ${WHY[why]}`);
      emit(why, { renderId });
    },
  };
}

function partsOf(error: Error) {
  if (!(error instanceof PreflightError))
    return { headline: printableLine(messageOf(error), LONGEST_REASON), findings: [] };
  const { findings } = error;
  const headline = printableLine(error.headline, LONGEST_REASON);
  return { headline, findings: findings.filter(({ message }) => message !== headline) };
}

export interface QueuedRenderOptions {
  /** The scene of the plan. */
  readonly source: URL;
  readonly output: URL;
  readonly machine: Machine;
  /** Whether scenes of this folder may run their scripts. */
  readonly allowsScripts: boolean;
  readonly storage: Storage;
  readonly hasDisplay: boolean;
  readonly view: ProgressView;
}

/** The outcome of a render, or the error that `run` threw. */
interface Ended {
  readonly outcome?: RenderOutcome;
  readonly error?: unknown;
  readonly seconds: number;
}

/** A render of the queue that has started. */
export class QueuedRender {
  /** Never rejects. */
  readonly ended: Promise<Ended>;
  private over = false;

  private constructor(
    readonly renderId: string,
    private readonly render: LocalRender,
  ) {
    const startedAt = performance.now();
    const seconds = (): number => (performance.now() - startedAt) / 1000;
    this.ended = render
      .run()
      .then(
        (outcome) => ({ outcome, seconds: seconds() }),
        (error: unknown) => ({ error, seconds: seconds() }),
      )
      .finally(() => (this.over = true));
  }

  /**
   * Starts the render as planned. Otherwise: `held` by another process, plan `deleted`, scene changed or missing
   * (`outdated`), or plan `damaged`, after which the upload must be queued again. Throws `newer-manifest`, and faults
   * of storage.
   */
  static async begin(
    renderId: string,
    options: QueuedRenderOptions,
  ): Promise<QueuedRender | 'held' | 'deleted' | 'outdated' | 'damaged'> {
    const { output, storage } = options;
    const planned = Render.at(output, renderId, storage);
    if (localHolder(planned)) return 'held';
    const manifest = await planOf(planned);
    if (!manifest) return 'deleted';
    if (manifest === 'damaged') return 'damaged';
    const source = await storage.head(options.source);
    if (source?.etag !== manifest.source.etag) return 'outdated';
    const render = new LocalRender({
      ...options,
      source,
      options: manifest.options,
      name: renderId,
      filesCount: false,
      // The findings were reported when the scene was queued.
      report: (findings) => reportFindings(findings.filter(({ code }) => code === 'repaired')),
    });
    return new QueuedRender(renderId, render);
  }

  get hasEnded(): boolean {
    return this.over;
  }

  /** Stops it and keeps its frames. */
  interrupt(): void {
    this.render.interrupt();
  }
}

async function planOf(render: Render): Promise<Manifest | 'damaged' | undefined> {
  try {
    return await render.manifest.read();
  } catch (error) {
    if (codeOf(error) === 'bad-manifest') return 'damaged';
    throw error;
  }
}
