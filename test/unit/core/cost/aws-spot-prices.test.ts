import {
  DescribeSpotPriceHistoryCommand,
  type DescribeSpotPriceHistoryCommandInput,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { mockClient } from 'aws-sdk-client-mock';
import { askSpotOffers } from '../../../../core/cost/aws-spot-prices';

/** A fake of EC2. */
const ec2 = mockClient(EC2Client);
beforeEach(() => ec2.reset());

const NOW = new Date('2026-11-23T10:00:00Z');
const offer = (InstanceType: 'm6i.xlarge' | 'm6a.xlarge', zone: string, SpotPrice: string, hour = 8) => ({
  InstanceType,
  AvailabilityZone: zone,
  SpotPrice,
  Timestamp: new Date(Date.UTC(2026, 10, 23, hour)),
});
const pool = (instanceTypes: string[]) => ({ instanceTypes, vcpus: 4, gpu: false });

test('askSpotOffers reads all pages and gives the latest price of each machine in each zone', async () => {
  const pages = [
    {
      SpotPriceHistory: [offer('m6i.xlarge', 'a', '0.071'), offer('m6i.xlarge', 'b', '0.08', 9)],
      NextToken: 'more',
    },
    {
      SpotPriceHistory: [offer('m6i.xlarge', 'b', '0.5', 7), offer('m6i.xlarge', 'c', 'none'), {}],
      NextToken: '',
    },
  ];
  // The SDK's paginator changes one input from page to page, so this copies it.
  const asked: DescribeSpotPriceHistoryCommandInput[] = [];
  ec2
    .on(DescribeSpotPriceHistoryCommand)
    .callsFake((input: DescribeSpotPriceHistoryCommandInput) => pages[asked.push({ ...input }) - 1]);
  expect(await askSpotOffers(pool(['m6i']), new EC2Client({ region: 'us-east-1' }), NOW)).toEqual([
    { instanceType: 'm6i.xlarge', zone: 'a', hourUsd: 0.071 },
    { instanceType: 'm6i.xlarge', zone: 'b', hourUsd: 0.08 },
  ]);
  const [first, second, ...rest] = asked;
  expect(rest).toEqual([]);
  expect(first).toMatchObject({
    StartTime: NOW,
    ProductDescriptions: ['Linux/UNIX', 'Linux/UNIX (Amazon VPC)'],
  });
  expect(first!.NextToken).toBeUndefined();
  expect(second).toMatchObject({ NextToken: 'more', Filters: first!.Filters });
});

test('askSpotOffers asks for at most 200 types per call, and only for sizes of a family that fit a slice', async () => {
  ec2.on(DescribeSpotPriceHistoryCommand).resolves({});
  const families = Array.from({ length: 49 }, (_, i) => `m${i}i`);
  await askSpotOffers(pool([...families, 'c6i.large']), new EC2Client({ region: 'us-east-1' }), NOW);
  const asked = ec2
    .commandCalls(DescribeSpotPriceHistoryCommand)
    .map(({ args }) => args[0].input.Filters![0]!.Values!);
  expect(asked.every((values) => values.length <= 200)).toBe(true);
  const all = asked.flat();
  expect(new Set(all).size).toBe(all.length);
  expect(all).toEqual(expect.arrayContaining(['m6i.xlarge', 'm6i.24xlarge', 'c6i.large']));
  expect(all).not.toContain('m6i.large');
});

test('askSpotOffers fails with prices-unknown if EC2 denies the request', async () => {
  ec2
    .on(DescribeSpotPriceHistoryCommand)
    .rejects(new Error('You are not authorized to perform this operation.'));
  const asking = askSpotOffers(pool(['m6i']), new EC2Client({ region: 'us-east-1' }), NOW);
  await expect(asking).rejects.toMatchObject({ code: 'prices-unknown', kind: 'passing' });
});
