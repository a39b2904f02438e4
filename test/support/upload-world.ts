import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { childUrl } from '../../core/storage/storage';
import { createLogger } from '../../lambda/environment';
import type { Notification } from '../../lambda/report-status';
import { processRecord, submitUpload, type UploadEvent } from '../../lambda/submit-render/submit-upload';
import { objectCreated, sqsRecord } from './aws-events';
import { FaultyProcess } from './faulty-calls';
import { MemoryStorage } from './memory-storage';
import { RecordingBatch } from './recording-batch';

export const SCENE = readFileSync(join(__dirname, '../fixtures/blend/3.4-zstd.blend'));

/** Longer than the lifetime of a claim. */
const LONG_SECONDS = 1000;

/** A bucket, a job queue and people who get messages, with the submit Lambda between them. */
export class UploadWorld {
  readonly storage = new MemoryStorage();
  readonly batch = new RecordingBatch();
  readonly notifications: Notification[] = [];
  readonly log: Array<Record<string, unknown>> = [];
  /** The same as it goes to CloudWatch. */
  readonly rawLog: string[] = [];
  /** Seconds until SQS delivers failed messages again. */
  readonly waits: number[] = [];
  readonly bucket = new URL('memory://films/');
  readonly output = new URL('memory://films/renders/');
  /** Of the farm's settings. */
  allowsScripts = false;
  private seconds = 0;
  private deliveries = 0;

  /** `blenderVersions`: of the farm's images, where they are known. */
  constructor(private readonly blenderVersions: ReadonlyArray<string | undefined> = [undefined]) {}

  /** Puts an object and gives the event's body. */
  async upload(
    key: string,
    metadata: Record<string, string> = {},
    bytes: Uint8Array = SCENE,
  ): Promise<string> {
    const url = childUrl(this.bucket, key);
    await this.storage.put(url, bytes, { metadata });
    const { etag, size } = (await this.storage.head(url))!;
    return JSON.stringify(objectCreated({ bucket: 'films', key, etag, size }));
  }

  /** Passes one message to the Lambda; `false` if it is to be delivered again. */
  async deliver(body: string, process = new FaultyProcess()): Promise<boolean> {
    const record = sqsRecord(body, `message-${(this.deliveries += 1)}`);
    const people = { notify: async (message: Notification) => void this.notifications.push(message) };
    const services = {
      storage: process.see(this.storage),
      loadBatch: async () => process.see(this.batch),
      notify: process.see(people).notify,
      jobQueue: 'queue',
      renderDefinitions: this.blenderVersions.map((blenderVersion) => ({
        blenderVersion,
        jobDefinition: `render ${blenderVersion}`,
      })),
      stitchDefinition: 'stitch',
      allowsScripts: this.allowsScripts,
      bucket: this.bucket,
      output: this.output,
      parallel: 4,
      region: 'eu-central-1',
      now: () => new Date(this.seconds * 1000),
      claim: { owner: record.messageId, staleAfterSeconds: LONG_SECONDS / 2 },
    };
    const log = createLogger((line) => {
      this.rawLog.push(line);
      this.log.push(JSON.parse(line));
    });
    const claimSeconds = services.claim.staleAfterSeconds;
    const deliverAgainAfter = async (seconds: number): Promise<void> => void this.waits.push(seconds);
    const message = { log, deliverAgainAfter, claimSeconds };
    const submit = (event: UploadEvent) => submitUpload(event, services);
    const { batchItemFailures } = await processRecord(record, submit, message);
    return batchItemFailures.length === 0;
  }

  /** Delivers as SQS does, until it succeeds. */
  async redeliver(body: string, limit = 3): Promise<boolean> {
    for (let delivery = 0; delivery < limit; delivery += 1) {
      this.seconds += LONG_SECONDS;
      if (await this.deliver(body)) return true;
    }
    return false;
  }

  /** Job names, and that each stitch job waits for the render job before it. */
  jobNames(): string[] {
    return this.batch.jobs.map(({ request: { jobName } }) => jobName);
  }

  /** Keys below the bucket. */
  async keys(): Promise<string[]> {
    const keys: string[] = [];
    for await (const { url } of this.storage.list(this.bucket))
      keys.push(decodeURIComponent(url.pathname.slice(1)));
    return keys;
  }

  async json(key: string): Promise<Record<string, unknown>> {
    return JSON.parse(Buffer.from(await this.storage.get(childUrl(this.bucket, key))).toString());
  }
}
