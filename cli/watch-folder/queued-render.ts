import { manifestUrl, renderFolder } from '../../core/contract/keys';
import { parseManifest, type Manifest } from '../../core/contract/manifest';
import { codeOf } from '../../core/errors';
import { localHolder } from '../../core/render-state/local-holder';
import { formatLocation } from '../../core/storage/location';
import { StorageError, type Storage } from '../../core/storage/storage';
import { LocalRender } from '../local/local-render';
import type { RenderOutcome } from '../local/run-locally';
import type { Machine } from '../local/machine';
import type { ProgressView } from '../progress-view';
import { reportFindings } from '../report-findings';

export interface QueuedRenderOptions {
  /** The scene that it was planned from. */
  readonly source: URL;
  readonly output: URL;
  readonly machine: Machine;
  /** Whether scenes of this folder may run their scripts. */
  readonly allowsScripts: boolean;
  readonly storage: Storage;
  readonly hasDisplay: boolean;
  readonly view: ProgressView;
}

/** How it ended: in one of the ways that a render ends, or by what `run` of it throws. */
interface Ended {
  readonly outcome?: RenderOutcome;
  readonly error?: unknown;
  readonly seconds: number;
}

/** A render of the queue that has its turn. */
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
   * Begins it as it was planned. Otherwise: `held` by another process, its plan `deleted` since, its scene another or gone
   * (`outdated`), its plan `damaged`: then the upload is to be taken again. Throws what storage throws, `newer-manifest`.
   */
  static async begin(
    renderId: string,
    options: QueuedRenderOptions,
  ): Promise<QueuedRender | 'held' | 'deleted' | 'outdated' | 'damaged'> {
    const { output, storage } = options;
    const folder = renderFolder(output, renderId);
    if (localHolder(folder)) return 'held';
    const manifest = await planOf(folder, storage);
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
      // What is wrong with the scene was said when it was taken.
      report: (findings) => reportFindings(findings.filter(({ code }) => code === 'repaired')),
    });
    return new QueuedRender(renderId, render);
  }

  get hasEnded(): boolean {
    return this.over;
  }

  /** Stops it; what is done is kept. */
  interrupt(): void {
    this.render.interrupt();
  }
}

async function planOf(folder: URL, storage: Storage): Promise<Manifest | 'damaged' | undefined> {
  const url = manifestUrl(folder);
  try {
    return parseManifest(await storage.get(url), formatLocation(url));
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return undefined;
    if (codeOf(error) === 'bad-manifest') return 'damaged';
    throw error;
  }
}
