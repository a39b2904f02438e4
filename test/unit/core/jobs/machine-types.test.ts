import { USUAL_FARM } from '../../../../core/jobs/farm';
import {
  DEFAULT_X86,
  fitFault,
  fitOf,
  largerSizes,
  machineTypes,
  mibPerVcpu,
  vcpusOf,
} from '../../../../core/jobs/machine-types';

test('machineTypes lists the sizes of a family with their memory', () => {
  expect(machineTypes('m7i')?.at(0)).toEqual({ name: 'm7i.large', vcpus: 2, memoryMib: 8192, gpus: 0 });
  expect(machineTypes('m7i')?.at(-1)).toEqual({
    name: 'm7i.48xlarge',
    vcpus: 192,
    memoryMib: 768 * 1024,
    gpus: 0,
  });
});

test('machineTypes knows one type by its name', () => {
  expect(machineTypes('c6i.xlarge')).toEqual([{ name: 'c6i.xlarge', vcpus: 4, memoryMib: 8192, gpus: 0 }]);
});

test.each(['z1d', 'm6i.metal', 'm6i.48xlarge'])('machineTypes does not know %s', (named) => {
  expect(machineTypes(named)).toBeUndefined();
});

test('machineTypes knows the GPUs of each size', () => {
  expect(machineTypes('g5')?.map(({ gpus }) => gpus)).toEqual([1, 1, 1, 1, 4, 1, 4, 8]);
});

test('vcpusOf agrees with the names of all known types', () => {
  for (const family of ['m7a', 'c5', 'g4dn', 'r8i-flex'])
    for (const { name, vcpus } of machineTypes(family)!) expect(vcpusOf(name)).toBe(vcpus);
});

test.each([
  ['c7i-flex.large', 2],
  ['m6i', 4],
  ['r6i.2xlarge', 8],
  ['g6e.48xlarge', 8],
])('mibPerVcpu of %s is %d GiB', (named, gib) => {
  expect(mibPerVcpu(named)).toBe(gib * 1024);
});

test('the default machines are a group of AWS Batch that the table can resolve', () => {
  expect(USUAL_FARM.instanceTypes).toEqual([DEFAULT_X86]);
  const { renderVcpus: vcpus, renderMemoryMib: memoryMib } = USUAL_FARM;
  expect(fitOf(USUAL_FARM.instanceTypes, { vcpus, memoryMib })).toBe('yes');
});

describe('fitOf', () => {
  test('needs vCPUs and memory on the same machine', () => {
    // 16 GiB with 4 vCPUs, or 8 GiB with 4: neither has 8 vCPUs.
    expect(fitOf(['m6i.xlarge', 'c6i.xlarge'], { vcpus: 4, memoryMib: 14_000 })).toBe('yes');
    expect(fitOf(['m6i.xlarge', 'c6i.xlarge'], { vcpus: 8, memoryMib: 14_000 })).toBe('no');
  });

  test('leaves memory for the system of the machine', () => {
    expect(fitOf(['m6i.xlarge'], { vcpus: 4, memoryMib: 16_384 })).toBe('no');
    expect(fitOf(['m6i.xlarge'], { vcpus: 4, memoryMib: 16_000 })).toBe('yes');
    expect(fitOf(['m6i.xlarge'], { vcpus: 4, memoryMib: 16_000 }, 0.9)).toBe('no');
  });

  test('asks for a GPU only if a job needs one', () => {
    expect(fitOf(['m6i'], { vcpus: 4, gpu: true })).toBe('no');
    expect(fitOf(['g5'], { vcpus: 4, gpu: true })).toBe('yes');
  });

  test('does not know families that the table lacks', () => {
    expect(fitOf(['c6i.large', 'x2iedn'], { vcpus: 4, memoryMib: 500_000 })).toBe('unknown');
  });
});

describe('largerSizes', () => {
  const slice = { vcpus: 4, memoryMib: 14_000 };
  const WITH_VCPUS = { memoryMib: 28_000, vcpus: 8 };
  const SAME_VCPUS = { memoryMib: 28_000 };

  test.each<[string, string[], number, unknown[]]>([
    ['prefers twice the vCPUs', ['m6i'], 64, [WITH_VCPUS, SAME_VCPUS]],
    ['keeps the vCPUs if twice as many fit no machine', ['r6i.xlarge'], 64, [SAME_VCPUS]],
    ['keeps the vCPUs if the queue has too few', ['m6i'], 1, [SAME_VCPUS]],
    ['is empty if no machine has the memory', ['m6i.xlarge'], 64, []],
    ['is empty if the machines are unknown', ['x2iedn'], 64, []],
  ])('%s', (_, types, parallel, sizes) => {
    expect(largerSizes(types, slice, parallel)).toEqual(sizes);
  });

  test('needs a GPU on the machine', () => {
    expect(largerSizes(['m6i', 'g5.xlarge'], { ...slice, gpu: true }, 8)).toEqual([]);
    expect(largerSizes(['g5'], { ...slice, gpu: true }, 8)).toEqual([WITH_VCPUS, SAME_VCPUS]);
  });
});

describe('fitFault', () => {
  test('says that no machine has the vCPUs', () => {
    expect(fitFault(['m6i'], { vcpus: 192, memoryMib: 1000 })).toBe('no machine of m6i has 192 vCPUs');
    expect(fitFault(['m6i'], { vcpus: 4, gpu: true })).toBe('no machine of m6i has 4 vCPUs and a GPU');
  });

  test('says how much memory the largest machine leaves', () => {
    expect(fitFault(['m6i.xlarge', 'r6i.xlarge'], { vcpus: 4, memoryMib: 64_000 })).toBe(
      'no machine of m6i.xlarge, r6i.xlarge has 64000 MiB for a job with 4 vCPUs; the largest leaves about 32256 MiB',
    );
  });

  test('names only the first of many types', () => {
    const many = ['m6i', 'm6a', 'm7i', 'c6i', 'c6a', 'c7i'];
    expect(fitFault(many, { vcpus: 500 })).toContain('of m6i, m6a, m7i, c6i, c6a, … has');
  });
});
