import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { SPOT_NOTICE_IN_CONTAINER, WORKER_UID } from '../../lib/constructs/machines';
import { ROOT } from '../support/source-files';
import { onlyProperties, synthFarm } from './synth-farm';

interface TemplateData {
  readonly MetadataOptions: unknown;
  readonly BlockDeviceMappings: unknown;
  readonly TagSpecifications: ReadonlyArray<{ ResourceType: string; Tags: unknown }>;
  readonly UserData: { readonly 'Fn::Base64': string };
}

const dataOf = (settings: Readonly<Record<string, unknown>>): TemplateData =>
  onlyProperties(synthFarm(settings).farmTemplate, 'AWS::EC2::LaunchTemplate').LaunchTemplateData;
const data = dataOf({ diskGib: 250, farmName: 'studio' });
const userData = data.UserData['Fn::Base64'];

test('machines offer only version 2 of the metadata service, with one hop', () => {
  expect(data.MetadataOptions).toEqual({ HttpTokens: 'required', HttpPutResponseHopLimit: 1 });
});

test('machines have an encrypted gp3 disk of the configured size', () => {
  expect(data.BlockDeviceMappings).toEqual([
    {
      DeviceName: '/dev/xvda',
      Ebs: { DeleteOnTermination: true, Encrypted: true, VolumeSize: 250, VolumeType: 'gp3' },
    },
  ]);
});

test('machines and their disks have the tag of the farm', () => {
  for (const type of ['instance', 'volume']) {
    const { Tags } = data.TagSpecifications.find(({ ResourceType }) => ResourceType === type)!;
    expect(Tags).toContainEqual({ Key: 'spotreel:farm', Value: 'studio' });
  }
});

/** The only part of the MIME archive. */
function script(archive = userData): string {
  const [head = '', part = '', end] = archive.split(/^--\+AWS\+CDK\+User\+Data\+Separator==/m);
  expect(head).toMatch(
    /^Content-Type: multipart\/mixed; boundary="\+AWS\+CDK\+User\+Data\+Separator=="\nMIME-Version: 1\.0\n\n$/,
  );
  expect(end).toMatch(/^--\s*$/);
  const [headers, ...body] = part.split('\n\n');
  expect(headers!.trim()).toBe('Content-Type: text/x-shellscript; charset="us-ascii"');
  return body.join('\n\n');
}

test('the user data of machines is one ASCII shell script as MIME multipart', () => {
  // eslint-disable-next-line no-control-regex
  expect(userData).toMatch(/^[\x09\x0a\x20-\x7e]*$/);
  expect(script()).toMatch(/^#!\/bin\/bash\n/);
  execFileSync('bash', ['-n'], { input: script() });
});

test('the ECS agent drains a reclaimed machine and waits 90 seconds for containers', () => {
  const [, config] = /cat >> \/etc\/ecs\/ecs\.config <<'EOF'\n([^]*?)\nEOF\n/.exec(script())!;
  expect(config!.split('\n')).toEqual(
    expect.arrayContaining(['ECS_ENABLE_SPOT_INSTANCE_DRAINING=true', 'ECS_CONTAINER_STOP_TIMEOUT=90s']),
  );
});

describe('the setup script', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'spotreel-user-data-'));
    mkdirSync(join(folder, 'etc/ecs'), { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Commands of the machine, which these tests replace by stubs. */
  const STUBS = ['iptables', 'systemctl'];

  /** A stub that notes its call and fails if `fails` matches the call. */
  const stub = (fails: string) =>
    `#!/bin/bash\necho "\${0##*/} $*" >> ${folder}/calls\n[[ "\${0##*/} $*" != ${fails} ]]\n`;

  /** Runs a script with another root. `fails` is a pattern of bash for calls that fail. */
  function setUp(fails = "''", setup = script()): { status: number | null; calls: string[]; errors: string } {
    mkdirSync(join(folder, 'bin'));
    for (const name of STUBS) writeFileSync(join(folder, 'bin', name), stub(fails), { mode: 0o755 });
    const moved = setup.replaceAll(/(?<=[\s=-])\/(etc|opt|run|var)\//g, `${folder}/$1/`);
    const { status, stderr } = spawnSync('bash', [], {
      input: moved,
      env: { PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
    });
    const calls = readFileSync(join(folder, 'calls'), 'utf8').trimEnd().split('\n');
    return { status, calls, errors: String(stderr) };
  }

  const text = (path: string) => readFileSync(join(folder, path), 'utf8');
  const RULE = `OUTPUT --destination 169.254.169.254/32 --match owner --uid-owner ${WORKER_UID} --jump REJECT`;
  const TAKES_NO_JOB = [
    'systemctl mask ecs.service',
    'systemctl --no-block stop ecs.service',
    'systemctl --no-block poweroff',
  ];

  test('blocks the user of the worker from the metadata service before all else', () => {
    const { calls, status } = setUp("'iptables '*' --check '*");
    expect(status).toBe(0);
    expect(calls.slice(0, 2)).toEqual([
      `iptables --wait 30 --check ${RULE}`,
      `iptables --wait 30 --insert ${RULE}`,
    ]);
    expect(calls).not.toEqual(expect.arrayContaining([TAKES_NO_JOB[0]]));
  });

  test('adds the rule of the firewall only once', () => {
    expect(setUp().calls.filter((call) => call.startsWith('iptables'))).toEqual([
      `iptables --wait 30 --check ${RULE}`,
    ]);
  });

  test('makes the ECS agent set the rule again whenever it starts', () => {
    setUp();
    expect(text('etc/systemd/system/ecs.service.d/spotreel.conf')).toBe(
      `[Service]\nExecStartPre=/bin/sh ${folder}/opt/spotreel/block-metadata.sh ${WORKER_UID}\n`,
    );
    expect(text('opt/spotreel/block-metadata.sh')).toBe(
      readFileSync(join(ROOT, 'lib/host/block-metadata.sh'), 'utf8'),
    );
  });

  test.each([
    ['the firewall', "'iptables '*"],
    ['the reload of systemd', "'systemctl daemon-reload'"],
    ['the start of the watcher', "'systemctl enable '*"],
  ])('keeps the machine from taking a job if %s fails', (_, fails) => {
    const { status, calls, errors } = setUp(fails);
    expect(status).not.toBe(0);
    expect(calls.slice(-3)).toEqual(TAKES_NO_JOB);
    expect(errors).toContain('spotreel: the setup of this machine failed, so it takes no job');
  });

  test('keeps the machine from taking a job if a file cannot be written', () => {
    rmSync(join(folder, 'etc/ecs'), { recursive: true });
    const { status, calls } = setUp();
    expect(status).not.toBe(0);
    expect(calls.slice(-3)).toEqual(TAKES_NO_JOB);
  });

  test('keeps the machine from taking a job if Docker does not restart with the proxy', () => {
    const { UserData } = dataOf({ proxy: 'http://proxy.example.com:3128' });
    const { status, calls } = setUp("'systemctl try-restart docker.service'", script(UserData['Fn::Base64']));
    expect(status).not.toBe(0);
    expect(calls.slice(-4)).toEqual(['systemctl try-restart docker.service', ...TAKES_NO_JOB]);
  });

  test('powers the machine off even if the agent cannot be masked', () => {
    expect(setUp("@('iptables '*|'systemctl mask '*)").calls.slice(-3)).toEqual(TAKES_NO_JOB);
  });

  test('makes the watcher and its systemd unit', () => {
    setUp();
    expect(text('opt/spotreel/watch-spot-notice.sh')).toBe(
      readFileSync(join(ROOT, 'lib/host/watch-spot-notice.sh'), 'utf8').replaceAll(
        '/run/spotreel',
        `${folder}/run/spotreel`,
      ),
    );
    expect(text('etc/systemd/system/spotreel-spot-notice.service')).toContain(
      `ExecStart=/bin/sh ${folder}/opt/spotreel/watch-spot-notice.sh\n`,
    );
  });

  test.each(['cache', 'kernels'])(
    'makes a folder %s that workers cannot list and systemd empties',
    (name) => {
      setUp();
      expect(statSync(join(folder, 'var/lib/spotreel', name)).mode & 0o7777).toBe(0o1733);
      expect(text('etc/tmpfiles.d/spotreel-cache.conf').split('\n')).toContain(
        `d ${folder}/var/lib/spotreel/${name} 1733 root root 6h`,
      );
    },
  );
});

describe('the watcher of Spot notices', () => {
  const NOTICE = '{"action": "terminate", "time": "2026-11-22T18:00:00Z"}';
  let server: Server;
  let folder: string;
  let notice: string | undefined;
  const asked: string[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spotreel-watcher-'));
    notice = undefined;
    asked.length = 0;
    server = createServer((request, response) => {
      const { method, url, headers } = request;
      asked.push(`${method} ${url}`);
      if (
        method === 'PUT' &&
        url === '/latest/api/token' &&
        headers['x-aws-ec2-metadata-token-ttl-seconds']
      ) {
        response.end('secret');
      } else if (headers['x-aws-ec2-metadata-token'] !== 'secret') {
        response.writeHead(401).end();
      } else if (url === '/latest/meta-data/spot/instance-action' && notice !== undefined) {
        response.end(notice);
      } else {
        response.writeHead(404).end('<html>no notice</html>');
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  function port(): number {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    return address.port;
  }

  async function whileWatching(work: () => Promise<void>): Promise<void> {
    const watcher = spawn('/bin/sh', [join(ROOT, 'lib/host/watch-spot-notice.sh')], {
      stdio: 'ignore',
      env: {
        PATH: process.env.PATH,
        SPOTREEL_METADATA: `http://127.0.0.1:${port()}`,
        SPOTREEL_HOST_FOLDER: folder,
        SPOTREEL_SECONDS: '0.05',
      },
    });
    const ended = new Promise((resolve) => watcher.once('close', resolve));
    try {
      await work();
    } finally {
      watcher.kill('SIGKILL');
      await ended;
    }
  }

  async function until(condition: () => boolean): Promise<void> {
    const giveUp = Date.now() + 20_000;
    while (!condition()) {
      if (Date.now() > giveUp)
        throw new Error(`timed out waiting for ${condition.toString()} after ${asked.length} requests`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  test('writes nothing without a notice and keeps asking', async () => {
    await whileWatching(async () => {
      await until(() => asked.filter((line) => line.startsWith('GET')).length > 3);
      expect(readdirSync(folder)).toEqual([]);
    });
  });

  test('writes the whole notice unchanged where all users can read it', async () => {
    await whileWatching(async () => {
      await until(() => asked.length > 2);
      notice = NOTICE;
      await until(() => readdirSync(folder).includes(basename(SPOT_NOTICE_IN_CONTAINER)));
      expect(readFileSync(join(folder, basename(SPOT_NOTICE_IN_CONTAINER)), 'utf8')).toBe(NOTICE);
    });
  });

  test('continues after the metadata service was unreachable', async () => {
    await whileWatching(async () => {
      await until(() => asked.length > 2);
      const samePort = port();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await new Promise((resolve) => setTimeout(resolve, 300));
      notice = NOTICE;
      await new Promise<void>((resolve) => server.listen(samePort, '127.0.0.1', resolve));
      await until(() => readdirSync(folder).includes(basename(SPOT_NOTICE_IN_CONTAINER)));
    });
    expect(readFileSync(join(folder, basename(SPOT_NOTICE_IN_CONTAINER)), 'utf8')).toBe(NOTICE);
  });
});
