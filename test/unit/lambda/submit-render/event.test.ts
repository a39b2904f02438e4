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

test("S3's event as its documentation shows it", () => {
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
])('the key %s is taken as it is', (key) => expect(parseUploadEvent(created({ key })).key).toBe(key));

describe('shapes that are taken', () => {
  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['without a version, in a bucket that keeps none', { 'version-id': undefined }, {}],
    ['an empty object', { size: 0 }, {}],
    ['an ETag of parts', { etag: 'abc-12' }, {}],
    ['more fields, as the future may bring', { storage: 'STANDARD' }, { 'replay-name': 'x' }],
  ])('%s', (_, object, rest) => {
    expect(parseUploadEvent(created(object, rest)).key).toBe('uploads/shot.blend');
  });

  test('quotes around the ETag', () => {
    expect(parseUploadEvent(created({ etag: '"abc"' })).etag).toBe('abc');
  });
});

describe('shapes that are refused, naming the field', () => {
  test.each<[string, string, string]>([
    ['no JSON', 'hello', 'it is no JSON'],
    ['nothing', '', 'it is no JSON'],
    ['a list', '[]', 'value'],
    ["S3's own notification, not EventBridge's", '{"Records":[{"s3":{}}]}', 'detail-type'],
    ["S3's test message", '{"Service":"Amazon S3","Event":"s3:TestEvent"}', 'source'],
    ['a deleted object', created({}, { 'detail-type': 'Object Deleted' }), 'detail-type'],
    ['another service', created({}, { source: 'aws.ec2' }), 'source'],
    ['no key', created({ key: undefined }), 'detail.object.key'],
    ['an empty key', created({ key: '' }), 'detail.object.key'],
    ['no ETag', created({ etag: undefined }), 'detail.object.etag'],
  ])('%s', (_, body, field) => {
    const read = () => parseUploadEvent(body);
    expect(read).toThrow(expect.objectContaining({ code: 'bad-event', kind: 'internal' }));
    expect(read).toThrow(field);
  });
});
