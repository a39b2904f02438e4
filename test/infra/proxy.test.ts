import { execFileSync } from 'node:child_process';
import { proxySetup } from '../../lib/constructs/proxy';
import { allProperties, onlyProperties, synthFarm } from './synth-farm';

const SETTINGS = { proxy: 'http://proxy.example.com:3128', noProxy: ['.s3.eu-north-1.amazonaws.com'] };
const NO_PROXY = '169.254.169.254,169.254.170.2,/var/run/docker.sock,.s3.eu-north-1.amazonaws.com';

const { farmTemplate } = synthFarm({ ...SETTINGS, gpuVcpus: 8 });

test('all workers reach AWS by the proxy, and their credentials without it', () => {
  const definitions = allProperties(farmTemplate, 'AWS::Batch::JobDefinition');
  expect(definitions).toHaveLength(3);
  for (const { properties } of definitions) {
    expect(properties.ContainerProperties.Environment).toEqual(
      expect.arrayContaining([
        { Name: 'HTTPS_PROXY', Value: SETTINGS.proxy },
        { Name: 'NO_PROXY', Value: NO_PROXY },
        { Name: 'NODE_USE_ENV_PROXY', Value: '1' },
      ]),
    );
  }
});

test('machines set up the proxy before everything else', () => {
  const { LaunchTemplateData } = onlyProperties(farmTemplate, 'AWS::EC2::LaunchTemplate');
  const userData: string = LaunchTemplateData.UserData['Fn::Base64'];
  const parts = userData.split(/^--\+AWS\+CDK\+User\+Data\+Separator==/m).slice(1, -1);
  expect(parts).toHaveLength(1);
  const [before, after] = parts[0]!.split(proxySetup(SETTINGS));
  expect(before).toMatch(/^#!\/bin\/bash\nset -euo pipefail\n[^]*\ntrap '.*' EXIT\n\n$/m);
  expect(before).not.toMatch(/^(cat|mkdir)/m);
  expect(after).toContain('block-metadata.sh');
});

test('the ECS agent, its starter and Docker get the same proxy', () => {
  const script = proxySetup(SETTINGS);
  execFileSync('bash', ['-n'], { input: script });
  expect(script).toContain(
    `HTTP_PROXY=${SETTINGS.proxy}\nHTTPS_PROXY=${SETTINGS.proxy}\nNO_PROXY=${NO_PROXY}\nEOF`,
  );
  expect(script).toContain('for service in docker ecs; do');
  expect(script).toContain(`[Service]\nEnvironment="HTTP_PROXY=${SETTINGS.proxy}"`);
});

test('machines without a proxy have no setup for it', () => {
  expect(proxySetup({})).toBe('');
  expect(JSON.stringify(synthFarm().farmTemplate.toJSON())).not.toContain('HTTP_PROXY');
});
