import {
  accountPrices,
  type MachinePool,
  SPOT_SHARE,
  type SpotOffer,
  TABLE_DATE,
  tablePrices,
} from '../../../../core/cost/prices';

const pool = (instanceTypes: string[], changes: Partial<MachinePool> = {}): MachinePool => ({
  instanceTypes,
  vcpus: 4,
  gpu: false,
  ...changes,
});
const gpuPool = (instanceTypes: string[], vcpus = 4) => pool(instanceTypes, { vcpus, gpu: true });

describe('tablePrices', () => {
  test('ranges from the cheapest to the most expensive family', () => {
    const { onDemand, spot, ...rest } = tablePrices(
      pool(['m6i', 'm6a', 'm7i', 'm7a', 'r6i', 'r6a', 'r7i']),
      'us-east-1',
    );
    expect(onDemand).toEqual({ low: 0.0432, middle: 0.0567, high: 0.06615 });
    expect(spot.low).toBeCloseTo(0.0432 * SPOT_SHARE.low);
    expect(spot.high).toBeCloseTo(0.06615 * SPOT_SHARE.high);
    expect(rest).toMatchObject({ source: 'table', at: TABLE_DATE, region: 'us-east-1' });
    expect(rest.notes).toEqual([expect.stringContaining('25 to 70 % of On-Demand')]);
  });

  test('takes the documented families for default_x86_64', () => {
    const families = tablePrices(pool(['m6i', 'c6i', 'r6i', 'c7i']), 'us-east-1');
    expect(tablePrices(pool(['default_x86_64']), 'us-east-1')).toEqual(families);
  });

  test('charges the vCPUs that stay idle because memory fills the machine first', () => {
    const priceOf = (family: string, memoryMib?: number) =>
      tablePrices(pool([family], { memoryMib }), 'us-east-1').onDemand.middle;
    // 14,000 MiB are the share of 4 vCPUs on a machine of an m family, and of about 8 on one of a c family.
    expect(priceOf('m6i', 14_000)).toBe(priceOf('m6i'));
    expect(priceOf('c6i', 14_000) / priceOf('c6i')).toBeCloseTo(1.9, 1);
    expect(priceOf('c6i', 7_000)).toBe(priceOf('c6i'));
    expect(priceOf('z1d', 14_000)).toBe(priceOf('z1d'));
  });

  test('gives a type the vCPU price of its family', () => {
    expect(tablePrices(pool(['m6i.8xlarge']), 'us-east-1').onDemand.middle).toBe(0.048);
  });

  test('notes another region and unknown families', () => {
    const { onDemand, notes } = tablePrices(pool(['m6i', 'x9q', 'z1d']), 'eu-central-1');
    expect(onDemand).toEqual({ low: 0.048, middle: 0.048, high: 0.048 });
    expect(notes.join('\n')).toContain(
      'no On-Demand price of x9q, z1d for such a job: the prices of the other',
    );
    expect(notes.join('\n')).toContain('prices in eu-central-1 differ');
  });

  test('uses the prices of all its machines for unknown families and notes that', () => {
    const { onDemand, notes } = tablePrices(pool(['x9q']), 'us-east-1');
    expect(onDemand).toMatchObject({ low: 0.03825, high: 0.07988 });
    expect(notes.join('\n')).toContain('no On-Demand price of x9q for such a job: the prices of all');
  });

  test('charges a slice with a GPU for vCPUs that no other slice can use', () => {
    expect(tablePrices(gpuPool(['g5.xlarge']), 'us-east-1').onDemand.middle).toBeCloseTo(1.006 / 4);
    // 8 vCPUs and one GPU: one slice of 4 vCPUs, which pays for all of them.
    expect(tablePrices(gpuPool(['g5.2xlarge']), 'us-east-1').onDemand.middle).toBeCloseTo(1.212 / 4);
    // 4 GPUs on 48 vCPUs: four slices.
    expect(tablePrices(gpuPool(['g5.12xlarge']), 'us-east-1').onDemand.middle).toBeCloseTo(5.672 / 16);
    // The cheapest size of a family that fits.
    expect(tablePrices(gpuPool(['g5']), 'us-east-1').onDemand.middle).toBeCloseTo(1.006 / 4);
    expect(tablePrices(gpuPool(['g5'], 8), 'us-east-1').onDemand.middle).toBeCloseTo(1.212 / 8);
  });

  test('gives a price above 0 for a slice that fits some machines or none', () => {
    expect(tablePrices(pool(['m6i.large', 'r6i']), 'us-east-1').onDemand.low).toBe(0.063);
    expect(tablePrices(pool(['m6i.large']), 'us-east-1').onDemand.low).toBeGreaterThan(0);
    expect(tablePrices(gpuPool(['g5'], 500), 'us-east-1').onDemand.low).toBeGreaterThan(0);
  });
});

describe('accountPrices', () => {
  const at = new Date('2026-11-23T10:00:00Z');
  const offer = (instanceType: string, hourUsd: number, zone = 'a'): SpotOffer => ({
    instanceType,
    zone,
    hourUsd,
  });

  test('gives the price per vCPU over all sizes and zones that fit a slice', () => {
    const offers = [
      offer('m6i.xlarge', 0.08),
      offer('m6i.2xlarge', 0.12),
      offer('m6i.2xlarge', 0.24, 'b'),
      // Too small, not asked for, bare metal, and no price.
      offer('m6i.large', 0.001),
      offer('c6i.xlarge', 0.001),
      offer('m6i.metal', 0.001),
      offer('m6i.4xlarge', 0),
    ];
    expect(accountPrices(offers, pool(['m6i']), 'eu-west-1', at)).toMatchObject({
      spot: { low: 0.015, middle: 0.02, high: 0.03 },
      source: 'account',
      at: '2026-11-23',
      region: 'eu-west-1',
      notes: [expect.stringContaining('On-Demand prices are those of us-east-1')],
    });
  });

  test('ignores a few extreme offers among many', () => {
    const offers = Array.from({ length: 30 }, (_, i) =>
      offer('m6i.xlarge', i === 0 ? 0.0004 : i === 29 ? 4 : 0.08, `${i}`),
    );
    const { spot } = accountPrices(offers, pool(['m6i']), 'us-east-1', at);
    expect(spot).toEqual({ low: 0.02, middle: 0.02, high: 0.02 });
  });

  test('takes the cheapest size of a GPU family in each zone', () => {
    const offers = [
      offer('g5.xlarge', 0.4),
      offer('g5.16xlarge', 2),
      offer('g5.xlarge', 0.8, 'b'),
      offer('g5.16xlarge', 0.6, 'c'),
    ];
    const { spot } = accountPrices(offers, gpuPool(['g5']), 'us-east-1', at);
    expect(spot.low).toBeCloseTo(0.1);
    expect(spot.middle).toBeCloseTo(0.15);
    expect(spot.high).toBeCloseTo(0.2);
  });

  test('gives the table’s prices with a note if no offer fits', () => {
    const { source, notes } = accountPrices([offer('c6i.xlarge', 1)], pool(['m6i']), 'us-east-1', at);
    expect(source).toBe('table');
    expect(notes[0]).toBe('EC2 has no Spot prices for these machines');
  });
});
