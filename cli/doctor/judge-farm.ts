import { type Answer, type Check, notTold, ok, type Refusal, skipped, warning, wrong } from './check';
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

const DEPLOY = 'deploy the farm again: npx cdk deploy --all';

/**
 * What is to be said of credentials, region and farm: pure. Who has no AWS, and asks for none, has nothing wrong; `isAskedFor`
 * where somebody named a farm.
 */
export function judgeAccount({ credentials, region, farm }: AccountFacts, isAskedFor: boolean): Check[] {
  if (!credentials) {
    const found = 'no credentials';
    const mend = 'to use a farm, sign in with "aws sso login" or set AWS_PROFILE';
    return isAskedFor
      ? [wrong('AWS', found, mend)]
      : [skipped('AWS', `${found}: a render on this machine needs none`)];
  }
  if (!('told' in credentials)) return [judgeCredentials(credentials, isAskedFor)];
  const { account, arn } = credentials.told;
  if (region === undefined) {
    const check = warning('region', 'none is set', 'set AWS_REGION to where the farm is');
    return [heavier(check, isAskedFor)];
  }
  const checks = [ok('credentials', `account ${account}, ${arn}`), ok('region', region)];
  return farm ? [...checks, judgeDescription(farm, isAskedFor)] : checks;
}

/** A render on this machine needs no account, but a farm that is asked for and can't be looked at is wrong. */
function heavier(check: Check, isAskedFor: boolean): Check {
  return isAskedFor ? { ...check, state: 'wrong' } : check;
}

function judgeCredentials(refusal: Refusal, isAskedFor: boolean): Check {
  const { why, fault } = refusal;
  if (why === 'unavailable' || why === 'late' || why === 'throttled')
    return heavier(notTold('credentials', refusal), isAskedFor);
  const mend = 'sign in with "aws sso login", or set AWS_PROFILE or the keys anew';
  return heavier(warning('credentials', `they are not accepted: ${fault}`, mend), isAskedFor);
}

function judgeDescription(farm: NonNullable<AccountFacts['farm']>, isAskedFor: boolean): Check {
  if ('told' in farm) return ok('farm', `${farm.told.name}, ${farm.told.parallel} slices at once`);
  if ('why' in farm) return heavier(notTold('farm', farm), isAskedFor);
  const [found = farm.fault, ...mend] = farm.fault.split('; ');
  if (farm.code === 'no-farm' && !isAskedFor)
    return skipped('farm', found, 'npx cdk deploy --all makes one; a render on this machine needs none');
  return wrong('farm', found, mend.join('; ') || DEPLOY);
}

/** What is to be said of a farm's parts, in the order of its telling: pure. */
export function judgeFarm(facts: FarmFacts): Check[] {
  return [judgeBucket(facts), ...judgeCompute(facts)];
}

/** What is to be said of what a farm renders by: pure. */
function judgeCompute(facts: ComputeFacts): Check[] {
  return [
    ...each('queue', facts.queues, (queue) => judgeBatchPart('queue', queue)),
    ...each('machines', facts.environments, (environment) => judgeEnvironment(environment, facts)),
    ...each('job', facts.definitions, judgeDefinition),
    ...judgeImages(facts),
    ...judgeQuotas(facts),
    judgeMachines(facts),
  ];
}

function each<T>(name: string, answer: Answer<readonly T[]>, judge: (told: T) => Check): Check[] {
  if (!('told' in answer)) return [notTold(name, answer)];
  if (answer.told.length > 0) return answer.told.map(judge);
  return [wrong(name, 'there is none', DEPLOY)];
}

/** Why a bucket cannot be listed, if neither permission nor network is the reason. */
const BUCKET_FAULTS: readonly Refusal['why'][] = ['refused', 'missing', 'wrong-region'];

function judgeBucket({ farm, listed, written }: FarmFacts): Check {
  const { bucket } = farm;
  if (!('told' in listed)) {
    if (!BUCKET_FAULTS.includes(listed.why)) return notTold('bucket', listed);
    const mend = `${DEPLOY}; if it is in another region, set AWS_REGION`;
    return wrong('bucket', `${bucket} can't be read: ${listed.fault}`, mend);
  }
  const [refused] = written.filter(({ answer }) => !('told' in answer));
  if (!refused || 'told' in refused.answer) return ok('bucket', `${bucket} can be read and written to`);
  const { why, fault, permission } = refused.answer;
  const found = `${bucket} can be read, but nothing can be put into ${refused.prefix}: ${fault}`;
  return why === 'denied'
    ? warning('bucket', found, `to submit, these credentials need ${permission}`)
    : warning('bucket', found, 'try again');
}

/** How AWS Batch says that a queue or a compute environment is in order. */
function judgeBatchPart(kind: string, { name, state, status, statusReason }: QueueFacts): Check {
  const why = statusReason === undefined ? '' : ` (${statusReason})`;
  if (state === 'ENABLED' && status === 'VALID') return ok(kind, `${name} is enabled and valid`);
  const found = `${name} is ${state}, ${status}${why}`;
  if (status === 'CREATING' || status === 'UPDATING') return warning(kind, found, 'wait until it is done');
  const mend =
    state === 'DISABLED' && status === 'VALID'
      ? 'enable it in the Batch console, or deploy the farm again: nothing starts in it'
      : DEPLOY;
  return wrong(kind, found, mend);
}

function judgeEnvironment(environment: EnvironmentFacts, facts: ComputeFacts): Check {
  const check = judgeBatchPart('machines', environment);
  if (check.state !== 'ok') return check;
  const { name, maxVcpus, isSpot } = environment;
  const vcpus = sliceVcpus(facts);
  if (vcpus > maxVcpus) {
    const found = `${name} may have ${maxVcpus} vCPUs, and one slice asks for ${vcpus}: none ever starts`;
    return wrong('machines', found, 'deploy with spotVcpus (gpuVcpus, onDemandVcpus) at renderVcpus or more');
  }
  return ok('machines', `${check.found}: up to ${maxVcpus} vCPUs, ${isSpot ? 'Spot' : 'On-Demand'}`);
}

/** What the largest of the farm's jobs asks for; 0 where that is not known. */
function sliceVcpus({ definitions }: ComputeFacts): number {
  if (!('told' in definitions)) return 0;
  return Math.max(0, ...definitions.told.map(({ vcpus = 0 }) => vcpus));
}

function judgeDefinition({ arn, status }: DefinitionFacts): Check {
  const name = arn.split('/').at(-1) ?? arn;
  if (status === 'ACTIVE') return ok('job', `${name} is active`);
  return wrong('job', `${name} is ${status ?? 'not there'}: nothing can be submitted by it`, DEPLOY);
}

function judgeImages({ definitions, images }: ComputeFacts): Check[] {
  if (!('told' in definitions)) return [];
  const uris = [...new Set(definitions.told.flatMap(({ image }) => image ?? []))];
  return uris.map((uri) => {
    const name = shortImage(uri);
    const answer = images.find((image) => image.uri === uri)?.answer;
    if (!answer) return skipped('image', `${name} lies in a registry that was not looked into`);
    if (!('told' in answer)) return notTold('image', answer);
    const { size } = answer.told;
    if (size !== undefined) return ok('image', `${name}, ${(size / 1e9).toFixed(1)} GB`);
    return wrong(
      'image',
      `${name} is not there: no job can start`,
      `${DEPLOY}, or mend the setting imageUri`,
    );
  });
}

/** The hash by which the CDK names an image says enough by its beginning. */
function shortImage(uri: string): string {
  const image = parseEcrImage(uri);
  if (!image) return uri;
  const id = Object.values(image.imageId).join('');
  return `${image.repositoryName}:${id.length > 20 ? `${id.slice(0, 12)}…` : id}`;
}

function judgeQuotas(facts: ComputeFacts): Check[] {
  const { environments, quotas } = facts;
  if (!('told' in environments)) return [];
  const all = environments.told.flatMap((environment) =>
    quotasOf(environment).map((quota) => ({ ...quota, vcpus: environment.maxVcpus })),
  );
  return quotas.map(({ code, answer }) => {
    const counted = all.filter((quota) => quota.code === code);
    const { name = code } = counted[0] ?? {};
    const where = `Service Quotas > EC2 > ${name} (${code})`;
    if (!('told' in answer)) return notTold('quota', answer);
    const { value } = answer.told;
    if (value === undefined) return warning('quota', `${name}: not known`, `look at ${where}`);
    const wanted = counted.reduce((sum, { vcpus }) => sum + vcpus, 0);
    const found = `${name}: ${value} vCPUs`;
    if (value >= wanted) return ok('quota', `${found}, the farm takes up to ${wanted}`);
    const mend = `ask for more: ${where}`;
    const vcpus = sliceVcpus(facts);
    return value < vcpus
      ? wrong('quota', `${found}, and one slice asks for ${vcpus}: jobs stay RUNNABLE`, mend)
      : warning('quota', `${found}, below the ${wanted} that the farm may take: less renders at once`, mend);
  });
}

function judgeMachines({ machines }: ComputeFacts): Check {
  if (!('told' in machines)) return notTold('running', machines);
  const { started, joined, lost } = machines.told;
  if (lost.length === 0)
    return ok(
      'running',
      started === 0 ? 'no machine now' : `${joined} of ${started} machines at work or ready for it`,
    );
  const found = `${lost.length} of ${started} machines started long ago and never joined ECS: they cost, and no job starts on them (${lost.slice(0, 3).join(', ')})`;
  return wrong(
    'running',
    found,
    'see that subnets of your own have a way to ECS and ECR; then terminate those in the EC2 console',
  );
}

/**
 * Why jobs of a farm that long could run do not, by what AWS says of its queues, machines, quotas and images: what is wrong, of
 * whichever queue, and how many machines there are; where there are none, also what is doubtful or could not be looked at.
 * `undefined` where too little was told to say anything. Pure.
 */
export function explainWaiting(facts: ComputeFacts): readonly string[] | undefined {
  const checks = judgeCompute(facts);
  const of = (state: Check['state']) => checks.filter((check) => check.state === state).map(describeCheck);
  const faults = of('wrong');
  const { machines } = facts;
  if (!('told' in machines)) return faults.length > 0 ? faults : undefined;
  const doubts = machines.told.started === 0 ? of('warning') : [];
  return [...faults, ...describeMachines(machines.told), ...doubts];
}

function describeCheck({ found, mend }: Check): string {
  return mend === undefined ? found : `${found}: ${mend}`;
}

/** Of those that are lost another line tells. */
function describeMachines({ started, joined, lost }: MachineFacts): string[] {
  const starting = started - joined - lost.length;
  if (joined > 0)
    return [
      `${joined} ${joined === 1 ? 'machine' : 'machines'} of the farm can take jobs: they are busy with other renders, or belong to another queue`,
    ];
  if (starting > 0)
    return [
      `${starting} ${starting === 1 ? 'machine is' : 'machines are'} starting: jobs begin when they have joined`,
    ];
  if (lost.length > 0) return [];
  return [
    'no machine of the farm runs: unless something else is said here, EC2 has none of these types now, or other machines of the account use its quota up',
  ];
}
