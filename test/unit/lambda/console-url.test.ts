import { consoleUrl } from '../../../lambda/console-url';

test.each([
  ['eu-central-1', 'https://eu-central-1.console.aws.amazon.com/'],
  ['us-gov-west-1', 'https://us-gov-west-1.console.amazonaws-us-gov.com/'],
  ['cn-north-1', 'https://cn-north-1.console.amazonaws.cn/'],
])('the console link of a folder in S3 fits the partition of %s', (region, host) => {
  expect(consoleUrl(new URL('s3://films/renders/shot-1/'), region)).toBe(
    `${host}s3/buckets/films?region=${region}&prefix=renders%2Fshot-1%2F`,
  );
});

test('a local folder has no console link', () => {
  expect(consoleUrl(new URL('file:///renders/shot-1/'), 'eu-central-1')).toBeUndefined();
});
