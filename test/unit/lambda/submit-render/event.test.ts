import { parseUploadEvent } from '../../../../lambda/submit-render/event';
import { objectCreated } from '../../../support/aws-events';

const created = (object: Record<string, unknown>, rest: Record<string, unknown> = {}): string => {
  const event = objectCreated({ bucket: 'films', key: 'uploads/shot.blend', etag: 'abc' });
  return JSON.stringify({
    ...event,
    detail: { ...event.detail, object: { ...event.detail.object, ...object } },
    ...rest,
  });
};

test('parseUploadEvent reads the documented event of S3', () => {
  expect(parseUploadEvent(created({}))).toEqual({
    bucket: 'films',
    key: 'uploads/shot.blend',
    etag: 'abc',
    size: 5,
    versionId: 'IYV3p45BT0ac8hjHg1houSdS1a.Mro8e',
    reason: 'PutObject',
  });
});

test.each([
  'uploads/my shot.blend',
  'uploads/a+b.blend',
  'uploads/100%25.blend',
  'uploads/Übung 映画🎬.blend',
])('parseUploadEvent does not decode the key %s', (key) =>
  expect(parseUploadEvent(created({ key })).key).toBe(key),
);

describe('parseUploadEvent accepts an event', () => {
  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['without a version', { 'version-id': undefined }, {}],
    ['of an empty object', { size: 0 }, {}],
    ['with an ETag of parts', { etag: 'abc-12' }, {}],
    ['with unknown fields', { storage: 'STANDARD' }, { 'replay-name': 'x' }],
  ])('%s', (_, object, rest) => {
    expect(parseUploadEvent(created(object, rest)).key).toBe('uploads/shot.blend');
  });

  test('with quotes around the ETag', () => {
    expect(parseUploadEvent(created({ etag: '"abc"' })).etag).toBe('abc');
  });
});

describe('parseUploadEvent names the wrong field of', () => {
  test.each<[string, string, string]>([
    ['text that is not JSON', 'hello', 'it is no JSON'],
    ['an empty body', '', 'it is no JSON'],
    ['a list', '[]', 'value'],
    ['a notification of S3 itself', '{"Records":[{"s3":{}}]}', 'detail-type'],
    ['the test message of S3', '{"Service":"Amazon S3","Event":"s3:TestEvent"}', 'source'],
    ['an event of a deleted object', created({}, { 'detail-type': 'Object Deleted' }), 'detail-type'],
    ['an event of another service', created({}, { source: 'aws.ec2' }), 'source'],
    ['an event without a key', created({ key: undefined }), 'detail.object.key'],
    ['an event with an empty key', created({ key: '' }), 'detail.object.key'],
    ['an event without an ETag', created({ etag: undefined }), 'detail.object.etag'],
  ])('%s', (_, body, field) => {
    const read = () => parseUploadEvent(body);
    expect(read).toThrow(expect.objectContaining({ code: 'bad-event', kind: 'internal' }));
    expect(read).toThrow(field);
  });
});
