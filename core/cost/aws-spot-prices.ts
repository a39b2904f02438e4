import { EC2Client, paginateDescribeSpotPriceHistory, type SpotPrice } from '@aws-sdk/client-ec2';
import { messageOf, SpotreelError } from '../errors';
import { type MachinePool, possibleTypes, type SpotOffer } from './prices';

/** Most values of a filter in one request. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html */
const VALUES_PER_CALL = 200;

/** Offers per page; the most that the documentation allows. */
const PAGE = 1000;

/** An account sees its machines under one of these names; prices are the same. */
const PRODUCTS = ['Linux/UNIX', 'Linux/UNIX (Amazon VPC)'];

/** Most seconds to wait for prices. The built-in table replaces them after that. */
const MOST_SECONDS = 8;

/** An EC2 client with the user's own credentials, which need `ec2:DescribeSpotPriceHistory`. */
export function createEc2(region: string): EC2Client {
  return new EC2Client({ region, maxAttempts: 2 });
}

/**
 * Current Spot prices of a pool, by type and zone. For a family it asks for all possible types; EC2 ignores types that
 * do not exist. Throws `prices-unknown` (passing).
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html
 */
export async function askSpotOffers(
  { instanceTypes, vcpus }: MachinePool,
  client: EC2Client,
  now: Date,
): Promise<SpotOffer[]> {
  const types = [...new Set(instanceTypes.flatMap((setting) => possibleTypes(setting, vcpus)))];
  const signal = AbortSignal.timeout(MOST_SECONDS * 1000);
  const latest = new Map<string, SpotPrice>();
  for (let start = 0; start < types.length; start += VALUES_PER_CALL) {
    for await (const price of pricesOf(types.slice(start, start + VALUES_PER_CALL), client, now, signal)) {
      const key = `${price.InstanceType} ${price.AvailabilityZone}`;
      const before = latest.get(key);
      if (!before || timeOf(before) < timeOf(price)) latest.set(key, price);
    }
  }
  return [...latest.values()].flatMap(offerOf);
}

/** EC2 includes the price that holds at the start time. */
async function* pricesOf(
  types: string[],
  client: EC2Client,
  now: Date,
  abortSignal: AbortSignal,
): AsyncGenerator<SpotPrice> {
  const input = {
    Filters: [{ Name: 'instance-type', Values: types }],
    ProductDescriptions: PRODUCTS,
    StartTime: now,
  };
  const pages = paginateDescribeSpotPriceHistory({ client, pageSize: PAGE }, input, { abortSignal });
  try {
    for await (const { SpotPriceHistory = [] } of pages) yield* SpotPriceHistory;
  } catch (error) {
    const message = abortSignal.aborted ? `no answer within ${MOST_SECONDS} s` : messageOf(error);
    throw new SpotreelError('prices-unknown', 'passing', message, { cause: error });
  }
}

const timeOf = ({ Timestamp }: SpotPrice): number => Timestamp?.getTime() ?? 0;

/** An answer without one of the fields is no offer. */
function offerOf({ InstanceType, AvailabilityZone, SpotPrice: price }: SpotPrice): SpotOffer[] {
  const hourUsd = Number(price);
  if (InstanceType === undefined || AvailabilityZone === undefined || !(hourUsd > 0)) return [];
  return [{ instanceType: InstanceType, zone: AvailabilityZone, hourUsd }];
}
