import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../core/errors';
import { EXIT, exitCodeOf, parseWorkerArgv, type WorkerEvent } from '../../core/jobs/worker';
import { removeFolder } from '../../core/storage/file-storage';
import { openStorage } from '../../core/storage/open-storage';
import { printableReason } from '../../core/text';
import { mostLogBytes, WorkerLog } from './blender/log';
import { listenForThreads, logContext, makeScratch, watchInterruptions, type WorkerContext } from './context';
import { probe, type ProbedAws } from './probe';
import { sandboxGaps, whyNoSandbox } from './programs';
import { childWork, renderSlice } from './render-slice';
import { stitch } from './video/stitch';

/** The container's program: `render …`, `stitch …` or `probe …`. Resolves with one of the exit codes of the contract. */
async function main(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const signal = watchInterruptions({ environment, process, now: Date.now });
  const threads = listenForThreads({ environment, process });
  const log = new WorkerLog((text) => void process.stdout.write(text), mostLogBytes(environment));
  // After an error that nothing catches, `end` is not called.
  process.once('exit', () => log.flush());
  const say = (event: WorkerEvent) => log.say(event);
  const root = await mkdtemp(join(tmpdir(), 'spotreel-'));
  try {
    const command = parseWorkerArgv(argv);
    log.context = logContext(command, environment);
    const none = whyNoSandbox(environment);
    const gaps = none === undefined ? await sandboxGaps(environment) : [none];
    for (const gap of gaps) say({ event: 'output', program: 'worker', line: `sandbox: ${gap}` });
    const now = () => new Date();
    const scratch = await makeScratch(root);
    const storage = openStorage();
    const context: WorkerContext = { storage, environment, scratch, signal, threads, say, now };
    if (command.command === 'stitch') {
      await stitch(command, context);
    } else if (command.command === 'probe') {
      await probe(command, context, await probedAws());
    } else {
      const work = await childWork(command, environment, context.storage);
      log.context = { ...log.context, slice: work.slice };
      await renderSlice(command, work, context);
    }
    return EXIT.done.code;
  } catch (error) {
    const message = printableReason(messageOf(error));
    say({ event: 'error', code: codeOf(error) ?? 'internal', message });
    return exitCodeOf(error);
  } finally {
    removeScratch(root, say);
    log.end();
  }
}

/** Private subnets may not reach these services, and a probe must not wait long for them. */
const SOON = { maxAttempts: 2, requestHandler: { connectionTimeout: 5_000, socketTimeout: 10_000 } };

/** Loads those parts of the SDK only for a probe. */
async function probedAws(): Promise<ProbedAws> {
  const [{ GetCallerIdentityCommand, STSClient }, { BatchClient, DescribeJobQueuesCommand }] =
    await Promise.all([import('@aws-sdk/client-sts'), import('@aws-sdk/client-batch')]);
  return {
    role: async () => (await new STSClient(SOON).send(new GetCallerIdentityCommand({}))).Arn ?? '',
    others: { 'describe job queues': () => new BatchClient(SOON).send(new DescribeJobQueuesCommand({})) },
  };
}

/** Runs after every program of this worker has ended. The end of the container or attempt removes what stays. */
function removeScratch(root: string, say: (event: WorkerEvent) => void): void {
  try {
    removeFolder(root);
  } catch (error) {
    say({ event: 'output', program: 'worker', line: `cannot remove ${root}: ${messageOf(error)}` });
  }
}

// If no process reads the log any more, the work continues, so that Blender and scratch are not left behind.
process.stdout.on('error', () => undefined);
void main(process.argv.slice(2), process.env).then((exitCode) => {
  // Not process.exit, which would lose output. The open standard input must not keep the process alive.
  process.exitCode = exitCode;
  process.stdin.destroy();
});
