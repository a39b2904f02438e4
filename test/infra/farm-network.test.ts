import { readSettings } from '../../lib/settings/settings';
import { allProperties, expectCounts, expectResource, flat, onlyProperties, synthFarm } from './synth-farm';
import { fewOrAll, runsHeavy } from '../support/heavy';

const { farmTemplate } = synthFarm();

test('the network has public subnets in two zones, chosen by number without an account', () => {
  const subnets = allProperties(farmTemplate, 'AWS::EC2::Subnet');
  expect(subnets.map(({ properties }) => properties.AvailabilityZone)).toEqual([
    { 'Fn::Select': [0, { 'Fn::GetAZs': '' }] },
    { 'Fn::Select': [1, { 'Fn::GetAZs': '' }] },
  ]);
  expect(subnets.every(({ properties }) => properties.MapPublicIpOnLaunch)).toBe(true);
});

test('the network has no NAT gateway and no fixed address', () => {
  expectCounts(farmTemplate, { 'AWS::EC2::NatGateway': 0 });
  expectCounts(farmTemplate, { 'AWS::EC2::EIP': 0 });
});

test('the network reaches S3 through a gateway endpoint in every subnet', () => {
  const endpoint = onlyProperties(farmTemplate, 'AWS::EC2::VPCEndpoint');
  expect(JSON.stringify(endpoint.ServiceName)).toContain('.s3');
  expect(endpoint.VpcEndpointType).toBe('Gateway');
  expect(endpoint.RouteTableIds).toHaveLength(2);
});

test('the network allows no inbound traffic and only HTTPS outbound', () => {
  const group = onlyProperties(farmTemplate, 'AWS::EC2::SecurityGroup');
  expect(group.SecurityGroupIngress).toBeUndefined();
  expectCounts(farmTemplate, { 'AWS::EC2::SecurityGroupIngress': 0 });
  expect(group.SecurityGroupEgress).toEqual([
    { CidrIp: '0.0.0.0/0', Description: 'AWS APIs', FromPort: 443, ToPort: 443, IpProtocol: 'tcp' },
  ]);
});

if (runsHeavy('accounts'))
  test('the network has three zones if configured', () => {
    expectCounts(synthFarm({ zones: 3 }).farmTemplate, { 'AWS::EC2::Subnet': 3 });
  });

test('the farm uses an existing VPC unchanged', () => {
  const subnetIds = ['subnet-0123456789abcde0a', 'subnet-0123456789abcde0b', 'subnet-0123456789abcde0c'];
  const { farmTemplate: existing } = synthFarm({ vpcId: 'vpc-0123456789abcdef0', subnetIds });
  for (const type of ['VPC', 'Subnet', 'VPCEndpoint', 'InternetGateway']) {
    expectCounts(existing, { [`AWS::EC2::${type}`]: 0 });
  }
  expectResource(existing, 'AWS::EC2::SecurityGroup', { VpcId: 'vpc-0123456789abcdef0' });
  expectResource(existing, 'AWS::Batch::ComputeEnvironment', {
    ComputeResources: { Subnets: subnetIds },
  });
});

const EXISTING = {
  vpcId: 'vpc-0123456789abcdef0',
  subnetIds: ['subnet-0123456789abcde0a', 'subnet-0123456789abcde0b'],
};

const RANGES: ReadonlyArray<readonly [string, readonly string[]]> = [
  ['10.64.0.0/16', ['10.64.0.0/20', '10.64.16.0/20']],
  ['192.168.8.0/24', ['192.168.8.0/26', '192.168.8.64/26']],
];
test.each(fewOrAll('accounts', RANGES, (_, index) => index === 1))(
  'the network has the addresses %s of vpcCidr',
  (vpcCidr, subnets) => {
    const { farmTemplate: template } = synthFarm({ vpcCidr });
    expectResource(template, 'AWS::EC2::VPC', { CidrBlock: vpcCidr });
    const blocks = allProperties(template, 'AWS::EC2::Subnet').map(({ properties }) => properties.CidrBlock);
    expect(blocks).toEqual(subnets);
  },
);

if (runsHeavy('accounts'))
  test('machines have the security groups of securityGroupIds and no other', () => {
    const securityGroupIds = ['sg-0123456789abcdef0', 'sg-0123456789abcdef1'];
    const { farmTemplate: template } = synthFarm({ ...EXISTING, securityGroupIds });
    expectCounts(template, { 'AWS::EC2::SecurityGroup': 0, 'AWS::EC2::SecurityGroupIngress': 0 });
    expectResource(template, 'AWS::Batch::ComputeEnvironment', {
      ComputeResources: { SecurityGroupIds: securityGroupIds },
    });
  });

/** The last part of the names of the services that the interface endpoints reach. */
function services(template: typeof farmTemplate): string[] {
  return allProperties(template, 'AWS::EC2::VPCEndpoint')
    .filter(({ properties }) => properties.VpcEndpointType === 'Interface')
    .map(({ properties }) => flat(properties.ServiceName).replace(/^com\.amazonaws\.<AWS::Region>\./, ''))
    .toSorted();
}

const ENDPOINTS = ['ecr.api', 'ecr.dkr', 'ecs', 'ecs-agent', 'ecs-telemetry', 'logs'];

test('with vpcEndpoints, the farm’s own VPC has private subnets and no internet gateway', () => {
  const { farmTemplate: template } = synthFarm({ vpcEndpoints: true });
  expectCounts(template, { 'AWS::EC2::InternetGateway': 0, 'AWS::EC2::NatGateway': 0 });
  const subnets = allProperties(template, 'AWS::EC2::Subnet');
  expect(subnets.map(({ properties }) => properties.MapPublicIpOnLaunch)).toEqual([false, false]);
  expect(services(template)).toEqual(ENDPOINTS);
  const gateways = allProperties(template, 'AWS::EC2::VPCEndpoint').filter(
    ({ properties }) => properties.VpcEndpointType === 'Gateway',
  );
  expect(gateways).toHaveLength(1);
});

test('VPC endpoints accept HTTPS only from the machines', () => {
  const { farmTemplate: template } = synthFarm({ vpcEndpoints: true });
  const groups = allProperties(template, 'AWS::EC2::SecurityGroup');
  const rules: Array<{ SourceSecurityGroupId: unknown; ToPort: number }> = groups.flatMap(
    ({ properties }) => properties.SecurityGroupIngress ?? [],
  );
  expect(rules.map((rule) => [flat(rule.SourceSecurityGroupId), rule.ToPort])).toEqual([
    ['<NetworkMachines.GroupId>', 443],
  ]);
  expectCounts(template, { 'AWS::EC2::SecurityGroupIngress': 0 });
});

if (runsHeavy('accounts'))
  test('with vpcEndpoints, an existing VPC gets endpoints in its subnets', () => {
    const routeTableIds = ['rtb-0123456789abcdef0'];
    const { farmTemplate: template } = synthFarm({ ...EXISTING, vpcEndpoints: true, routeTableIds });
    expect(services(template)).toEqual(ENDPOINTS);
    expectResource(template, 'AWS::EC2::VPCEndpoint', {
      SubnetIds: EXISTING.subnetIds,
      PrivateDnsEnabled: true,
    });
    expectResource(template, 'AWS::EC2::VPCEndpoint', {
      VpcEndpointType: 'Gateway',
      RouteTableIds: routeTableIds,
      VpcId: EXISTING.vpcId,
    });
  });

if (runsHeavy('accounts'))
  test('without routeTableIds, the farm uses the gateway endpoint of an existing VPC', () => {
    const { farmTemplate: template } = synthFarm({ ...EXISTING, vpcEndpoints: true });
    expectCounts(template, { 'AWS::EC2::VPCEndpoint': ENDPOINTS.length });
  });

test('machines may connect to the port of the proxy', () => {
  const { farmTemplate: template } = synthFarm({ proxy: 'http://proxy.example.com:3128' });
  const { SecurityGroupEgress } = onlyProperties(template, 'AWS::EC2::SecurityGroup');
  expect(SecurityGroupEgress).toMatchObject([{ ToPort: 443 }, { FromPort: 3128, ToPort: 3128 }]);
});

test.each([
  [{ vpcCidr: '10.0.0.0/28' }, 'vpcCidr is "10.0.0.0/28": must be an IPv4 range from /16 to /24'],
  [{ vpcCidr: '10.0.0.300/16' }, 'vpcCidr is'],
  [{ securityGroupIds: ['sg-1'], ...EXISTING }, 'each the id of a security group'],
  [{ securityGroupIds: ['sg-0123abcd'] }, 'securityGroupIds needs an existing VPC: set vpcId and subnetIds'],
  [{ routeTableIds: ['rtb-0123abcd'], vpcEndpoints: true }, 'routeTableIds needs an existing VPC'],
  [{ routeTableIds: ['rtb-0123abcd'], ...EXISTING }, 'routeTableIds needs vpcEndpoints: set it to true'],
  [{ proxy: 'http://me:secret@proxy:3128' }, 'must be a host and port like http://proxy.example.com:3128'],
  [{ proxy: 'proxy.example.com:3128' }, 'proxy is "proxy.example.com:3128"'],
  [{ proxy: 'http://proxy.example.com:70000' }, 'with a port from 1 to 65,535'],
  [{ proxy: 'http://proxy.example.com:00' }, 'with a port from 1 to 65,535'],
  [{ proxy: 'http://1.2.3.400:3128' }, 'must be a host and port'],
  [{ noProxy: ['example.com'] }, 'noProxy needs proxy: set proxy, or remove noProxy'],
  [{ noProxy: ['a b'], proxy: 'http://proxy:3128' }, 'each a host, an address, or a domain'],
])('readSettings refuses %j', (given, message) => {
  expect(() => readSettings(given, {})).toThrow(message);
});

/** The ids of all resources that CloudFormation deletes only after the resources of this type. */
function deletedAfter(type: string): Set<string> {
  const resources = new Map<string, { Type: string }>(Object.entries(farmTemplate.toJSON().Resources));
  const found = new Set<string>();
  const visit = (id: string): void => {
    if (found.has(id) || !resources.has(id)) return;
    found.add(id);
    // References and `DependsOn` name ids.
    for (const [name] of JSON.stringify(resources.get(id)).matchAll(/(?<=")[A-Za-z0-9]+(?=")/g)) visit(name);
  };
  for (const [id, { Type }] of resources) if (Type === type) visit(id);
  return found;
}

test.each([
  'AWS::EC2::InternetGateway',
  'AWS::EC2::VPCGatewayAttachment',
  'AWS::EC2::Route',
  'AWS::EC2::SubnetRouteTableAssociation',
  'AWS::EC2::VPCEndpoint',
])('the machines are deleted before each %s', (type) => {
  const all = Object.keys(farmTemplate.findResources(type));
  expect(all.length).toBeGreaterThan(0);
  expect([...deletedAfter('AWS::Batch::ComputeEnvironment')]).toEqual(expect.arrayContaining(all));
});

test('the machines are deleted before the permissions of their agents', () => {
  const policies = [...deletedAfter('AWS::Batch::ComputeEnvironment')].filter((id) =>
    id.startsWith('MachineRoleDefaultPolicy'),
  );
  expect(policies).toHaveLength(1);
});
