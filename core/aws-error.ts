import { type FaultKind, messageOf, SpotreelError } from './errors';

/** What a failed AWS request means; see the table below. */
export type AwsFaultKind =
  | 'throttled'
  | 'no-credentials'
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
  /** HTTP statuses. HEAD has no body, so its errors have only a status. */
  readonly statuses?: readonly number[];
  readonly code: string;
  readonly fault: FaultKind;
  readonly why: string;
  readonly remedy: string;
}

const TRY_AGAIN = 'try again';
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
 * The one table of AWS errors: the first row with the error's name or status applies. Other statuses of 400 to 499 except 408 are
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

function meaningOf(name: string, status: number): Meaning {
  const row = MEANINGS.find(({ names, statuses }) => names?.test(name) || statuses?.includes(status));
  return row ?? (status >= 400 && status < 500 && status !== 408 ? REFUSED : UNAVAILABLE);
}

/** A failed AWS request, whatever the SDK's class of the error. */
export interface AwsFault {
  readonly kind: AwsFaultKind;
  /** The error's name, empty for a plain `Error`. */
  readonly name: string;
  /** HTTP status; 0 without an answer. */
  readonly status: number;
  /** Name and message. */
  readonly text: string;
}

/** Looks the error up in the table. */
export function awsFault(error: unknown): AwsFault {
  const name = error instanceof Error && error.name !== 'Error' ? error.name : '';
  const status = statusOf(error);
  const text = `${name ? `${name}: ` : ''}${messageOf(error)}`;
  return { kind: meaningOf(name, status).kind, name, status, text };
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
 * The `SpotreelError` for a failed request to `action`, such as `submit job x`: codes `denied` (usage), `throttled` and
 * `aws-unavailable` (passing), `aws-refused` (usage), or the service's own. Returns a `SpotreelError` as it is.
 */
export function awsError(error: unknown, action: string, service: AwsService): SpotreelError {
  if (error instanceof SpotreelError) return error;
  const { name, status, kind } = awsFault(error);
  const { code, fault } = meaningOf(name, status);
  const message = describeAwsFault(error, `${service.name} request to ${action}`, service.remedies);
  return new SpotreelError(service.codes?.[kind] ?? code, fault, message, { cause: error });
}

/** `<request> failed: <why> (<status>, <what AWS answered>); <what to do>`. */
export function describeAwsFault(
  error: unknown,
  request: string,
  remedies: AwsService['remedies'] = {},
): string {
  const { name, status, kind, text } = awsFault(error);
  const { why, remedy } = meaningOf(name, status);
  const answer = kind === 'unavailable' || status !== 0 ? `${status || 'no answer'}, ${text}` : text;
  return `${request} failed: ${why} (${answer}); ${remedies[kind] ?? remedy}`;
}
