import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { STOP_TIMEOUT_SECONDS } from './stop-time';
import { CACHE_FOLDER, HOST_FOLDER, WORKER_UID } from './worker-user';

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
export function machineSetup(): string {
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
