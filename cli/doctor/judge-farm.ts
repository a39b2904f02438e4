import { SET_REGION } from '../../core/aws-error';
import { tablePrices, warmUsd } from '../../core/cost/prices';
import { fitFault, fitOf } from '../../core/jobs/machine-types';
import { formatUsd } from '../../core/text';
import { type Answer, type Check, unanswered, ok, type Refusal, skipped, warning, wrong } from './check';
import {
  type AccountFacts,
  type ComputeFacts,
  type DefinitionFacts,
  type EnvironmentFacts,
  type FarmFacts,
  type MachineFacts,
  parseEcrImage,
  type QueueFacts,
  quotasOf,
} from './farm-facts';

const NO_REGION = 'none is set';

const DEPLOY = 'deploy the farm again: npx cdk deploy --all';

/**
 * Checks credentials, region and farm. Without AWS nothing is wrong, unless the user named a farm (`isAskedFor`).
 * Pure.
 */
export function judgeAccount({ credentials, region, farm }: AccountFacts, isAskedFor: boolean): Check[] {
  if (!credentials) {
    const found = 'no credentials';
    const fix = 'to use a farm, sign in with "aws sso login" or set AWS_PROFILE';
    return isAskedFor
      ? [wrong('AWS', found, fix), ...(region === undefined ? [wrong('region', NO_REGION, SET_REGION)] : [])]
      : [skipped('AWS', `${found}; renders on this machine need none`)];
  }
  if (!('value' in credentials)) return [judgeCredentials(credentials, isAskedFor)];
  const { account, arn } = credentials.value;
  if (region === undefined) {
    const check = warning('region', NO_REGION, SET_REGION);
    return [heavier(check, isAskedFor)];
  }
  const checks = [ok('credentials', `account ${account}, ${arn}`), ok('region', region)];
  return farm ? [...checks, judgeDescription(farm, isAskedFor)] : checks;
}

/** A farm that the user named is wrong if doctor cannot check it; local renders need no account. */
function heavier(check: Check, isAskedFor: boolean): Check {
  return isAskedFor ? { ...check, state: 'wrong' } : check;
}

function judgeCredentials(refusal: Refusal, isAskedFor: boolean): Check {
  const { why, fault } = refusal;
  if (why === 'unavailable' || why === 'late' || why === 'throttled')
    return heavier(unanswered('credentials', refusal), isAskedFor);
  const fix = 'sign in with "aws sso login", or set AWS_PROFILE or new keys';
  return heavier(warning('credentials', `AWS rejects them: ${fault}`, fix), isAskedFor);
}

function judgeDescription(farm: NonNullable<AccountFacts['farm']>, isAskedFor: boolean): Check {
  if ('value' in farm) return ok('farm', `${farm.value.name}, ${farm.value.parallel} slices at once`);
  if ('why' in farm) return heavier(unanswered('farm', farm), isAskedFor);
  const [found = farm.fault, ...fix] = farm.fault.split('; ');
  if (farm.code === 'no-farm' && !isAskedFor)
    return skipped(
      'farm',
      found,
      'npx cdk deploy --all creates one, with a VPC of its own unless you set vpcId (quota "VPCs per Region": 5 by default); renders on this machine need none',
    );
  return wrong('farm', found, fix.join('; ') || DEPLOY);
}

/** Checks all parts of a farm, in the order of the output. Pure. */
export function judgeFarm(facts: FarmFacts): Check[] {
  return [judgeBucket(facts), ...judgeCompute(facts)];
}

/** The description is absent where only waiting jobs are explained. */
type JudgedFacts = ComputeFacts & Partial<Pick<FarmFacts, 'farm'>>;

/** Checks the compute parts of a farm. Pure. */
function judgeCompute(facts: JudgedFacts): Check[] {
  return [
    ...each('queue', facts.queues, (queue) => judgeBatchPart('queue', queue)),
    ...each('machines', facts.environments, (environment) => judgeEnvironment(environment, facts)),
    ...each('job', facts.definitions, judgeDefinition),
    ...judgeImages(facts),
    ...judgeQuotas(facts),
    judgeMachines(facts),
  ];
}

function each<T>(name: string, answer: Answer<readonly T[]>, judge: (value: T) => Check): Check[] {
  if (!('value' in answer)) return [unanswered(name, answer)];
  if (answer.value.length > 0) return answer.value.map(judge);
  return [wrong(name, 'missing', DEPLOY)];
}

/** Why a bucket cannot be listed, if neither permission nor network is the reason. */
const BUCKET_FAULTS: readonly Refusal['why'][] = ['refused', 'missing', 'wrong-region'];

function judgeBucket({ farm, listed, written }: FarmFacts): Check {
  const { bucket } = farm;
  if (!('value' in listed)) {
    if (!BUCKET_FAULTS.includes(listed.why)) return unanswered('bucket', listed);
    const fix = `${DEPLOY}; if it is in another region, set AWS_REGION`;
    return wrong('bucket', `${bucket} is not readable: ${listed.fault}`, fix);
  }
  const [refused] = written.filter(({ answer }) => !('value' in answer));
  if (!refused || 'value' in refused.answer) return ok('bucket', `${bucket} is readable and writable`);
  const { why, fault, permission } = refused.answer;
  const found = `${bucket} is readable, but ${refused.prefix} is not writable: ${fault}`;
  return why === 'denied'
    ? warning('bucket', found, `to submit, these credentials need ${permission}`)
    : warning('bucket', found, 'try again');
}

/**
 * The reason of Auto Scaling for machines whose disk key it may not use.
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-instancelaunchfailure.html
 */
const KEY_REFUSED = /Client\.(InternalError|InvalidKMSKey)/;
const ALLOW_KEY =
  'allow the role AWSServiceRoleForAutoScaling in the policy of the KMS key that encrypts EBS volumes by default (EC2 > Settings > EBS encryption), then deploy again';

/** Checks the state of a queue or a compute environment. */
function judgeBatchPart(kind: string, { name, state, status, statusReason }: QueueFacts): Check {
  const why = statusReason === undefined ? '' : ` (${statusReason})`;
  if (state === 'ENABLED' && status === 'VALID') return ok(kind, `${name} is enabled and valid`);
  const found = `${name} is ${state}, ${status}${why}`;
  if (status === 'CREATING' || status === 'UPDATING') return warning(kind, found, 'wait until it is done');
  if (KEY_REFUSED.test(statusReason ?? '')) return wrong(kind, found, ALLOW_KEY);
  const fix =
    state === 'DISABLED' && status === 'VALID'
      ? 'enable it in the Batch console, or deploy the farm again: nothing starts in it'
      : DEPLOY;
  return wrong(kind, found, fix);
}

function judgeEnvironment(environment: EnvironmentFacts, facts: JudgedFacts): Check {
  const check = judgeBatchPart('machines', environment);
  if (check.state !== 'ok') return check;
  const { name, maxVcpus, isSpot } = environment;
  const vcpus = sliceVcpus(facts);
  if (vcpus > maxVcpus) {
    const found = `${name} has at most ${maxVcpus} vCPUs, but one slice needs ${vcpus}: no slice ever starts`;
    return wrong('machines', found, 'deploy with spotVcpus (gpuVcpus, onDemandVcpus) at renderVcpus or more');
  }
  const fault = jobFault(environment, facts);
  if (fault !== undefined) {
    const fix =
      'deploy with less renderMemoryMib (stitchMemoryMib), or with larger machines in instanceTypes';
    return wrong('machines', `${name} cannot run all jobs of the farm: ${fault}`, fix);
  }
  if (environment.hasNewerImage) {
    const found = `${name} starts machines from an old machine image, which may lack security fixes`;
    return warning('machines', found, `update it, which lets running jobs end first: ${updateImage(name)}`);
  }
  const found = `${check.found}: up to ${maxVcpus} vCPUs, ${isSpot ? 'Spot' : 'On-Demand'}${warmWords(environment, facts)}`;
  const { warmMinutes: wanted = 0 } = facts.farm ?? environment;
  if (!isSpot || wanted === (environment.warmMinutes ?? 0)) return ok('machines', found);
  return warning(
    'machines',
    `${found}; the farm was deployed with warmMinutes ${wanted}`,
    keepWarm(name, wanted),
  );
}

/** How long idle machines wait for a job, and the price of that, by the built-in table. */
function warmWords(environment: EnvironmentFacts, facts: ComputeFacts): string {
  const { warmMinutes = 0, maxVcpus, instanceTypes } = environment;
  if (warmMinutes === 0) return '';
  const gpu = hasGpus(environment);
  const { spot } = tablePrices({ instanceTypes, vcpus: sliceVcpus(facts) || 1, gpu }, '');
  const usd = (vcpus: number) => formatUsd(warmUsd(spot, vcpus, warmMinutes).middle);
  return `; idle machines wait ${warmMinutes} min for a job, each time for about ${usd(1)} USD per vCPU, or ${usd(maxVcpus)} USD for all`;
}

/** A deployment may not undo the delay, because the template then has no value for it. */
const keepWarm = (name: string, minutes: number): string =>
  `set it by hand: aws batch update-compute-environment --compute-environment ${name} --compute-resources scalingPolicy={minScaleDownDelayMinutes=${minutes}}`;

const hasGpus = ({ instanceTypes }: EnvironmentFacts): boolean =>
  fitOf(instanceTypes, { vcpus: 1, gpu: true }) === 'yes';

/**
 * The command that makes AWS Batch use its newest machine image. Only such an update changes the image. A deployment can't:
 * `updateToLatestImageVersion` in a template changes nothing unless another property of the machines changes too.
 * https://docs.aws.amazon.com/batch/latest/userguide/managing-ami-versions.html
 */
const updateImage = (name: string): string =>
  `aws batch update-compute-environment --compute-environment ${name} --compute-resources updateToLatestImageVersion=true`;

/** Why no machine can run a job that its queue may get. Jobs with GPUs go only to machines with GPUs. */
function jobFault(environment: EnvironmentFacts, { definitions }: ComputeFacts): string | undefined {
  if (!('value' in definitions)) return undefined;
  const { instanceTypes } = environment;
  return definitions.value
    .filter(({ gpu = false, vcpus }) => gpu === hasGpus(environment) && vcpus !== undefined)
    .map(({ vcpus = 1, memoryMib, gpu }) => fitFault(instanceTypes, { vcpus, memoryMib, gpu }))
    .find((fault) => fault !== undefined);
}

/** vCPUs of the largest job definition; 0 if unknown. */
function sliceVcpus({ definitions }: ComputeFacts): number {
  if (!('value' in definitions)) return 0;
  return Math.max(0, ...definitions.value.map(({ vcpus = 0 }) => vcpus));
}

function judgeDefinition({ arn, status }: DefinitionFacts): Check {
  const name = arn.split('/').at(-1) ?? arn;
  if (status === 'ACTIVE') return ok('job', `${name} is active`);
  return wrong('job', `${name} is ${status ?? 'missing'}: jobs cannot use it`, DEPLOY);
}

function judgeImages({ definitions, images }: ComputeFacts): Check[] {
  if (!('value' in definitions)) return [];
  const uris = [...new Set(definitions.value.flatMap(({ image }) => image ?? []))];
  return uris.map((uri) => {
    const name = shortImage(uri);
    const answer = images.find((image) => image.uri === uri)?.answer;
    if (!answer) return skipped('image', `${name} is in a registry that doctor cannot check`);
    if (!('value' in answer)) return unanswered('image', answer);
    const { size } = answer.value;
    if (size !== undefined) return ok('image', `${name}, ${(size / 1e9).toFixed(1)} GB`);
    return wrong('image', `${name} is missing: no job can start`, `${DEPLOY}, or fix the setting imageUri`);
  });
}

/** Shortens the hash that the CDK uses as a tag. */
function shortImage(uri: string): string {
  const image = parseEcrImage(uri);
  if (!image) return uri;
  const id = Object.values(image.imageId).join('');
  return `${image.repositoryName}:${id.length > 20 ? `${id.slice(0, 12)}…` : id}`;
}

function judgeQuotas(facts: ComputeFacts): Check[] {
  const { environments, quotas } = facts;
  if (!('value' in environments)) return [];
  const all = environments.value.flatMap((environment) =>
    quotasOf(environment).map((quota) => ({ ...quota, vcpus: environment.maxVcpus })),
  );
  return quotas.map(({ code, answer }) => {
    const counted = all.filter((quota) => quota.code === code);
    const { name = code } = counted[0] ?? {};
    const where = `Service Quotas > EC2 > ${name} (${code})`;
    if (!('value' in answer)) return unanswered('quota', answer);
    const { value } = answer.value;
    if (value === undefined) return warning('quota', `${name}: unknown`, `check ${where}`);
    const wanted = counted.reduce((sum, { vcpus }) => sum + vcpus, 0);
    const found = `${name}: ${value} vCPUs`;
    if (value >= wanted) return ok('quota', `${found}, the farm uses up to ${wanted}`);
    const fix = `request more: ${where}`;
    const vcpus = sliceVcpus(facts);
    return value < vcpus
      ? wrong('quota', `${found}, but one slice needs ${vcpus}: jobs stay RUNNABLE`, fix)
      : warning(
          'quota',
          `${found}, below the ${wanted} that the farm may use: fewer slices run at once`,
          fix,
        );
  });
}

function judgeMachines({ machines }: ComputeFacts): Check {
  if (!('value' in machines)) return unanswered('running', machines);
  const { started, joined, lost } = machines.value;
  if (lost.length === 0)
    return ok(
      'running',
      started === 0 ? 'no machine now' : `${joined} of ${started} machines are working or ready`,
    );
  const found = `${lost.length} of ${started} machines started long ago but never joined ECS: they cost money and run no jobs (${lost.slice(0, 3).join(', ')})`;
  return wrong(
    'running',
    found,
    'check that the subnets in subnetIds have a way out to ECS and ECR: public addresses, a NAT gateway or VPC endpoints; then terminate these machines in the EC2 console',
  );
}

/**
 * Explains why runnable jobs wait: faults of any queue, the number of machines and, if there are none, warnings.
 * `undefined` if AWS answered too little. Pure.
 */
export function explainWaiting(facts: ComputeFacts): readonly string[] | undefined {
  const checks = judgeCompute(facts);
  const of = (state: Check['state']) => checks.filter((check) => check.state === state).map(describeCheck);
  const faults = of('wrong');
  const { machines } = facts;
  if (!('value' in machines)) return faults.length > 0 ? faults : undefined;
  const doubts = machines.value.started === 0 ? of('warning') : [];
  return [...faults, ...describeMachines(machines.value), ...doubts];
}

function describeCheck({ found, fix }: Check): string {
  return fix === undefined ? found : `${found}: ${fix}`;
}

/** Lost machines have a line of their own. */
function describeMachines({ started, joined, lost }: MachineFacts): string[] {
  const starting = started - joined - lost.length;
  if (joined > 0)
    return [
      `${joined} ${joined === 1 ? 'machine' : 'machines'} of the farm can take jobs: they are busy with other renders, or belong to another queue`,
    ];
  if (starting > 0)
    return [
      `${starting} ${starting === 1 ? 'machine is' : 'machines are'} starting: jobs start once they have joined`,
    ];
  if (lost.length > 0) return [];
  return [
    'no machine of the farm runs: unless another reason is listed here, EC2 has no such machines now, or other machines of the account use up its quota',
  ];
}
