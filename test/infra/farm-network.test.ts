import { allProperties, expectCounts, expectResource, onlyProperties, synthFarm } from './synth-farm';

const { farmTemplate } = synthFarm();

test('two zones of public subnets, by number, so that synth asks no account', () => {
  const subnets = allProperties(farmTemplate, 'AWS::EC2::Subnet');
  expect(subnets.map(({ properties }) => properties.AvailabilityZone)).toEqual([
    { 'Fn::Select': [0, { 'Fn::GetAZs': '' }] },
    { 'Fn::Select': [1, { 'Fn::GetAZs': '' }] },
  ]);
  expect(subnets.every(({ properties }) => properties.MapPublicIpOnLaunch)).toBe(true);
});

test('no NAT gateway and no fixed address, which cost while idle', () => {
  expectCounts(farmTemplate, { 'AWS::EC2::NatGateway': 0 });
  expectCounts(farmTemplate, { 'AWS::EC2::EIP': 0 });
});

test('S3 is reached through a gateway endpoint, from every subnet', () => {
  const endpoint = onlyProperties(farmTemplate, 'AWS::EC2::VPCEndpoint');
  expect(JSON.stringify(endpoint.ServiceName)).toContain('.s3');
  expect(endpoint.VpcEndpointType).toBe('Gateway');
  expect(endpoint.RouteTableIds).toHaveLength(2);
});

test('nothing gets in, and only HTTPS out', () => {
  const group = onlyProperties(farmTemplate, 'AWS::EC2::SecurityGroup');
  expect(group.SecurityGroupIngress).toBeUndefined();
  expectCounts(farmTemplate, { 'AWS::EC2::SecurityGroupIngress': 0 });
  expect(group.SecurityGroupEgress).toEqual([
    { CidrIp: '0.0.0.0/0', Description: 'AWS APIs', FromPort: 443, ToPort: 443, IpProtocol: 'tcp' },
  ]);
});

test('three zones when asked', () => {
  expectCounts(synthFarm({ zones: 3 }).farmTemplate, { 'AWS::EC2::Subnet': 3 });
});

test('an existing VPC is used as it is', () => {
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
