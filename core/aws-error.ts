import { type FaultKind, messageOf, SpotreelError } from './errors';

/** What a failed AWS request means; see the table below. */
export type AwsFaultKind =
  | 'throttled'
  | 'no-credentials'
  | 'no-region'
  | 'expired-credentials'
  | 'wrong-region'
  | 'key-too-long'
  | 'denied'
  | 'missing'
  | 'changed'
  | 'refused'
  | 'unavailable';

interface Meaning {
  readonly kind: AwsFaultKind;
  /** Names of the SDK's errors. */
  readonly names?: RegExp;
  /** Messages of errors without a name. */
  readonly messages?: RegExp;
  /** HTTP statuses. HEAD has no body, so its errors have only a status. */
  readonly statuses?: readonly number[];
  readonly code: string;
  readonly fault: FaultKind;
  readonly why: string;
  readonly remedy: string;
}

const TRY_AGAIN = 'try again';
/** Where a region is missing. */
export const SET_REGION = 'set the region of the farm, such as: export AWS_REGION=us-east-1';

const CHECK_REQUEST = 'check the names in the request and the region';

const UNAVAILABLE = {
  kind: 'unavailable',
  code: 'aws-unavailable',
  fault: 'passing',
  why: 'service unavailable',
  remedy: TRY_AGAIN,
} as const satisfies Meaning;

const REFUSED = {
  kind: 'refused',
  code: 'aws-refused',
  fault: 'usage',
  why: 'request refused',
  remedy: CHECK_REQUEST,
} as const satisfies Meaning;

/**
 * The one table of AWS errors: the first row with the error's name, status or message applies. Other statuses of 400 to 499 except 408 are
 * `refused`, and all else is `unavailable`: the request may have had an effect. A throttled request had none.
 * https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
 * https://docs.aws.amazon.com/batch/latest/APIReference/CommonErrors.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
const MEANINGS: readonly Meaning[] = [
  {
    kind: 'throttled',
    names: /throttl|toomanyrequests|requestlimit|slowdown/i,
    statuses: [429],
    code: 'throttled',
    fault: 'passing',
    why: 'too many requests',
    remedy: TRY_AGAIN,
  },
  {
    kind: 'no-credentials',
    names: /^CredentialsProviderError$/,
    code: 'denied',
    fault: 'usage',
    why: 'no AWS credentials',
    remedy: 'sign in with "aws sso login" or set AWS_PROFILE',
  },
  {
    kind: 'expired-credentials',
    names: /expiredtoken|^InvalidToken$/i,
    code: 'denied',
    fault: 'usage',
    why: 'the AWS credentials are no longer valid',
    remedy: 'sign in again with "aws sso login" or set AWS_PROFILE',
  },
  {
    kind: 'no-region',
    messages: /^Region is missing$/,
    code: 'no-region',
    fault: 'usage',
    why: 'no AWS region is set',
    remedy: SET_REGION,
  },
  {
    kind: 'wrong-region',
    names: /^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException)$/,
    statuses: [301, 307],
    code: 'denied',
    fault: 'usage',
    why: 'wrong region',
    remedy: 'set AWS_REGION',
  },
  {
    kind: 'key-too-long',
    names: /^KeyTooLongError$/,
    code: 'aws-refused',
    fault: 'usage',
    why: 'the key has more than 1024 bytes',
    remedy: 'shorten it',
  },
  // 404, but the object may exist: another process or a lifecycle rule aborted its upload.
  { ...UNAVAILABLE, names: /^NoSuchUpload$/ },
  {
    kind: 'denied',
    names: /accessdenied|unauthorized|unrecognizedclient/i,
    statuses: [401, 403],
    code: 'denied',
    fault: 'usage',
    why: 'access denied',
    remedy: 'check the credentials and their policy',
  },
  { ...REFUSED, kind: 'missing', statuses: [404], why: 'not found' },
  { ...REFUSED, kind: 'changed', statuses: [412], why: 'changed meanwhile' },
  { ...REFUSED, names: /^ClientException$/ },
];

function meaningOf({ name, status, message }: Omit<AwsFault, 'kind' | 'text'>): Meaning {
  const row = MEANINGS.find(
    ({ names, statuses, messages }) =>
      names?.test(name) || statuses?.includes(status) || messages?.test(message),
  );
  return row ?? (status >= 400 && status < 500 && status !== 408 ? REFUSED : UNAVAILABLE);
}

/** A failed AWS request, whatever the SDK's class of the error. */
export interface AwsFault {
  readonly kind: AwsFaultKind;
  /** The error's name, empty for a plain `Error`. */
  readonly name: string;
  /** HTTP status; 0 without an answer. */
  readonly status: number;
  readonly message: string;
  /** Name and message. */
  readonly text: string;
}

/** Looks the error up in the table. */
export function awsFault(error: unknown): AwsFault {
  const name = error instanceof Error && error.name !== 'Error' ? error.name : '';
  const status = statusOf(error);
  const message = messageOf(error);
  const text = `${name ? `${name}: ` : ''}${message}`;
  return { kind: meaningOf({ name, status, message }).kind, name, status, message, text };
}

function statusOf(error: unknown): number {
  const metadata: unknown = error instanceof Error && '$metadata' in error ? error.$metadata : undefined;
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
      ? metadata.httpStatusCode
      : undefined;
  return typeof status === 'number' ? status : 0;
}

/** Where a service differs from the table. */
export interface AwsService {
  /** As people know it: `AWS Batch`. */
  readonly name: string;
  readonly codes?: Partial<Record<AwsFaultKind, string>>;
  /** What to do. */
  readonly remedies?: Partial<Record<AwsFaultKind, string>>;
}

/**
 * The `SpotreelError` for a failed request to `action`, such as `submit job x`: codes `denied` and `no-region`
 * (usage), `throttled` and `aws-unavailable` (passing), `aws-refused` (usage), or the service's own. Returns a `SpotreelError` as it is.
 */
export function awsError(error: unknown, action: string, service: AwsService): SpotreelError {
  if (error instanceof SpotreelError) return error;
  const found = awsFault(error);
  const { code, fault } = meaningOf(found);
  const message = describeAwsFault(error, `${service.name} request to ${action}`, service.remedies);
  return new SpotreelError(service.codes?.[found.kind] ?? code, fault, message, { cause: error });
}

/** `<request> failed: <why> (<status>, <what AWS answered>); <what to do>`. */
export function describeAwsFault(
  error: unknown,
  request: string,
  remedies: AwsService['remedies'] = {},
): string {
  const found = awsFault(error);
  const { status, kind, text } = found;
  const { why, remedy } = meaningOf(found);
  const answer = kind === 'unavailable' || status !== 0 ? `${status || 'no answer'}, ${text}` : text;
  return `${request} failed: ${why} (${answer}); ${remedies[kind] ?? remedy}`;
}
