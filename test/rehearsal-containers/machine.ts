import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Docker, DockerResult } from './docker';
import { standInBase } from './stand-in-base';

/** The address of the instance metadata service. */
export const METADATA = 'http://169.254.169.254';

/** The folder in the machine whose files the stand-in of the metadata service answers with. */
const ANSWERS = '/metadata';

/** The stand-in of the ECS agent makes this file when it starts. */
const AGENT_STARTED = '/var/log/ecs-agent-started';

/** Stand-in of the instance metadata service, version 2. */
const METADATA_SERVICE = `
const { existsSync, readFileSync } = require('node:fs');
require('node:http').createServer(({ method, url, headers }, answer) => {
  if (method === 'PUT' && url === '/latest/api/token') return answer.end('secret');
  if (headers['x-aws-ec2-metadata-token'] !== 'secret') return answer.writeHead(401).end();
  const file = '${ANSWERS}/' + url.slice(1).replaceAll('/', '_');
  if (!existsSync(file)) return answer.writeHead(404).end('<html>nothing</html>');
  answer.end(readFileSync(file));
}).listen(80, '169.254.169.254');
`;

/**
 * Units in place of those of the ECS-optimized Amazon Linux 2023: cloud-init runs the user data once,
 * before the ECS agent starts
 * (https://github.com/aws/amazon-ecs-agent/blob/master/ecs-init/packaging/amazon-linux-ami-integrated/ecs.service).
 */
const UNITS: Readonly<Record<string, string>> = {
  'metadata-stand-in.service': `[Service]
ExecStartPre=ip link set lo up
ExecStartPre=ip address add 169.254.169.254/32 dev lo
ExecStart=/usr/local/bin/node /opt/metadata-service.js
[Install]
WantedBy=multi-user.target
`,
  'cloud-final.service': `[Unit]
After=metadata-stand-in.service
ConditionPathExists=!/var/lib/user-data-ran
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStartPre=/bin/touch /var/lib/user-data-ran
ExecStart=/opt/user-data
[Install]
WantedBy=multi-user.target
`,
  'ecs.service': `[Unit]
After=cloud-final.service
[Service]
EnvironmentFile=-/etc/ecs/ecs.config
ExecStart=/bin/sh -c 'touch ${AGENT_STARTED}; exec sleep infinity'
Restart=on-failure
[Install]
WantedBy=multi-user.target
`,
};

const DOCKERFILE = `ARG BASE_IMAGE
FROM \${BASE_IMAGE}
RUN apt-get update \\
 && apt-get install --yes --no-install-recommends systemd systemd-sysv iptables iproute2 curl \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt
COPY *.service /usr/lib/systemd/system/
COPY metadata-service.js /opt/
RUN mkdir /etc/ecs ${ANSWERS} && systemctl enable ${Object.keys(UNITS).join(' ')}
ENV container=docker
STOPSIGNAL SIGRTMIN+3
CMD ["/sbin/init"]
`;

/** The image of a machine: systemd, and stand-ins of the ECS agent, of cloud-init and of the metadata service. Gives its name. */
export async function machineImage(docker: Docker): Promise<string> {
  const name = 'spotreel-rehearsal/machine';
  const context = mkdtempSync(join(tmpdir(), 'spotreel-machine-image-'));
  try {
    const files = { ...UNITS, 'metadata-service.js': METADATA_SERVICE, Dockerfile: DOCKERFILE };
    for (const [file, text] of Object.entries(files)) writeFileSync(join(context, file), text);
    const base = ['--build-arg', `BASE_IMAGE=${await standInBase(docker, 'bookworm')}`];
    await docker.run('build', '--force-rm', '--network', 'host', '--tag', name, ...base, context);
    return name;
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** A machine of the farm as a container of its own network, in which systemd is the first process. */
export class Machine {
  private constructor(
    private readonly docker: Docker,
    private readonly name: string,
    private readonly folder: string,
  ) {}

  /**
   * Boots it with a script as user data, until all its units have started or it has powered off. `shown`: path here → path in
   * the machine, read-only.
   */
  static async boot(
    docker: Docker,
    image: string,
    userData: string,
    shown: Readonly<Record<string, string>> = {},
  ): Promise<Machine> {
    const folder = mkdtempSync(join(tmpdir(), 'spotreel-user-data-'));
    const script = join(folder, 'user-data');
    writeFileSync(script, userData, { mode: 0o755 });
    const machine = new Machine(docker, `spotreel-machine-${randomUUID()}`, folder);
    const files = Object.entries({ [script]: '/opt/user-data', ...shown });
    await docker.run(
      ...['run', '--detach', '--name', machine.name, '--network', 'none'],
      // For systemd. `--privileged` would need every capability, and some machines do not have all of them.
      ...['--cap-add', 'SYS_ADMIN', '--cap-add', 'NET_ADMIN'],
      ...['--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined'],
      ...['--cgroupns', 'host', '--volume', '/sys/fs/cgroup:/sys/fs/cgroup'],
      ...['--tmpfs', '/run', '--tmpfs', '/tmp'],
      ...files.flatMap(([here, there]) => ['--volume', `${here}:${there}:ro`]),
      image,
    );
    await machine.booted();
    return machine;
  }

  /** Boots it again, without user data, as EC2 does. */
  async reboot(): Promise<void> {
    await this.docker.run('restart', this.name);
    await this.booted();
  }

  /** Whether the ECS agent has ever started, also on a machine that is off. */
  async agentHasStarted(): Promise<boolean> {
    const changes = await this.docker.run('diff', this.name);
    return changes.split('\n').includes(`A ${AGENT_STARTED}`);
  }

  /** Runs a program in the machine, by default as root. */
  async try(args: readonly string[], user = '0'): Promise<DockerResult> {
    return this.docker.try(['exec', '--user', user, this.name, ...args]);
  }

  /** The same, without its last line end. Throws if the program fails. */
  async run(...args: string[]): Promise<string> {
    return this.docker.run('exec', this.name, ...args);
  }

  /** Waits until a program succeeds in the machine, at most a minute. Gives its output. */
  async until(...args: string[]): Promise<string> {
    const giveUp = Date.now() + 60_000;
    for (;;) {
      const { exitCode, stdout } = await this.try(args);
      if (exitCode === 0) return stdout.trim();
      if (Date.now() > giveUp) {
        const units = await this.try(['systemctl', '--no-pager', '--failed']);
        throw new Error(`timed out waiting for ${args.join(' ')}: ${stdout}${units.stdout}${units.stderr}`);
      }
      await sleep(200);
    }
  }

  /** Makes the metadata service answer at a path. */
  async answer(path: string, content: string): Promise<void> {
    const file = `${ANSWERS}/${path.slice(1).replaceAll('/', '_')}`;
    await this.run('sh', '-c', 'printf %s "$1" > "$2"', 'sh', content, file);
  }

  async stop(): Promise<void> {
    await this.docker.try(['rm', '--force', '--volumes', this.name]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async booted(): Promise<void> {
    const giveUp = Date.now() + 60_000;
    while (Date.now() < giveUp) {
      const { stdout } = await this.try(['systemctl', 'is-system-running']);
      if (['running', 'degraded'].includes(stdout.trim())) return;
      const running = await this.docker.run('inspect', '--format', '{{.State.Running}}', this.name);
      if (running === 'false') return;
      await sleep(200);
    }
    throw new Error(`timed out waiting for the machine to boot: ${await this.docker.run('logs', this.name)}`);
  }
}
