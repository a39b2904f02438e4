import { readFileSync } from 'node:fs';
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
import { sourceFile } from '../built-files';
import { type ProxySettings, proxySetup } from './proxy';

/**
 * The API calls of the ECS agent on a machine. The execution role pulls the image and writes the log.
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

/** The role of every machine of the farm. The firewall of the machine keeps workers from it (see `machineSetup`). */
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
      reason: 'AWS Batch creates and names the ECS cluster.',
    });
  }
}

/** Seconds between SIGTERM and SIGKILL for a container, also if EC2 reclaims the machine. */
const STOP_TIMEOUT_SECONDS = 90;

/** Seconds in which a worker may finish and store its current frame. It needs the other 10 to end and log. */
export const FINISH_SECONDS = STOP_TIMEOUT_SECONDS - 10;

/**
 * User id of workers in their containers. The firewall of the machine recognizes them by it. The image creates this user,
 * who owns `/scratch`.
 */
export const WORKER_UID = 10_001;

/** The watcher writes the Spot notice to this folder of the machine. Containers see the folder, read-only. */
export const HOST_FOLDER = '/run/spotreel';
export const HOST_FOLDER_IN_CONTAINER = '/spotreel/host';
export const SPOT_NOTICE_IN_CONTAINER = `${HOST_FOLDER_IN_CONTAINER}/spot-notice.json`;

/**
 * Folder of the machine in which workers share scenes and their files. Only root can list it, and entries are named by
 * their content (see the worker's `FileCache`). So a scene finds in it only files whose content it knows already.
 */
export const CACHE_FOLDER = '/var/lib/spotreel/cache';
export const CACHE_FOLDER_IN_CONTAINER = '/spotreel/cache';

/**
 * Folder of a machine with GPUs in which the Blenders of one render share compiled kernels (see the worker's
 * `openKernelCache`). Only root can list it.
 */
export const KERNELS_FOLDER = '/var/lib/spotreel/kernels';
export const KERNELS_FOLDER_IN_CONTAINER = '/spotreel/kernels';

/** The only folders, besides the caches, to which a worker can write. */
export const SCRATCH_FOLDER = '/scratch';
export const TMP_FOLDER = '/tmp';

const hostScript = (name: string): string => readFileSync(sourceFile(`lib/host/${name}`), 'utf8');
const WATCHER = hostScript('watch-spot-notice.sh');
const FIREWALL = hostScript('block-metadata.sh');

/**
 * Shell script that a machine runs at its first start, before it accepts a job. If a step fails, the machine takes no job:
 * the script masks the ECS agent and powers the machine off, so Auto Scaling replaces it. The agent starts after user data
 * scripts, because its unit has `After=cloud-final.service`
 * (https://github.com/aws/amazon-ecs-init, packaging/amazon-linux-ami/ecs.service).
 *
 * - It makes the ECS agent and Docker use the proxy, if the farm has one.
 * - It blocks workers from the instance metadata service, from which a scene's script could read the machine's
 *   credentials. A hop limit of 1 is not enough, because AWS Batch runs containers in the host's network
 *   (https://docs.aws.amazon.com/batch/latest/userguide/networking-modes-jobs.html). The watcher and the ECS agent run as
 *   root and keep access. The unit of the agent sets the rule again at each start, so also after a reboot.
 * - It makes the ECS agent accept no tasks while EC2 reclaims the machine, and sets the time between SIGTERM and SIGKILL
 *   (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-config.html).
 * - It creates the folders in which workers share files and GPU kernels. All users can use them, only root can list them. Every hour,
 *   systemd deletes files older than 6 hours (https://www.freedesktop.org/software/systemd/man/latest/tmpfiles.d.html).
 * - It starts the watcher that shows the Spot notice to containers. Draining does not warn jobs of AWS Batch.
 *
 * This follows the documentation; only a real interruption can confirm it.
 */
function machineSetup(proxy: ProxySettings): string {
  return `#!/bin/bash
set -euo pipefail
take_no_job() {
  echo 'spotreel: the setup of this machine failed, so it takes no job' >&2
  systemctl mask ecs.service
  systemctl --no-block stop ecs.service
  systemctl --no-block poweroff
}
trap '[ $? -eq 0 ] || { set +e; take_no_job; }' EXIT

${proxySetup(proxy)}mkdir -p /opt/spotreel /etc/systemd/system/ecs.service.d
cat > /opt/spotreel/block-metadata.sh <<'FIREWALL'
${FIREWALL}FIREWALL
cat > /etc/systemd/system/ecs.service.d/spotreel.conf <<'EOF'
[Service]
ExecStartPre=/bin/sh /opt/spotreel/block-metadata.sh ${WORKER_UID}
EOF
/bin/sh /opt/spotreel/block-metadata.sh ${WORKER_UID}

cat >> /etc/ecs/ecs.config <<'EOF'
ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
ECS_CONTAINER_STOP_TIMEOUT=${STOP_TIMEOUT_SECONDS}s
ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=10m
ECS_IMAGE_PULL_BEHAVIOR=prefer-cached
EOF

mkdir -p ${HOST_FOLDER}
chmod 0755 ${HOST_FOLDER}
mkdir -p ${CACHE_FOLDER} ${KERNELS_FOLDER}
chmod 1733 ${CACHE_FOLDER} ${KERNELS_FOLDER}
mkdir -p /etc/tmpfiles.d /etc/systemd/system/systemd-tmpfiles-clean.timer.d
cat > /etc/tmpfiles.d/spotreel-cache.conf <<'EOF'
d ${CACHE_FOLDER} 1733 root root 6h
d ${KERNELS_FOLDER} 1733 root root 6h
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

export interface MachineTemplateProps extends ProxySettings {
  /** For the system, the image, and the scenes and frames of all slices on the machine. */
  readonly disk: Size;
}

/** Launch template of every machine. AWS Batch adds a part to the user data, so the user data is MIME multipart. */
export class MachineTemplate extends Construct {
  readonly launchTemplate: LaunchTemplate;

  constructor(scope: Construct, id: string, { disk, ...proxy }: MachineTemplateProps) {
    super(scope, id);
    const userData = new MultipartUserData();
    const contentType = 'text/x-shellscript; charset="us-ascii"';
    userData.addPart(MultipartBody.fromRawBody({ contentType, body: machineSetup(proxy) }));
    this.launchTemplate = new LaunchTemplate(this, 'LaunchTemplate', {
      userData,
      httpTokens: LaunchTemplateHttpTokens.REQUIRED,
      httpPutResponseHopLimit: 1,
      blockDevices: [
        {
          // The ECS-optimized Amazon Linux 2023 has one disk, for the system and the containers.
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
