import { messageOf, SpotreelError } from './errors';

/** What a failed call of AWS comes to, whatever the SDK's class of the error. */
export interface AwsFault {
  /**
   * - `throttled`: too many calls; it had no effect.
   * - `no-credentials`: none, or none that are valid any more.
   * - `denied`: no permission.
   * - `refused`: the request itself is at fault.
   * - `unavailable`: anything else; it may have had its effect.
   */
  readonly kind: 'throttled' | 'no-credentials' | 'denied' | 'refused' | 'unavailable';
  /** The error's name, if it says more than that it is one. */
  readonly name: string;
  /** HTTP; 0 where there was no answer. */
  readonly status: number;
  /** Name and message. */
  readonly text: string;
}

/** By name and status, as AWS documents them: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html */
export function awsFault(error: unknown): AwsFault {
  const name = error instanceof Error && error.name !== 'Error' ? error.name : '';
  const status = statusOf(error);
  const text = `${name ? `${name}: ` : ''}${messageOf(error)}`;
  return { kind: kindOf(name, status), name, status, text };
}

function kindOf(name: string, status: number): AwsFault['kind'] {
  if (status === 429 || /throttl|toomanyrequests|requestlimit/i.test(name)) return 'throttled';
  if (name === 'CredentialsProviderError' || /expiredtoken/i.test(name)) return 'no-credentials';
  if (status === 401 || status === 403 || /accessdenied|unauthorized|unrecognizedclient/i.test(name))
    return 'denied';
  if (name === 'ClientException' || (status >= 400 && status < 500 && status !== 408)) return 'refused';
  return 'unavailable';
}

function statusOf(error: unknown): number {
  const metadata: unknown = error instanceof Error && '$metadata' in error ? error.$metadata : undefined;
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
      ? metadata.httpStatusCode
      : undefined;
  return typeof status === 'number' ? status : 0;
}

/** What was called. */
export interface AwsCall {
  /** As people know it: `CloudWatch Logs`. */
  readonly service: string;
  /** Such as `logs:GetLogEvents`. */
  readonly permission: string;
}

/**
 * The `SpotreelError` for a failed call that was to `action`: codes `denied` (usage), `throttled` and `aws-unavailable` (passing),
 * `aws-refused` (usage).
 */
export function awsError(error: unknown, action: string, { service, permission }: AwsCall): SpotreelError {
  if (error instanceof SpotreelError) return error;
  const { kind, text } = awsFault(error);
  const cause = { cause: error };
  if (kind === 'no-credentials') {
    const message = `can't ${action}: no valid AWS credentials (${text}); sign in with "aws sso login" or set AWS_PROFILE`;
    return new SpotreelError('denied', 'usage', message, cause);
  }
  if (kind === 'denied') {
    const message = `not allowed to ${action} (${text}): the credentials need ${permission}`;
    return new SpotreelError('denied', 'usage', message, cause);
  }
  if (kind === 'refused')
    return new SpotreelError('aws-refused', 'usage', `${service} refused to ${action} (${text})`, cause);
  const code = kind === 'throttled' ? 'throttled' : 'aws-unavailable';
  const message = `${service} could not ${action} (${text}): try again`;
  return new SpotreelError(code, 'passing', message, cause);
}
