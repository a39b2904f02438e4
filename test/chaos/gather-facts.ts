import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { ListMultipartUploadsCommand, type S3Client } from '@aws-sdk/client-s3';
import { PNG } from 'pngjs';
import { frameFault } from '../../container/worker/frames/png';
import { recoverJobs } from '../../core/local-batch/journal';
import type { Manifest } from '../../core/render/manifest';
import { failureSchema, sliceReportSchema } from '../../core/render/records';
import { isPartial } from '../../core/storage/file-writes';
import { type Storage, StorageError } from '../../core/storage/storage';
import { parseManifest, parseStatus } from '../support/documents';
import { survivorsWith } from '../support/processes';
import { failuresFolder, framesFolder, manifestUrl, statusUrl, videoUrl } from '../support/render-urls';
import { outputUrl } from './deliver-uploads';
import type { BlenderNote, RoundFacts } from './round-facts';
import { blenderLog, messagesFile, resolutionOf, type RoundPlace, stateDirectory } from './round-place';
import type { RoundPlan } from './round-plan';

/** What a round has left. Reads storage directly, not through the proxy. */
export async function gatherFacts(
  plan: RoundPlan,
  place: RoundPlace,
  { storage, client }: { readonly storage: Storage; readonly client: S3Client },
): Promise<Omit<RoundFacts, 'farm' | 'requests' | 'signals'>> {
  const output = outputUrl({ plan, place, restarts: 0 });
  const folders = new Set<string>();
  for await (const { url } of storage.list(output)) {
    const name = url.pathname.slice(output.pathname.length).split('/')[0]!;
    folders.add(new URL(`${name}/`, output).href);
  }
  if (folders.size > 1) throw new Error(`there are several renders: ${[...folders].join(', ')}`);
  const folder = new URL([...folders][0] ?? 'nothing/', output);
  const manifest = await read(manifestUrl(folder), storage, (bytes) => parseManifest(bytes));
  const survivors = (await survivorsWith(place.directory)).map((pid) => `process ${pid}: ${commandOf(pid)}`);
  return {
    plan,
    manifest,
    frames: await readAll(framesFolder(folder), storage, (bytes) => frameFault(bytes, resolutionOf(plan))),
    failures: await readAll(
      failuresFolder(folder),
      storage,
      (bytes) => failureSchema.parse(json(bytes)).reason,
    ),
    reports: [
      ...(
        await readAll(new URL('slices/', folder), storage, (bytes) => sliceReportSchema.parse(json(bytes)))
      ).values(),
    ],
    status: await read(statusUrl(folder), storage, (bytes) => parseStatus(bytes)),
    messages: jsonLines<{ subject: string }>(messagesFile(place)).map(({ subject }) => subject),
    video: manifest && (await readVideo(manifest, folder, place, storage)),
    halfWritten: below(place.directory).filter((path) => isPartial(basename(path))),
    unfinishedUploads: plan.storage === 's3' ? await uploadsLeft(client, place) : [],
    jobs: recoverJobs(join(stateDirectory(place), 'jobs')),
    blender: jsonLines<BlenderNote>(blenderLog(place)),
    leftovers: [...survivors, ...filesLeft(place)],
  };
}

async function read<T>(url: URL, storage: Storage, parse: (bytes: Uint8Array) => T): Promise<T | undefined> {
  try {
    return parse(await storage.get(url));
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return undefined;
    throw error;
  }
}

/** By name within the folder. */
async function readAll<T>(
  folder: URL,
  storage: Storage,
  parse: (bytes: Uint8Array) => T | Promise<T>,
): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  for await (const { url } of storage.list(folder)) {
    found.set(url.pathname.slice(folder.pathname.length), await parse(await storage.get(url)));
  }
  return found;
}

/** Which stored frame each frame of the video resembles most. */
async function readVideo(
  manifest: Manifest,
  folder: URL,
  { directory }: RoundPlace,
  storage: Storage,
): Promise<number[] | undefined> {
  if (!(await storage.head(videoUrl(folder)))) return undefined;
  const path = await storage.fetch(videoUrl(folder), join(directory, 'video'));
  const args = ['-v', 'error', '-i', path, '-f', 'rawvideo', '-pix_fmt', 'gray', 'pipe:1'];
  const { stdout } = await promisify(execFile)('ffmpeg', args, { encoding: 'buffer', maxBuffer: 2 ** 28 });
  const { resolution } = manifest;
  const bytes = resolution.width * resolution.height;
  const shown = Array.from({ length: stdout.length / bytes }, (_, i) =>
    stdout.subarray(i * bytes, (i + 1) * bytes),
  );
  const frames = [...(await storedPictures(folder, storage))];
  return shown.map((picture) => {
    const differences = frames.map((frame) => differenceOf(frame, picture));
    return differences.indexOf(Math.min(...differences));
  });
}

async function storedPictures(folder: URL, storage: Storage): Promise<Buffer[]> {
  const pictures = await readAll(framesFolder(folder), storage, (bytes) =>
    greyOf(PNG.sync.read(Buffer.from(bytes))),
  );
  return [...pictures]
    .toSorted(([a], [b]) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .map(([, grey]) => grey);
}

function greyOf({ data }: PNG): Buffer {
  const grey = Buffer.alloc(data.length / 4);
  for (let i = 0; i < data.length; i += 4)
    grey[i / 4] = 0.2126 * data[i]! + 0.7152 * data[i + 1]! + 0.0722 * data[i + 2]!;
  return grey;
}

function differenceOf(a: Buffer, b: Buffer): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += Math.abs(a[i]! - b[i]!);
  return sum;
}

function filesLeft(place: RoundPlace): string[] {
  const state = stateDirectory(place);
  return [
    ...below(join(state, 'scratch')).map((path) => `scratch ${path}`),
    ...below(join(state, 'lock')).map((path) => `the lock ${path}`),
  ];
}

function below(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
}

async function uploadsLeft(client: S3Client, { bucket }: RoundPlace): Promise<string[]> {
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  return Uploads.map(({ Key = '' }) => Key);
}

function jsonLines<T>(path: string): T[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

function json(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString('utf8'));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 200);
  } catch {
    return 'gone';
  }
}
