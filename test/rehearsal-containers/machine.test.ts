import { CACHE_FOLDER, HOST_FOLDER, WORKER_UID } from '../../lib/constructs/machines';
import { onlyProperties, synthFarm } from '../infra/synth-farm';
import { Docker } from './docker';
import { Machine, machineImage, METADATA } from './machine';

// A minute on a machine that has not built the image yet.
jest.setTimeout(600_000);

/** The shell script in the user data of the farm's machines. */
function userData(): string {
  const { farmTemplate } = synthFarm();
  const data = onlyProperties(farmTemplate, 'AWS::EC2::LaunchTemplate').LaunchTemplateData;
  const [, part = ''] = String(data.UserData['Fn::Base64']).split(/^--\+AWS\+CDK\+User\+Data\+Separator==/m);
  return part.split('\n\n').slice(1).join('\n\n');
}

let docker: Docker;
let image: string;
beforeAll(async () => {
  docker = await Docker.start();
  image = await machineImage(docker);
});
afterAll(() => docker?.stop());

const TOKEN = ['curl', '--fail', '--silent', '--request', 'PUT', `${METADATA}/latest/api/token`];
/** curl could not connect. */
const REFUSED = { exitCode: 7, stdout: '' };

describe('the user data of a machine, run by systemd', () => {
  let machine: Machine;
  beforeAll(async () => (machine = await Machine.boot(docker, image, userData())));
  afterAll(() => machine?.stop());

  test('no unit fails and the ECS agent starts', async () => {
    expect(await machine.run('systemctl', '--failed', '--plain', '--no-legend')).toBe('');
    expect(await machine.run('systemctl', 'is-active', 'ecs.service')).toBe('active');
    expect(await machine.agentHasStarted()).toBe(true);
  });

  test('the ECS agent starts with the settings of the farm', async () => {
    const pid = await machine.run('systemctl', 'show', '--property', 'MainPID', '--value', 'ecs.service');
    const environment = await machine.run('cat', `/proc/${pid}/environ`);
    expect(environment.split('\0')).toEqual(
      expect.arrayContaining(['ECS_ENABLE_SPOT_INSTANCE_DRAINING=true', 'ECS_CONTAINER_STOP_TIMEOUT=90s']),
    );
  });

  test('the firewall refuses the metadata service to the user of the worker', async () => {
    expect(await machine.try(TOKEN, `${WORKER_UID}:${WORKER_UID}`)).toMatchObject(REFUSED);
  });

  test('the firewall leaves the metadata service to root', async () => {
    expect(await machine.run(...TOKEN)).toBe('secret');
  });

  test('the watcher shows a Spot notice to the worker', async () => {
    const notice = '{"action": "terminate", "time": "2026-11-22T18:00:00Z"}';
    await machine.answer('/latest/meta-data/spot/instance-action', notice);
    const file = `${HOST_FOLDER}/spot-notice.json`;
    await machine.until('test', '-e', file);
    const { stdout } = await machine.try(['cat', file], String(WORKER_UID));
    expect(stdout).toBe(notice);
  });

  test('systemd starts the watcher again after it was killed', async () => {
    const unit = 'spotreel-spot-notice.service';
    await machine.run('systemctl', 'kill', '--signal', 'KILL', unit);
    await machine.until('sh', '-c', `[ "$(systemctl show --property NRestarts --value ${unit})" -ge 1 ]`);
    expect(await machine.until('systemctl', 'is-active', unit)).toBe('active');
  });

  test('the worker can use the cache but not list it', async () => {
    const asWorker = (command: string) => machine.try(['sh', '-c', command], String(WORKER_UID));
    expect(await asWorker(`echo x > ${CACHE_FOLDER}/entry && cat ${CACHE_FOLDER}/entry`)).toMatchObject({
      exitCode: 0,
      stdout: 'x\n',
    });
    expect((await asWorker(`ls ${CACHE_FOLDER}`)).exitCode).not.toBe(0);
  });

  test('systemd-tmpfiles runs every hour', async () => {
    const timer = ['show', 'systemd-tmpfiles-clean.timer', '--property', 'TimersMonotonic,ActiveState'];
    const shown = await machine.run('systemctl', ...timer);
    expect(shown).toMatch(/OnUnitActiveUSec=1h /);
    expect(shown).toMatch(/^ActiveState=active$/m);
  });

  test('systemd-tmpfiles deletes old entries of the cache and keeps the cache', async () => {
    const rule = '/etc/tmpfiles.d/spotreel-cache.conf';
    const clean = ['systemd-tmpfiles', '--clean'];
    await machine.run('sh', '-c', `echo x > ${CACHE_FOLDER}/entry`);
    await machine.run(...clean, rule);
    await machine.run('test', '-e', `${CACHE_FOLDER}/entry`);
    // The time of a file's last status change cannot be set, so the rule's age is shortened.
    await machine.run('sh', '-c', `sed 's/6h$/1s/' ${rule} > /tmp/soon.conf`);
    await machine.until('sh', '-c', `${clean.join(' ')} /tmp/soon.conf && ! test -e ${CACHE_FOLDER}/entry`);
    expect(await machine.run('stat', '--format', '%a %U', CACHE_FOLDER)).toBe('1733 root');
  });

  test('the firewall refuses the metadata service to the worker after a reboot', async () => {
    await machine.reboot();
    // The rule was lost with the kernel's memory.
    await machine.until('systemctl', 'is-active', 'ecs.service');
    expect(await machine.try(TOKEN, String(WORKER_UID))).toMatchObject(REFUSED);
    expect(await machine.run(...TOKEN)).toBe('secret');
  });
});

test('a machine whose firewall rule fails takes no job', async () => {
  // iptables ends with 1.
  const machine = await Machine.boot(docker, image, userData(), { '/bin/false': '/usr/sbin/iptables' });
  try {
    expect(await machine.agentHasStarted()).toBe(false);
  } finally {
    await machine.stop();
  }
});
