import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { sandboxed } from '../../container/worker/programs';
import {
  abiEnvironment,
  asUser,
  copyOf,
  folderOf,
  SANDBOX_USERS,
  USERS_AND_ABIS,
} from '../support/sandbox-users';
import { useScratchFolder } from '../support/scratch-folder';

jest.setTimeout(120_000);

const at = useScratchFolder();

/** What the system answers to each deed of `deeds.py` in the sandbox, whatever the user and the Landlock ABI. */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  done: [
    'change files inside',
    'open a file with a mode but without O_CREAT',
    'read /etc/passwd',
    'open /dev/null',
    'open /dev/zero',
    'open /dev/full',
    'open /dev/random',
    'open /dev/urandom',
    'make a file in /dev/shm',
    'stream socket pair',
    'signal itself',
    'change its own priority',
    'change its own affinity',
    'change its own limits',
    'start a program',
    // ADR 11 lists these three under "What remains".
    'flock',
    'read cmdline of the starter',
    'list the descriptors of the starter',
  ],
  EBADF: ['use an inherited file'],
  EXDEV: ['hard link into the folder'],
  ESRCH: ['tgkill a thread of the starter by its own id'],
  EACCES: [
    'write a new file',
    'make a folder',
    'make a link',
    'make a FIFO',
    'open to write',
    'truncate',
    'open read-only and truncate',
    'open without access and truncate',
    'open without access',
    'rename into the folder',
    'unlink',
    'write /proc/sys',
    'open /dev/tty',
    'write to another terminal',
    'read another terminal',
    'open /dev/ptmx',
    'open /dev/kmsg',
    'open any other device',
    ...['UNIX', 'INET', 'INET6', 'NETLINK', 'ALG', 'VSOCK'].map((family) => `AF_${family} socket`),
    'packet socket pair',
    'name a socket of a pair',
    'datagram to a path',
    'datagram to an abstract socket',
    'file by datagram',
    'read environ of the starter',
    'read mem of the starter',
    'read maps of the starter',
    'see an open file of the starter',
    'open an open file of the starter',
    'see the folder of the starter',
    'write oom_score_adj of the starter',
    'write its own oom_score_adj',
    'read environ of process 1',
  ],
  ENOTTY: [
    'set file flags',
    'set extended file flags',
    'type into the inherited terminal',
    'set up the inherited terminal',
    'be signalled by the inherited terminal',
    'signal the starter by FIOSETOWN',
    'signal the starter by SIOCSPGRP',
  ],
  EPERM: [
    'chmod',
    'chmod by descriptor',
    'make a file with set-user-id',
    'make a node with set-user-id',
    'chown',
    'utime',
    'utime by descriptor',
    'lease',
    'signal the starter',
    'signal its group',
    'signal everything',
    'tgkill the starter',
    'sigqueue the starter',
    'tgsigqueue the starter',
    'signal the starter by F_SETOWN',
    'signal the starter by F_SETOWN_EX',
    'choose a signal by F_SETSIG',
    'change the priority of the starter',
    'change the priority of its user',
    'change the affinity of the starter',
    'change the scheduler of the starter',
    'change the scheduling of the starter',
    'set attributes of the starter',
    'change the I/O priority of the starter',
    'change the limits of the starter',
    'share the core of the starter',
    'clone a user namespace',
    'change its personality',
    ...words('fchmod fchmodat fchmodat2 fchown fchownat utimensat'),
    ...words('setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat'),
    ...words('name_to_handle_at open_by_handle_at tkill pidfd_open pidfd_getfd pidfd_send_signal'),
    ...words('ptrace process_vm_readv process_vm_writev kcmp process_madvise process_mrelease'),
    ...words('migrate_pages move_pages unshare setns mount umount2 pivot_root chroot'),
    ...words('open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr'),
    ...words(
      'shmget shmat shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl mq_open mq_unlink',
    ),
    ...words('add_key request_key keyctl bpf perf_event_open userfaultfd fanotify_init'),
    ...words('init_module finit_module delete_module kexec_load kexec_file_load'),
    ...words('reboot swapon swapoff acct quotactl quotactl_fd syslog'),
    ...words('settimeofday clock_settime adjtimex clock_adjtime sethostname setdomainname'),
    ...words('iopl ioperm modify_ldt'),
  ],
  ENOSYS: [
    ...words('openat2 clone3 io_uring_setup io_uring_enter io_uring_register memfd_secret open_tree_attr'),
    'a call of a newer kernel',
  ],
};

/** Deeds that depend on the kernel's configuration or the machine: they may fail without a sandbox, too. */
const UNSURE = [
  /^(write \/proc\/sys|open \/dev\/kmsg|read environ of process 1)$/,
  /^AF_(INET6|ALG|VSOCK) socket$/,
  /file flags$|^type into the|^(share the core|set attributes) |^clone a user namespace$/,
  /^tgkill a thread/,
];

function words(text: string): string[] {
  return text.split(' ');
}

interface Outcome {
  readonly status: number;
  readonly answers: Readonly<Record<string, string>>;
  readonly unharmed: boolean;
  readonly harm: unknown;
}

/** Starts `deeds.py` as this user, below a starter of the same user. */
function tryDeeds(user: number, abi: number | undefined, environment: NodeJS.ProcessEnv = {}): Outcome {
  chmodSync(at(), 0o755);
  const [inside, outside] = [folderOf(user, at('inside')), folderOf(user, at('outside'))];
  const script = copyOf('container/worker/sandbox.pl', at());
  const python = '/usr/bin/python3';
  const deeds = [python, copyOf('test/fixtures/attack/deeds.py', at())];
  const command = sandboxed(
    deeds,
    { write: [inside] },
    { ...process.env, ...environment, ...abiEnvironment(abi) },
  );
  const started = command.map((word) => (word.endsWith('/sandbox.pl') ? script : word));
  const starter = copyOf('test/fixtures/attack/starter.py', at());
  const [program = '', ...args] = asUser(user, [python, starter, inside, outside, ...started]);
  const isSandboxed = environment.SPOTREEL_SANDBOX !== 'off';
  const env = { PATH: process.env.PATH, ABI: String(abi), ...(isSandboxed && { CALLS: '1' }) };
  return JSON.parse(execFileSync(program, args, { cwd: '/', encoding: 'utf8', env }));
}

const expected = Object.fromEntries(
  Object.entries(ANSWERS).flatMap(([answer, deeds]) => deeds.map((deed) => [deed, answer])),
);

test.each(USERS_AND_ABIS)(
  'the sandbox answers every deed of uid $user under Landlock ABI $of',
  ({ user, abi }) => {
    const { status, answers, unharmed, harm } = tryDeeds(user, abi);
    expect(answers).toEqual(expected);
    expect({ status, unharmed, harm }).toMatchObject({ status: 0, unharmed: true });
  },
);

test('without a sandbox the same deeds succeed', () => {
  const { answers, unharmed } = tryDeeds(SANDBOX_USERS.at(-1)!, undefined, { SPOTREEL_SANDBOX: 'off' });
  const failed = Object.keys(answers).filter(
    (deed) =>
      answers[deed] !== 'done' && expected[deed] !== 'done' && !UNSURE.some((pattern) => pattern.test(deed)),
  );
  expect(failed).toEqual([]);
  expect(unharmed).toBe(false);
});
