import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, messageOf, SpotreelError } from '../../core/errors';
import type { PrepareServices } from '../../core/jobs/submit';
import { lockLost, takeLock } from '../../core/local-batch/lock';
import { OUTPUT_PREFIX, UPLOAD_PREFIX } from '../../core/render/keys';
import { makeFolder } from '../../core/storage/file-writes';
import { childUrl, filePath, type Storage } from '../../core/storage/storage';
import {
  cancelFolder,
  type QueuedUpload,
  queueFolder,
  queueUrl,
  UploadQueue,
} from '../../core/watch-folder/queue';
import {
  findUploads,
  type FoundUploads,
  type ProjectFingerprints,
  Stillness,
  takeUpload,
  type Upload,
  uploadFingerprint,
} from '../../core/watch-folder/uploads';
import type { Machine } from '../local/farm';
import { setAside } from '../local/repair';
import { type FolderView, QueuedRender } from './view';

/**
 * Seconds between two looks. Slow looks are rarer, so that they use at most a tenth of the time. File system events
 * would be quicker, but network folders do not report them.
 */
const LOOK_SECONDS = 1;
const SHARE_OF_LOOKS = 10;

export interface WatchFolderOptions {
  /** Ends in a slash; contains `uploads/` and `renders/`. */
  readonly directory: URL;
  readonly storage: Storage;
  readonly machine: Machine;
  /** Services to check and plan a scene. */
  readonly services: PrepareServices;
  /** Whether to end once all uploads are rendered. */
  readonly once: boolean;
  readonly view: FolderView;
}

/** Name of `cancelFolder` in messages. */
const CANCEL_MARKS = 'marks of cancelled renders';

/** Name of the queue's file in messages. */
const QUEUE = 'the queue';

/** Number of uploads by outcome. */
export type FolderCounts = Record<'complete' | 'partial' | 'failed' | 'refused', number>;

/**
 * Renders uploads of a local folder one after another, as a farm renders those of its bucket. An upload is queued
 * once it has not changed for some seconds. After a crash it resumes: the queue is a file, and each render's folder
 * holds its frames and local Batch.
 */
export class WatchFolder {
  private readonly stopped = new AbortController();
  private readonly stillness = new Stillness();
  private readonly output: URL;
  private readonly counts: FolderCounts = { complete: 0, partial: 0, failed: 0, refused: 0 };
  private current: QueuedRender | undefined;
  /** Reported faults by upload; each is reported once. */
  private readonly delayed = new Map<string, string>();

  constructor(private readonly options: WatchFolderOptions) {
    this.output = childUrl(options.directory, OUTPUT_PREFIX);
  }

  /** Stops the render and keeps its frames; `run` then ends. */
  stop(): void {
    this.stopped.abort();
    this.current?.interrupt();
  }

  /**
   * Ends when stopped, or with `once` when nothing is left to do. Throws `locked` if another process watches the
   * folder, `denied`.
   */
  async run(): Promise<FolderCounts> {
    const { directory, storage, view } = this.options;
    for (const folder of [childUrl(directory, UPLOAD_PREFIX), queueFolder(this.output)])
      await makeFolder(filePath(folder));
    const lock = await takeLock(filePath(queueFolder(this.output)));
    lock.lost.addEventListener('abort', () => this.stop());
    try {
      // The queue is rebuilt from the uploads.
      if (isFolder(queueUrl(this.output))) await setAside(filePath(queueUrl(this.output)));
      const queue = await UploadQueue.open(this.output, storage);
      view.watching(directory, queue.waiting().length);
      await this.work(queue);
      if (lock.lost.aborted) throw lockLost(filePath(queueFolder(this.output)));
    } finally {
      this.current?.interrupt();
      await this.current?.ended;
      lock.release();
    }
    return { ...this.counts, failed: this.counts.failed + this.delayed.size };
  }

  private async work(queue: UploadQueue): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      const startedAt = performance.now();
      let isSettled = await this.lookOrReport(queue, startedAt);
      await this.attempt(CANCEL_MARKS, async () => {
        await this.obeyCancels(queue);
        this.delayed.delete(CANCEL_MARKS);
      });
      await this.attempt(QUEUE, async () => {
        if (this.current?.hasEnded) await this.settle(this.current, queue);
        if (!this.current && !signal.aborted) isSettled = (await this.startNext(queue)) && isSettled;
        this.delayed.delete(QUEUE);
      });
      const isIdle = isSettled && !this.current && queue.waiting().length === 0;
      const isDone = isIdle || this.delayed.has(QUEUE);
      if (this.options.once && isDone) return;
      const seconds = Math.max(LOOK_SECONDS, ((performance.now() - startedAt) / 1000) * SHARE_OF_LOOKS);
      await this.pause(seconds);
    }
  }

  private async pause(seconds: number): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([this.stopped.signal, over.signal]);
    const pause = sleep(seconds * 1000, undefined, { signal }).catch(() => undefined);
    const isRunning = this.current && !this.current.hasEnded;
    await Promise.race([pause, ...(isRunning ? [this.current!.ended] : [])]);
    over.abort();
  }

  /** A network folder may not answer for a while. */
  private async lookOrReport(queue: UploadQueue, at: number): Promise<boolean> {
    try {
      const isSettled = await this.look(queue, at);
      this.delayed.delete(UPLOAD_PREFIX);
      return isSettled;
    } catch (error) {
      this.delay(UPLOAD_PREFIX, error);
      return this.options.once;
    }
  }

  /** Queues new uploads that have stopped changing; returns whether no other is left. */
  private async look(queue: UploadQueue, at: number): Promise<boolean> {
    const { directory, storage } = this.options;
    // An unmounted disk has lost nothing: keep the queue.
    if (!isFolder(childUrl(directory, UPLOAD_PREFIX))) return true;
    const { uploads, unread } = await findUploads(directory, storage);
    this.noteUnread(unread);
    const keys = new Set(uploads.map(({ key }) => key));
    await queue.keepOnly((key) => keys.has(key) || unread.some((folder) => key.startsWith(folder.key)));
    const fresh = uploads.filter((upload) => !queue.knows(upload));
    const looks: Array<{ key: string; fingerprint: string }> = [];
    const projects: ProjectFingerprints = new Map();
    for (const upload of fresh)
      await this.attempt(upload.key, async () => {
        const fingerprint = await uploadFingerprint(upload, directory, storage, projects);
        looks.push({ key: upload.key, fingerprint });
      });
    const still = this.stillness.settle(looks, at);
    for (const upload of fresh.filter(({ key }) => still.has(key))) {
      if (this.stopped.signal.aborted) return false;
      await this.take(upload, queue);
    }
    const isGivenUp = ({ key }: Upload) => this.options.once && this.delayed.has(key);
    return fresh.every((upload) => queue.knows(upload) || isGivenUp(upload));
  }

  private async take(upload: Upload, queue: UploadQueue): Promise<void> {
    const { directory, services, view } = this.options;
    const { key, version } = upload;
    await this.attempt(key, async () => {
      const taken = await takeUpload(upload, { ...services, directory, output: this.output });
      this.delayed.delete(key);
      if (taken.outcome === 'outdated') return;
      const { renderId, outcome } = taken;
      const more = taken.outcome === 'queued' ? taken.more.map((manifest) => manifest.renderId) : [];
      const state = outcome === 'queued' ? 'waiting' : 'ended';
      await queue.add({ key, version, renderId, ...(more.length > 0 && { more }), state });
      if (outcome === 'refused') this.counts.refused += 1;
      view.taken(key, taken);
    });
  }

  /** Forgets faults of folders that are readable again. */
  private noteUnread(unread: FoundUploads['unread']): void {
    for (const { key, error } of unread) this.delay(key, error);
    const isRead = (key: string) => key.endsWith('/') && !unread.some((folder) => folder.key === key);
    for (const key of this.delayed.keys()) if (key !== UPLOAD_PREFIX && isRead(key)) this.delayed.delete(key);
  }

  /** A fault of one upload or the machine must not stop the queue: the next look retries. */
  private async attempt(key: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.delay(key, error);
    }
  }

  private delay(key: string, error: unknown): void {
    const message = messageOf(error);
    if (this.delayed.get(key) !== message) this.options.view.delayed(key, error);
    this.delayed.set(key, message);
  }

  private async obeyCancels(queue: UploadQueue): Promise<void> {
    const { storage, view } = this.options;
    const marks: URL[] = [];
    for await (const { url } of storage.list(cancelFolder(this.output))) marks.push(url);
    for (const mark of marks) {
      const renderId = decodeURIComponent(mark.pathname.slice(cancelFolder(this.output).pathname.length));
      const isCurrent = this.current?.renderId === renderId;
      if (isCurrent) {
        this.current!.interrupt();
        await this.current!.ended;
        this.current = undefined;
      }
      if (isCurrent || queue.holds(renderId)) {
        await queue.end(renderId);
        view.dropped(renderId, 'cancelled');
      }
      await storage.delete(mark);
    }
  }

  /** `false` if an upload must be queued again. */
  private async startNext(queue: UploadQueue): Promise<boolean> {
    const { view } = this.options;
    for (const upload of queue.waiting()) {
      const { renderId, key } = upload;
      const begun = await this.begin(upload, queue).catch((error: unknown) => this.notBegun(upload, error));
      if (begun instanceof QueuedRender) {
        this.delayed.delete(key);
        view.started(renderId);
        this.current = begun;
        return true;
      }
      // It keeps its place if another process renders it or its folder does not answer.
      if (begun === 'held') continue;
      if (begun === 'damaged') {
        await queue.forget(key);
        return false;
      }
      await queue.end(renderId);
      if (typeof begun === 'string') view.dropped(renderId, begun);
      else this.fail(renderId, begun.error);
    }
    return true;
  }

  private async begin({ renderId, key }: QueuedUpload, queue: UploadQueue) {
    const { directory, machine, storage, services, view } = this.options;
    const waiting = () => queue.waiting().filter((upload) => upload.renderId !== renderId).length;
    return QueuedRender.begin(renderId, {
      source: childUrl(directory, key),
      output: this.output,
      machine,
      allowsScripts: services.allowsScripts === true,
      storage,
      hasDisplay: services.hasDisplay ?? false,
      view: view.progress(renderId, waiting),
    });
  }

  /** A render fails if its plan or scene is unreadable, unless the fault may pass and there is time to wait. */
  private notBegun({ key }: QueuedUpload, error: unknown): 'held' | { readonly error: unknown } {
    const mayPass = error instanceof SpotreelError && error.kind === 'passing';
    if (!mayPass || this.options.once) return { error };
    this.delay(key, error);
    return 'held';
  }

  /** Records the outcome of the render that ran. */
  private async settle(render: QueuedRender, queue: UploadQueue): Promise<void> {
    const { view } = this.options;
    const { renderId } = render;
    const { outcome, error, seconds } = await render.ended;
    const isOver = outcome?.state !== 'interrupted' && !['locked', 'lock-lost'].includes(codeOf(error) ?? '');
    // If this fails, the next look retries it.
    if (isOver) await queue.end(renderId);
    this.current = undefined;
    if (!isOver) return;
    if (!outcome) return this.fail(renderId, error);
    this.counts[outcome.state] += 1;
    view.ended(outcome, seconds);
  }

  private fail(renderId: string, error: unknown): void {
    this.counts.failed += 1;
    this.options.view.failed(renderId, error);
  }
}

function isFolder(url: URL): boolean {
  return statSync(filePath(url), { throwIfNoEntry: false })?.isDirectory() ?? false;
}
