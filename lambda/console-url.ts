import { bucketAndKey } from '../core/storage/location';

/** Where the console of a partition lives, by how its regions' names begin. */
const HOSTS: ReadonlyArray<readonly [regionStart: string, host: string]> = [
  ['cn-', 'console.amazonaws.cn'],
  ['us-gov-', 'console.amazonaws-us-gov.com'],
  ['', 'console.aws.amazon.com'],
];

/** The AWS console's page of a folder in S3; `undefined` for a folder that is not in S3. */
export function consoleUrl(folder: URL, region: string): string | undefined {
  if (folder.protocol !== 's3:') return undefined;
  const { bucket, key } = bucketAndKey(folder);
  const host = HOSTS.find(([start]) => region.startsWith(start))![1];
  const url = new URL(`https://${region}.${host}/s3/buckets/${bucket}`);
  url.searchParams.set('region', region);
  url.searchParams.set('prefix', key);
  return url.href;
}
