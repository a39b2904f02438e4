import { awsError, awsFault } from '../../../core/aws-error';
import { SpotreelError } from '../../../core/errors';

const failed = (name: string, status?: number) =>
  Object.assign(new Error('because'), { name, $metadata: { httpStatusCode: status } });

const ECS = { name: 'Amazon ECS' };

describe('awsFault', () => {
  it.each([
    ['TooManyRequestsException', 429, 'throttled'],
    ['ThrottlingException', 400, 'throttled'],
    ['SlowDown', 503, 'throttled'],
    ['CredentialsProviderError', undefined, 'no-credentials'],
    ['ExpiredTokenException', 400, 'expired-credentials'],
    ['InvalidToken', 400, 'expired-credentials'],
    ['PermanentRedirect', 301, 'wrong-region'],
    ['AuthorizationHeaderMalformed', 400, 'wrong-region'],
    ['KeyTooLongError', 400, 'key-too-long'],
    ['NoSuchUpload', 404, 'unavailable'],
    ['UnauthorizedOperation', 403, 'denied'],
    ['AccessDeniedException', 400, 'denied'],
    ['NoSuchKey', 404, 'missing'],
    ['PreconditionFailed', 412, 'changed'],
    ['ClientException', undefined, 'refused'],
    ['ValidationError', 400, 'refused'],
    ['RequestTimeout', 408, 'unavailable'],
    ['ServerException', 500, 'unavailable'],
    ['Error', undefined, 'unavailable'],
  ])('classifies %s with status %s as %s', (name, status, kind) => {
    expect(awsFault(failed(name, status)).kind).toBe(kind);
  });

  it.each([
    [301, 'wrong-region'],
    [401, 'denied'],
    [404, 'missing'],
  ])('classifies an answer without a body by its status %i', (status, kind) => {
    expect(awsFault(failed('UnknownError', status)).kind).toBe(kind);
  });
});

test('awsFault recognises that no region is set', () => {
  expect(awsFault(new Error('Region is missing')).kind).toBe('no-region');
});

describe('awsError', () => {
  it('says how to set a missing region', () => {
    expect(awsError(new Error('Region is missing'), 'list tasks', ECS)).toMatchObject({
      code: 'no-region',
      kind: 'usage',
      message:
        'Amazon ECS request to list tasks failed: no AWS region is set (Region is missing); set the region of the farm, such as: export AWS_REGION=us-east-1',
    });
  });

  it('says what failed, why and what to do', () => {
    expect(awsError(failed('AccessDeniedException', 403), 'list tasks', ECS)).toMatchObject({
      code: 'denied',
      kind: 'usage',
      message:
        'Amazon ECS request to list tasks failed: access denied (403, AccessDeniedException: because); check the credentials and their policy',
    });
  });

  it('reports a missing answer', () => {
    expect(awsError(new Error('socket hang up'), 'list tasks', ECS)).toMatchObject({
      code: 'aws-unavailable',
      kind: 'passing',
      message:
        'Amazon ECS request to list tasks failed: service unavailable (no answer, socket hang up); try again',
    });
  });

  it('prefers the code and the remedy of a service', () => {
    const service = { ...ECS, codes: { refused: 'bad-cluster' }, remedies: { refused: 'name another' } };
    const error = awsError(failed('ClientException', 400), 'list tasks', service);
    expect(error).toMatchObject({ code: 'bad-cluster', message: expect.stringMatching(/; name another$/) });
  });

  it('returns a SpotreelError as it is', () => {
    const error = new SpotreelError('stopped', 'stopped', 'stopped');
    expect(awsError(error, 'list tasks', ECS)).toBe(error);
  });
});
