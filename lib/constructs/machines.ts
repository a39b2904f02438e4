import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Size, Validations } from 'aws-cdk-lib';
import {
  BlockDeviceVolume,
  EbsDeviceVolumeType,
  LaunchTemplate,
  LaunchTemplateHttpTokens,
  MultipartBody,
  MultipartUserData,
} from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

/**
 * What the ECS agent on a machine calls, and no more. Pulling the image and writing logs are the execution role's.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/instance_IAM_role.html
 */
const AGENT_CALLS = [
  'ecs:DeregisterContainerInstance',
  'ecs:DiscoverPollEndpoint',
  'ecs:Poll',
  'ecs:RegisterContainerInstance',
  'ecs:StartTelemetrySession',
  'ecs:SubmitAttachmentStateChanges',
  'ecs:SubmitContainerStateChange',
  'ecs:SubmitTaskStateChange',
  'ecs:UpdateContainerInstancesState',
];

/** The role of every machine of the farm. Workers don't get at it, see `machine-setup.ts`. */
export class MachineRole extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
      description: 'Render machines: their ECS agent',
    });
    this.role.addToPolicy(new PolicyStatement({ actions: AGENT_CALLS, resources: ['*'] }));
    this.role.addToPolicy(
      new PolicyStatement({
        actions: ['ecs:TagResource'],
        resources: ['*'],
        conditions: { StringEquals: { 'ecs:CreateAction': ['RegisterContainerInstance'] } },
      }),
    );
    Validations.of(this.role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'AWS Batch makes the ECS cluster itself and names it when the environment is created.',
    });
  }
}

/** Seconds that a machine gives a container between SIGTERM and SIGKILL, also when EC2 takes the machine back. */
const STOP_TIMEOUT_SECONDS = 90;

/** Seconds of these in which a worker may finish and store the frame in flight; the rest is for its last words. */
export const FINISH_SECONDS = STOP_TIMEOUT_SECONDS - 10;

/**
 * The user that workers run as in their containers, by number, because that is what the host's firewall knows them by.
 * The image makes a user of this number and hands it `/scratch`.
 */
export const WORKER_UID = 10_001;

/** The folder of the machine in which its watcher puts the Spot notice, and where containers see it, read-only. */
export const HOST_FOLDER = '/run/spotreel';
export const HOST_FOLDER_IN_CONTAINER = '/spotreel/host';
export const SPOT_NOTICE_IN_CONTAINER = `${HOST_FOLDER_IN_CONTAINER}/spot-notice.json`;

/**
 * The folder of the machine in which workers share scenes and their files. Nobody but root can list it, and entries are
 * named by what they hold (see the worker's `FileCache`), so that a scene finds in it only what it knows already.
 */
export const CACHE_FOLDER = '/var/lib/spotreel/cache';
export const CACHE_FOLDER_IN_CONTAINER = '/spotreel/cache';

/** The only places where a worker can write, besides the cache. */
export const SCRATCH_FOLDER = '/scratch';
export const TMP_FOLDER = '/tmp';

const WATCHER = readFileSync(join(__dirname, '../host/watch-spot-notice.sh'), 'utf8');

/**
 * What a machine does when it first starts, before it takes any job, as a shell script:
 *
 * - it keeps workers from the instance metadata service. AWS Batch runs containers in the host's network
 *   (https://docs.aws.amazon.com/batch/latest/userguide/networking-modes-jobs.html), so a hop limit of 1 does not, and a
 *   scene's script could take the machine's credentials. The watcher and the ECS agent run as root and are let through;
 * - it lets the ECS agent take no more tasks once the machine is being reclaimed, and gives containers some time
 *   between SIGTERM and SIGKILL
 *   (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-config.html);
 * - it makes the folder that workers share files in, which anyone may use and nobody list, and has what is older than 6
 *   hours taken away every hour (https://www.freedesktop.org/software/systemd/man/latest/tmpfiles.d.html);
 * - it starts the watcher that shows containers the Spot notice. Draining warns no job of AWS Batch.
 *
 * By the documentation; only a real interruption proves it.
 */
function machineSetup(): string {
  return `#!/bin/bash
iptables --insert OUTPUT --destination 169.254.169.254/32 --match owner --uid-owner ${WORKER_UID} --jump REJECT

cat >> /etc/ecs/ecs.config <<'EOF'
ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
ECS_CONTAINER_STOP_TIMEOUT=${STOP_TIMEOUT_SECONDS}s
ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=10m
ECS_IMAGE_PULL_BEHAVIOR=prefer-cached
EOF

mkdir -p ${HOST_FOLDER} /opt/spotreel
chmod 0755 ${HOST_FOLDER}
mkdir -p ${CACHE_FOLDER}
chmod 1733 ${CACHE_FOLDER}
mkdir -p /etc/tmpfiles.d /etc/systemd/system/systemd-tmpfiles-clean.timer.d
cat > /etc/tmpfiles.d/spotreel-cache.conf <<'EOF'
d ${CACHE_FOLDER} 1733 root root 6h
EOF
cat > /etc/systemd/system/systemd-tmpfiles-clean.timer.d/spotreel.conf <<'EOF'
[Timer]
OnUnitActiveSec=1h
EOF

cat > /opt/spotreel/watch-spot-notice.sh <<'WATCHER'
${WATCHER}WATCHER
cat > /etc/systemd/system/spotreel-spot-notice.service <<'EOF'
[Unit]
Description=Shows containers the Spot notice of this machine

[Service]
ExecStart=/bin/sh /opt/spotreel/watch-spot-notice.sh
Restart=always

[Install]
WantedBy=multi-user.target
EOF
systemctl daemon-reload
systemctl try-restart systemd-tmpfiles-clean.timer
systemctl enable --now --no-block spotreel-spot-notice.service
`;
}

export interface MachineTemplateProps {
  /** Disk of one machine: system, image, and the scenes and frames of all slices that run on it. */
  readonly disk: Size;
}

/** How every machine of the farm starts. AWS Batch adds its own part to the user data, so ours is a MIME multipart too. */
export class MachineTemplate extends Construct {
  readonly launchTemplate: LaunchTemplate;

  constructor(scope: Construct, id: string, { disk }: MachineTemplateProps) {
    super(scope, id);
    const userData = new MultipartUserData();
    userData.addPart(
      MultipartBody.fromRawBody({
        contentType: 'text/x-shellscript; charset="us-ascii"',
        body: machineSetup(),
      }),
    );
    this.launchTemplate = new LaunchTemplate(this, 'LaunchTemplate', {
      userData,
      httpTokens: LaunchTemplateHttpTokens.REQUIRED,
      httpPutResponseHopLimit: 1,
      blockDevices: [
        {
          // The only disk of the ECS-optimized Amazon Linux 2023: system and containers share it.
          deviceName: '/dev/xvda',
          volume: BlockDeviceVolume.ebs(disk.toGibibytes(), {
            volumeType: EbsDeviceVolumeType.GP3,
            encrypted: true,
            deleteOnTermination: true,
          }),
        },
      ],
    });
  }
}
