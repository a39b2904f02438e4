import { awsFault } from '../aws-error';
import { SpotreelError } from '../errors';

/**
 * The `SpotreelError` for a failed call of AWS Batch. By the documentation
 * (https://docs.aws.amazon.com/batch/latest/APIReference/CommonErrors.html) `ClientException` is 400 and says why,
 * `ServerException` is 500; calls beyond about 50 a second get 429.
 *
 * | code | kind | when |
 * |---|---|---|
 * | `client-exception` | usage | AWS Batch refuses the request: a queue or definition that is not there, say |
 * | `denied` | usage | no credentials, or no permission |
 * | `throttled` | passing | too many calls; the call had no effect |
 * | `batch-unavailable` | passing | anything else; the call may have had its effect |
 */
export function awsBatchError(error: unknown, action: string): SpotreelError {
  if (error instanceof SpotreelError) return error;
  const { kind, status, text } = awsFault(error);
  if (kind === 'throttled') {
    return new SpotreelError(
      'throttled',
      'passing',
      `AWS Batch has too much to do to ${action} (${text}): try again`,
      {
        cause: error,
      },
    );
  }
  if (kind === 'no-credentials') {
    const message = `can't ${action}: no valid AWS credentials (${text}); sign in with "aws sso login" or set AWS_PROFILE`;
    return new SpotreelError('denied', 'usage', message, { cause: error });
  }
  if (kind === 'denied') {
    const message = `not allowed to ${action} (${text}): check the credentials and their policy for AWS Batch`;
    return new SpotreelError('denied', 'usage', message, { cause: error });
  }
  if (kind === 'refused') {
    const message = `AWS Batch refused to ${action} (${text}): check the job queue, the job definitions and the region`;
    return new SpotreelError('client-exception', 'usage', message, { cause: error });
  }
  const message = `AWS Batch could not ${action} (${status || 'no answer'}, ${text}): try again`;
  return new SpotreelError('batch-unavailable', 'passing', message, { cause: error });
}
