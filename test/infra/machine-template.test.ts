import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
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

const { farmTemplate } = synthFarm({ diskGib: 250, farmName: 'studio' });
const data: TemplateData = onlyProperties(farmTemplate, 'AWS::EC2::LaunchTemplate').LaunchTemplateData;
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
function script(): string {
  const [head = '', part = '', end] = userData.split(/^--\+AWS\+CDK\+User\+Data\+Separator==/m);
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

test('the firewall of machines blocks the user of the worker from the metadata service', () => {
  expect(script()).toContain(
    `iptables --insert OUTPUT --destination 169.254.169.254/32 --match owner --uid-owner ${WORKER_UID} --jump REJECT`,
  );
});

test('the setup script makes the watcher, its systemd unit and a cache that workers cannot list', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spotreel-user-data-'));
  try {
    // The same script with another root, without commands that need a machine of the farm.
    const moved = script()
      .replace(/^iptables .*$|^systemctl .*$/gm, '')
      .replaceAll(/(?<=[\s=-])\/(etc|opt|run|var)\//g, `${folder}/$1/`);
    execFileSync('mkdir', ['-p', join(folder, 'etc/ecs'), join(folder, 'etc/systemd/system')]);
    execFileSync('bash', ['-eu'], { input: moved });
    expect(readFileSync(join(folder, 'opt/spotreel/watch-spot-notice.sh'), 'utf8')).toBe(
      readFileSync(join(ROOT, 'lib/host/watch-spot-notice.sh'), 'utf8').replaceAll(
        '/run/spotreel',
        `${folder}/run/spotreel`,
      ),
    );
    const unit = readFileSync(join(folder, 'etc/systemd/system/spotreel-spot-notice.service'), 'utf8');
    expect(unit).toContain(`ExecStart=/bin/sh ${folder}/opt/spotreel/watch-spot-notice.sh\n`);
    expect(statSync(join(folder, 'var/lib/spotreel/cache')).mode & 0o7777).toBe(0o1733);
    expect(readFileSync(join(folder, 'etc/tmpfiles.d/spotreel-cache.conf'), 'utf8')).toBe(
      `d ${folder}/var/lib/spotreel/cache 1733 root root 6h\n`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
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
