import { open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { awsFault } from '../../core/aws-error';
import { codeOf, messageOf, SpotreelError } from '../../core/errors';
import { PROBE_SECONDS, type ProbeCommand, type ProbeReport } from '../../core/jobs/worker';
import { findExecutable, runProgram } from '../../core/processes/run-program';
import { CAPS_PREFIX, folderUrl, OUTPUT_PREFIX, UPLOAD_PREFIX } from '../../core/render/keys';
import { bucketAndKey, childUrl, keyUrl, parseLocation, type Storage } from '../../core/storage/storage';
import { printableReason } from '../../core/text';
import { stoppedError, type WorkerContext } from './context';
import {
  askBlenderRelease,
  findProgram,
  programEnvironment,
  sandboxed,
  sandboxGaps,
  whyNoSandbox,
} from './programs';

/** Calls of AWS besides S3; `main` has them, because only it knows the SDK. */
export interface ProbedAws {
  /** ARN of the caller. */
  readonly role: () => Promise<string>;
  /** Calls that the job's role must not be allowed, by their names. */
  readonly others: Readonly<Record<string, () => Promise<unknown>>>;
}

const DONE = 'done';

/** Where EC2 answers; the variable is the SDK's own. https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html */
const METADATA = 'http://169.254.169.254';
const METADATA_MS = 3000;

/**
 * `probe`: stores what this container finds as `<name>.json`. Throws `probe-failed-first` (passing) if that was asked
 * for, `stopped` after `hold`, and storage's errors.
 */
export async function probe(command: ProbeCommand, context: WorkerContext, aws: ProbedAws): Promise<void> {
  const { storage, environment, signal } = context;
  const index = environment.AWS_BATCH_JOB_ARRAY_INDEX;
  const attempt = Number(environment.AWS_BATCH_JOB_ATTEMPT ?? 1);
  if (command.failFirst && attempt === 1 && (index ?? '0') === '0') {
    const message = 'this attempt fails by request, to see whether AWS Batch starts another one';
    throw new SpotreelError('probe-failed-first', 'passing', message);
  }
  const folder = folderUrl(parseLocation(command.output, process.cwd()));
  const name = index === undefined ? command.name : `${command.name}-${index}`;
  const report = await findReport(name, folder, command, context, aws);
  await storage.put(childUrl(folder, `${name}.json`), JSON.stringify(report));
  if (!command.hold) return;
  await sleep(PROBE_SECONDS * 1000, undefined, { signal }).catch(() => undefined);
  if (!signal.aborted) return;
  const stopped = stoppedError(signal);
  await storage.put(childUrl(folder, `${name}.stopped`), stopped.message);
  throw stopped;
}

async function findReport(
  name: string,
  folder: URL,
  command: ProbeCommand,
  context: WorkerContext,
  aws: ProbedAws,
): Promise<ProbeReport> {
  const { environment } = context;
  const forBlender = programEnvironment(environment, context.scratch.blender);
  return {
    version: 1,
    jobId: environment.AWS_BATCH_JOB_ID ?? '',
    attempt: Number(environment.AWS_BATCH_JOB_ATTEMPT ?? 1),
    bootId: await textOf('/proc/sys/kernel/random/boot_id'),
    kernel: release(),
    uid: process.getuid?.() ?? -1,
    programs: await programs(environment, forBlender),
    sandbox: await sandbox(context, forBlender),
    metadata: await metadata(environment),
    notice: await notice(environment),
    scratch: await scratchOf(context),
    cache: await cacheOf(name, folder, context),
    ...(command.gpu && { gpu: await gpu(environment, forBlender) }),
    rights: await rights(folder, context.storage, aws),
    role: await aws.role().catch((error: unknown) => whyOf(error)),
  };
}

async function programs(
  environment: NodeJS.ProcessEnv,
  forBlender: NodeJS.ProcessEnv,
): Promise<ProbeReport['programs']> {
  const blender = async () => askBlenderRelease(findProgram('blender', environment), forBlender);
  const ffmpeg = async () => {
    const command = [findProgram('ffmpeg', environment), '-hide_banner', '-version'];
    const { stdout } = await runProgram(command, { environment: forBlender, timeoutMs: 60_000 });
    return stdout.toString().split('\n', 1)[0]!.slice(0, 100);
  };
  return { blender: await blender().catch(whyOf), ffmpeg: await ffmpeg().catch(whyOf) };
}

/** Tries inside the sandbox. The arguments: the worker's process id, a file of the worker, a file of Blender's folder. */
const TRIES = String.raw`
my ($worker, $outside, $inside) = @ARGV;
my %does = (
    'write its own folder' => sub { open(my $f, '>', $inside) },
    'write another folder' => sub { open(my $f, '>', $outside) },
    'read the worker environment' => sub { open(my $f, '<', "/proc/$worker/environ") && defined(scalar <$f>) },
    'signal the worker' => sub { kill 0, $worker },
    'open a connection' => sub { socket(my $s, 2, 1, 0) },
);
for my $what (sort keys %does) { my $done = $does{$what}->(); print "$what=", ($done ? 'done' : "$!"), "\n"; }
print "credentials in its environment=", (join(' ', sort grep { /AWS|CREDENTIAL|TOKEN/ } keys %ENV) || 'none'), "\n";
open(my $status, '<', '/proc/self/status') or exit 0;
while (<$status>) { print "$1=$2\n" if /^(Seccomp|NoNewPrivs|CapEff):\s*(\S+)/; }
`;

/** 444 is landlock_create_ruleset on all machines; with the flag 1 it gives the version. */
const ABI = 'my $abi = syscall(444, 0, 0, 1); print $abi < 0 ? 0 : $abi';

async function sandbox(
  { environment, scratch }: WorkerContext,
  forBlender: NodeJS.ProcessEnv,
): Promise<ProbeReport['sandbox']> {
  const off = whyNoSandbox(environment);
  if (off !== undefined) return { off, gaps: [], landlockAbi: 0, inside: {} };
  const options = { environment: forBlender, timeoutMs: 60_000 };
  const perl = (program: string, ...args: string[]) => ['perl', '-e', program, ...args];
  const files = [join(scratch.own, 'tried'), join(scratch.blender, 'tried')];
  const tries = sandboxed(
    perl(TRIES, String(process.pid), ...files),
    { write: [scratch.blender] },
    environment,
  );
  const abi = await runProgram(perl(ABI), options).catch(() => undefined);
  const inside = await runProgram(tries, options).then(
    ({ stdout }) => pairsOf(stdout.toString()),
    (error: unknown) => ({ start: whyOf(error) }),
  );
  const gaps = await sandboxGaps(environment).catch((error: unknown) => [whyOf(error)]);
  return { gaps, landlockAbi: Number(abi?.stdout.toString() ?? 0), inside };
}

function pairsOf(lines: string): Record<string, string> {
  return Object.fromEntries(
    lines.split('\n').flatMap((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
}

/** As a program outside the sandbox: the machine's firewall must refuse it, because it knows only users. */
async function metadata(environment: NodeJS.ProcessEnv): Promise<ProbeReport['metadata']> {
  const url = environment.AWS_EC2_METADATA_SERVICE_ENDPOINT ?? METADATA;
  const call = async (path: string, init: RequestInit): Promise<string> => {
    try {
      const { status } = await fetch(new URL(path, url), {
        ...init,
        signal: AbortSignal.timeout(METADATA_MS),
      });
      return `${DONE}: HTTP ${status}`;
    } catch (error) {
      if (error instanceof Error && error.name === 'TimeoutError') return 'ETIMEDOUT';
      return whyOf(error instanceof Error && error.cause ? error.cause : error);
    }
  };
  const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' };
  const token = await call('/latest/api/token', { method: 'PUT', headers });
  return { url, token, page: await call('/latest/meta-data/', {}) };
}

async function notice({
  SPOTREEL_SPOT_NOTICE: path = '',
}: NodeJS.ProcessEnv): Promise<ProbeReport['notice']> {
  const folder = dirname(path);
  const list = await outcomeOf(() => readdir(folder));
  const isNoticed = (await outcomeOf(() => stat(path))) === DONE;
  return { folder: path && folder, list, write: await tryToWrite(folder), isNoticed };
}

/** The folder of the worker's own folder: the volume of this container. */
async function scratchOf({ scratch }: WorkerContext): Promise<ProbeReport['scratch']> {
  const folder = tmpdir();
  const { uid, mode } = await stat(folder);
  const own = basename(dirname(scratch.own));
  const mounts = (await textOf('/proc/self/mountinfo')).split('\n').map((line) => line.split(' ')[4]);
  const names = await readdir(folder).catch(() => []);
  return {
    folder,
    uid,
    mode: octal(mode),
    write: await tryToWrite(folder),
    isMount: mounts.includes(folder),
    foreign: names.filter((name) => name !== own).length,
  };
}

/** Leaves a mark for later probes; the machine deletes it with the cache's other old files. */
async function cacheOf(
  name: string,
  reports: URL,
  { environment, storage }: WorkerContext,
): Promise<ProbeReport['cache']> {
  const folder = environment.SPOTREEL_CACHE ?? '';
  const run = bucketAndKey(reports).key.replaceAll('/', '_');
  const markOf = (report: string) => join(folder, `probe-${run}-${report}`);
  const marks: string[] = [];
  for await (const { url } of storage.list(reports)) {
    const [, earlier] = /\/([^/]+)\.json$/.exec(url.pathname) ?? [];
    if (earlier === undefined) continue;
    if ((await readFile(markOf(earlier), 'utf8').catch(() => '')) === earlier) marks.push(earlier);
  }
  return {
    folder,
    mode: await stat(folder).then(
      ({ mode }) => octal(mode),
      (error: unknown) => whyOf(error),
    ),
    write: await outcomeOf(() => writeFile(markOf(name), name)),
    list: await outcomeOf(() => readdir(folder)),
    marks,
  };
}

const GPU_LINES = String.raw`
import bpy
try:
    preferences = bpy.context.preferences.addons["cycles"].preferences
    preferences.refresh_devices()
    for device in preferences.devices:
        print("probe:cycles", device.type, device.name)
except Exception as error:
    print("probe:fault", error)
try:
    import gpu
    if hasattr(gpu, "init"):
        gpu.init()
    print("probe:eevee", gpu.platform.renderer_get())
except Exception as error:
    print("probe:fault", error)
`;

async function gpu(
  environment: NodeJS.ProcessEnv,
  forBlender: NodeJS.ProcessEnv,
): Promise<NonNullable<ProbeReport['gpu']>> {
  const options = { environment: forBlender, timeoutMs: 120_000 };
  const smi = findExecutable('nvidia-smi', environment.PATH);
  const driver =
    smi === undefined ? 'nvidia-smi is missing' : await outcomeOf(() => runProgram([smi, '-L'], options));
  const blender = [findProgram('blender', environment), '--background', '--factory-startup'];
  const lines = await runProgram([...blender, '--python-expr', GPU_LINES], options).then(
    ({ stdout }) => stdout.toString().split('\n'),
    () => [],
  );
  const told = (kind: string) =>
    lines.flatMap((line) =>
      line.startsWith(`probe:${kind} `) ? line.slice(kind.length + 7).slice(0, 100) : [],
    );
  return {
    driver,
    cycles: told('cycles').filter((device) => !device.startsWith('CPU')),
    eevee: told('eevee')[0] ?? '',
  };
}

/** Tries with the job's role. A write that succeeds leaves an object, which `spotreel prove` deletes. */
async function rights(reports: URL, storage: Storage, { others }: ProbedAws): Promise<ProbeReport['rights']> {
  const { bucket, key } = bucketAndKey(reports);
  const at = (path: string) => keyUrl('s3:', bucket, path);
  const name = `${key.split('/').filter(Boolean).at(-1)}.denied`;
  const listed = async (prefix: URL) => {
    for await (const _ of storage.list(prefix)) return;
  };
  const tries: Record<string, () => Promise<unknown>> = {
    // S3 answers 404 only to callers that may list.
    'ask for a missing render': () => storage.head(at(`${OUTPUT_PREFIX}${name}`)),
    'list renders': () => listed(reports),
    'list the whole bucket': () => listed(at('')),
    'write an upload': () => storage.put(at(`${UPLOAD_PREFIX}${name}`), ''),
    'write a cap': () => storage.put(at(`${CAPS_PREFIX}${name}`), ''),
    'read a cap': () => storage.get(at(`${CAPS_PREFIX}${name}`)),
    ...others,
  };
  const results: Record<string, string> = {};
  for (const [what, attempt] of Object.entries(tries)) results[what] = await outcomeOf(attempt);
  return results;
}

async function outcomeOf(attempt: () => Promise<unknown>): Promise<string> {
  return attempt().then(
    () => DONE,
    (error: unknown) => whyOf(error),
  );
}

async function tryToWrite(folder: string): Promise<string> {
  const path = join(folder, `.probe-${process.pid}`);
  return outcomeOf(async () => {
    await (await open(path, 'wx')).close();
    await rm(path, { force: true });
  });
}

/** The error's code, such as `EACCES` or `denied`, else its message in one line. */
function whyOf(error: unknown): string {
  if (error instanceof Error && '$metadata' in error) return awsFault(error).kind;
  return codeOf(error) ?? printableReason(messageOf(error)).slice(0, 300);
}

const octal = (mode: number): string => (mode & 0o7777).toString(8);

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').then(
    (text) => text.trim(),
    () => '',
  );
}
