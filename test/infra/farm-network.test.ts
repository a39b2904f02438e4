import { allProperties, expectCounts, expectResource, onlyProperties, synthFarm } from './synth-farm';

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
