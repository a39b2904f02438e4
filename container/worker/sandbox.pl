#!/usr/bin/perl
# Starts a program that can write only below the given folders, has no network and cannot touch other processes.
# The restrictions hold for everything that the program starts, and nothing can lift them.
#
#   sandbox.pl [--landlock-abi N] [--events] FOLDER... -- PROGRAM ARGUMENT...
#   sandbox.pl [--landlock-abi N] --check    prints what this kernel lacks, one line each
#
# --landlock-abi is the highest Landlock ABI to use, for tests. --events leaves file descriptor 3 open.
#
# It is written in Perl because every Debian has it (perl-base is essential). A script inside Blender would start too
# late: Blender has threads by then, and Landlock would not reach them. ADR 11 gives the reasons for each restriction.
#
# Landlock restricts files: https://docs.kernel.org/userspace-api/landlock.html
# seccomp restricts system calls: https://docs.kernel.org/userspace-api/seccomp_filter.html
#
# Exit status 126: a restriction failed, and the program was not started. 127: the program cannot be started.
use strict;
use warnings;
use Config;
use POSIX ();

my ($EPERM, $EACCES, $EINVAL, $ENOTTY, $ENOSYS) = (1, 13, 22, 25, 38);

# The system calls that the filter answers itself: an answer, then the calls as NAME=x86_64/aarch64:ARGUMENT. One number
# is the same on both machines. An answer is an error or a rule of `rule`, which may need the argument.
# Numbers: asm/unistd_64.h and asm-generic/unistd.h of Linux.
my $CALLS = <<'END';
EPERM    chmod=90/- fchmod=91/52 fchmodat=268/53 fchmodat2=452
EPERM    chown=92/- fchown=93/55 lchown=94/- fchownat=260/54
EPERM    utime=132/- utimes=235/- futimesat=261/- utimensat=280/88
EPERM    setxattr=188/5 lsetxattr=189/6 fsetxattr=190/7 setxattrat=463
EPERM    removexattr=197/14 lremovexattr=198/15 fremovexattr=199/16 removexattrat=466
write    open=2/-:1 openat=257/56:2
mode     creat=85/-:1 mknod=133/-:1 mknodat=259/33:2
ENOSYS   openat2=437
EPERM    name_to_handle_at=303/264 open_by_handle_at=304/265
ioctl    ioctl=16/29
fcntl    fcntl=72/25
own      kill=62/129:0 tgkill=234/131:0 rt_sigqueueinfo=129/138:0 rt_tgsigqueueinfo=297/240:0
EPERM    tkill=200/130 pidfd_open=434 pidfd_getfd=438 pidfd_send_signal=424
EPERM    ptrace=101/117 process_vm_readv=310/270 process_vm_writev=311/271 kcmp=312/272
EPERM    process_madvise=440 process_mrelease=448 migrate_pages=256/238 move_pages=279/239
self     sched_setaffinity=203/122:0 sched_setscheduler=144/119:0 sched_setparam=142/118:0
self     sched_setattr=314/274:0 prlimit64=302/261:0
priority setpriority=141/140:0 ioprio_set=251/30:1
clone    clone=56/220
ENOSYS   clone3=435
EPERM    unshare=272/97 setns=308/268 mount=165/40 umount2=166/39 pivot_root=155/41 chroot=161/51
EPERM    open_tree=428 move_mount=429 fsopen=430 fsconfig=431 fsmount=432 fspick=433 mount_setattr=442
EACCES   socket=41/198 bind=49/200 connect=42/203 listen=50/201 accept=43/202 accept4=288/242
pair     socketpair=53/199
ENOSYS   io_uring_setup=425 io_uring_enter=426 io_uring_register=427
EPERM    shmget=29/194 shmat=30/196 shmctl=31/195 semget=64/190 semop=65/193 semtimedop=220/192 semctl=66/191
EPERM    msgget=68/186 msgsnd=69/189 msgrcv=70/188 msgctl=71/187 mq_open=240/180 mq_unlink=241/181
EPERM    add_key=248/217 request_key=249/218 keyctl=250/219
EPERM    bpf=321/280 perf_event_open=298/241 userfaultfd=323/282 fanotify_init=300/262 lookup_dcookie=212/18
ENOSYS   memfd_secret=447
EPERM    init_module=175/105 finit_module=313/273 delete_module=176/106 kexec_load=246/104 kexec_file_load=320/294
EPERM    reboot=169/142 swapon=167/224 swapoff=168/225 acct=163/89 quotactl=179/60 quotactl_fd=443 syslog=103/116
EPERM    settimeofday=164/170 clock_settime=227/112 adjtimex=159/171 clock_adjtime=305/266
EPERM    sethostname=170/161 setdomainname=171/162 vhangup=153/58 iopl=172/- ioperm=173/- modify_ldt=154/-
flags    personality=135/92
prctl    prctl=157/167
END
# Landlock restricts truncation from ABI 3 on.
my $TRUNCATE = 'EACCES truncate=76/45';
# Linux 6.16 added 467, open_tree_attr. Newer calls, such as file_setattr, are not reviewed yet, so the filter hides them.
my $FIRST_UNKNOWN_CALL = 467;

# System calls that this script makes.
my %NUMBER = (
    x86_64 => { prctl => 157, capset => 126, prlimit64 => 302 },
    aarch64 => { prctl => 167, capset => 91, prlimit64 => 261 },
);
my ($CREATE_RULESET, $ADD_RULE, $RESTRICT_SELF) = (444, 445, 446);
# AUDIT_ARCH_*: linux/audit.h
my %ARCH = (x86_64 => 0xC000003E, aarch64 => 0xC00000B7);

# LANDLOCK_ACCESS_FS_*: linux/landlock.h. MAKE is what programs make: folders, files, FIFOs and symbolic links.
my ($WRITE, $READ, $REMOVE, $MAKE, $MAKE_ANY) = (1 << 1, 1 << 2, 3 << 4, 1 << 7 | 1 << 8 | 1 << 10 | 1 << 12, 0x7F << 6);
my ($REFER, $TRUNCATE_FILE, $IOCTL_DEVICE) = (1 << 13, 1 << 14, 1 << 15);

my ($machine) = $Config{archname} =~ /^(x86_64|aarch64)/;
my ($most_abi, $last_file, @folders) = (99, 2);
my $has_seccomp = has_seccomp();
while (@ARGV && $ARGV[0] ne '--') {
    my $word = shift @ARGV;
    if ($word eq '--landlock-abi') { ($most_abi) = (shift(@ARGV) // '') =~ /^(\d+)$/ or fail('--landlock-abi takes a number'); }
    elsif ($word eq '--events') { $last_file = 3; }
    elsif ($word eq '--check') { print "$_\n" for gaps(landlock_abi()); exit 0; }
    else { push @folders, $word; }
}
shift @ARGV;
fail('name a program after --') unless @ARGV;

my $abi = landlock_abi();
prefer_to_be_killed();
close_inherited_files();
if (defined $machine) {
    forbid_core_dumps();
    give_up_privileges();
    restrict_files(@folders) if $abi > 0;
    restrict_calls() if $has_seccomp;
}
{ exec { $ARGV[0] } @ARGV; }
print STDERR "sandbox: cannot start $ARGV[0]: $!\n";
exit 127;

sub fail {
    print STDERR "sandbox: $_[0]\n";
    exit 126;
}

sub landlock_abi {
    my $has = defined $machine ? syscall($CREATE_RULESET, 0, 0, 1) : 0;
    return $has < 0 ? 0 : $has < $most_abi ? $has : $most_abi;
}

# Without a program, the kernel answers EFAULT if it has filters and EINVAL if it has none.
sub has_seccomp {
    return defined $machine && syscall($NUMBER{$machine}{prctl}, 22, 2, 0, 0, 0) != 0 && $! != $EINVAL;
}

# "missing": no restriction. "replaced": another mechanism restricts it.
sub gaps {
    my ($abi) = @_;
    return "missing: there is no sandbox for $Config{archname}" unless defined $machine;
    my @missing;
    push @missing, 'missing: this kernel has no Landlock (Linux 5.13 or newer has it): Blender can write wherever this user can'
        if $abi < 1;
    push @missing, 'missing: this kernel has no seccomp: Blender can use the network and signal processes' if !$has_seccomp;
    my @replaced = (
        [3, 'truncation', 'seccomp restricts it'],
        [5, 'device commands', 'Blender can open no other devices'],
        [6, 'signals and sockets', 'seccomp denies them'],
    );
    return @missing if @missing;
    my @newer = grep { $abi < $$_[0] } @replaced;
    return map { "replaced: Landlock ABI $abi cannot restrict $$_[1] (ABI $$_[0] can): $$_[2]" } @newer;
}

# If memory runs out, the kernel ends this program and not the worker, which can report it.
sub prefer_to_be_killed {
    open(my $file, '>', '/proc/self/oom_score_adj') or return;
    print $file "1000\n";
    close $file;
}

# The program gets standard input, output and error, and with --events the pipe on which Blender reports.
sub close_inherited_files {
    opendir(my $folder, '/proc/self/fd') or fail("cannot list open files: /proc/self/fd: $!");
    my @files = grep { /^\d+$/ && $_ > $last_file } readdir $folder;
    closedir $folder;
    POSIX::close($_) for @files;
}

# One byte and not zero (RLIMIT_CORE is 4): the kernel then starts no program that collects core dumps either.
sub forbid_core_dumps {
    my $limit = pack('QQ', 1, 1);
    syscall($NUMBER{$machine}{prlimit64}, 0, 4, $limit, 0) == 0 or fail("cannot limit core dumps: $!");
}

# Root without capabilities has the rights of any other user.
sub give_up_privileges {
    my $prctl = $NUMBER{$machine}{prctl};
    # PR_SET_NO_NEW_PRIVS: no program that is started later gains a capability.
    syscall($prctl, 38, 1, 0, 0, 0) == 0 or fail("cannot set no_new_privs: $!");
    # PR_CAPBSET_DROP fails with EINVAL after the last capability, and with EPERM without CAP_SETPCAP.
    for my $capability (0 .. 63) { last if syscall($prctl, 24, $capability, 0, 0, 0) != 0; }
    # PR_CAP_AMBIENT_CLEAR_ALL. Kernels before 4.3 have no ambient set.
    syscall($prctl, 47, 4, 0, 0, 0);
    # _LINUX_CAPABILITY_VERSION_3: the effective, permitted and inheritable set, in two halves.
    my ($header, $none) = (pack('Ll', 0x20080522, 0), pack('L6', (0) x 6));
    syscall($NUMBER{$machine}{capset}, $header, $none) == 0 or fail("cannot drop capabilities: $!");
}

sub restrict_files {
    my $file = $WRITE | $READ | ($abi >= 3 ? $TRUNCATE_FILE : 0) | ($abi >= 5 ? $IOCTL_DEVICE : 0);
    my $refer = $abi >= 2 ? $REFER : 0;
    my $folder = $file | $REMOVE | $MAKE | $refer;
    # LANDLOCK_SCOPE_*: abstract sockets and signals.
    my $handled = pack($abi >= 6 ? 'QQQ' : 'Q', $folder | $MAKE_ANY, 0, 3);
    my $ruleset = syscall($CREATE_RULESET, $handled, length $handled, 0);
    fail("Landlock: $!") if $ruleset < 0;
    allow($ruleset, $_, $folder) for @_;
    my @devices = ((map { "/dev/$_" } qw(null zero full random urandom dri)), glob '/dev/nvidia*');
    allow($ruleset, $_, $file) for grep { -e } @devices;
    allow($ruleset, $_, $folder) for grep { -e } '/dev/shm';
    # Everything else can be read, but no other device: terminals, cameras and disks are in /dev, too.
    opendir(my $root, '/') or fail("cannot list /: $!");
    allow($ruleset, $_, $READ) for grep { !-l && -e } map { "/$_" } grep { !/^(\.\.?|dev)$/ } readdir $root;
    syscall($RESTRICT_SELF, $ruleset, 0) == 0 or fail("Landlock: $!");
}

sub allow {
    my ($ruleset, $path, $access) = @_;
    my $O_PATH = 0x200000;
    sysopen(my $handle, $path, $O_PATH) or fail("cannot open $path: $!");
    # struct landlock_path_beneath_attr; LANDLOCK_RULE_PATH_BENEATH
    my $rule = pack('Ql', $access, fileno $handle);
    syscall($ADD_RULE, $ruleset, 1, $rule, 0) == 0 or fail("Landlock: $path: $!");
}

# Instructions of a filter: linux/bpf_common.h
sub load { return [0x20, 0, 0, $_[0]]; }
sub mask { return [0x54, 0, 0, $_[0]]; }
sub shift_right { return [0x74, 0, 0, $_[0]]; }
sub answer { return [0x06, 0, 0, $_[0]]; }
sub error { return answer(0x00050000 | $_[0]); }
# Do the instructions that follow only if the value is this one, is at least this one, or has one of these bits.
sub if_equal { my ($value, @then) = @_; return ([0x15, 0, scalar @then, $value], @then); }
sub if_least { my ($value, @then) = @_; return ([0x35, 0, scalar @then, $value], @then); }
sub if_any_bit { my ($bits, @then) = @_; return ([0x45, 0, scalar @then, $bits], @then); }
sub unless_equal { my ($value, @then) = @_; return ([0x15, scalar @then, 0, $value], @then); }
# The lower half of an argument. The kernel ignores the upper half of each argument that is checked here.
sub argument { return load(16 + 8 * $_[0]); }
sub allowed { return answer(0x7FFF0000); }
sub only { my ($error, @values) = @_; return ((map { if_equal($_, allowed()) } @values), error($error)); }

# What the filter does for a call. `argument` counts from 0.
sub rule {
    my ($name, $argument) = @_;
    # Programs signal themselves to crash.
    return (argument($argument), only($EPERM, $$)) if $name eq 'own';
    return (argument($argument), only($EPERM, 0, $$)) if $name eq 'self';
    # The table gives PRIO_PROCESS or IOPRIO_WHO_PROCESS: the first argument. The process is the second one.
    return (argument(0), unless_equal($argument, error($EPERM)), argument(1), only($EPERM, 0, $$)) if $name eq 'priority';
    # O_TRUNC needs no right to write in Landlock, and neither does the access mode 3. O_CREAT and O_TMPFILE take a mode.
    return (
        argument($argument), mask(01003), (map { if_equal($_, error($EACCES)) } 3, 01000, 01003),
        argument($argument), if_any_bit(020000100, rule('mode', $argument + 1)), allowed(),
    ) if $name eq 'write';
    # No files that run as another user: S_ISUID and S_ISGID.
    return (argument($argument), if_any_bit(06000, error($EPERM)), allowed()) if $name eq 'mode';
    # CLONE_NEW* and CLONE_PARENT
    return (argument(0), if_any_bit(0x7E028000, error($EPERM)), allowed()) if $name eq 'clone';
    # AF_UNIX and SOCK_STREAM, without SOCK_CLOEXEC and SOCK_NONBLOCK. Other kinds can send to any address.
    return (argument(0), unless_equal(1, error($EACCES)), argument(1), mask(0xFFFFFFFF & ~02004000), only($EACCES, 1))
        if $name eq 'pair';
    # To ask, and PER_LINUX.
    return (argument(0), only($EPERM, 0xFFFFFFFF, 0)) if $name eq 'flags';
    # PR_SCHED_CORE changes other processes.
    return (argument(0), if_equal(62, error($EPERM)), allowed()) if $name eq 'prctl';
    # Duplicates, flags, locks, pipe sizes, seals and hints. F_SETFL without O_ASYNC, which signals.
    return (
        argument(1), if_equal(4, argument(2), if_any_bit(020000, error($EPERM)), allowed()),
        only($EPERM, 0 .. 3, 5 .. 7, 36 .. 38, 1030 .. 1040),
    ) if $name eq 'fcntl';
    # Of terminals and open files: TCGETS, TCGETS2, TIOCGPGRP, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX.
    # Then the kinds of graphics drivers: nvidia-uvm (numbers below 2048), nvidia, nvidia-modeset, DRM, dma-buf, sync.
    return (
        argument(1), (map { if_equal($_, allowed()) } 0x5401, 0x802C542A, 0x540F, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451),
        mask(0xFF00), shift_right(8), only($ENOTTY, 0 .. 7, map { ord } 'F', 'm', 'd', 'b', '>'),
    ) if $name eq 'ioctl';
    my %error = (EPERM => $EPERM, EACCES => $EACCES, ENOSYS => $ENOSYS);
    return error($error{$name} // fail("no rule $name"));
}

sub restrict_calls {
    # struct seccomp_data: number at 0, architecture at 4, arguments from 16 on. Calls of another architecture, and of x32,
    # have other numbers: they end the program.
    my $kill = answer(0x80000000);
    my @filter = (load(4), unless_equal($ARCH{$machine}, $kill), load(0), if_least(0x40000000, $kill));
    push @filter, if_least($FIRST_UNKNOWN_CALL, error($ENOSYS));
    for my $line (split(/\n/, $CALLS), $abi < 3 ? $TRUNCATE : ()) {
        my ($name, @calls) = split ' ', $line;
        for my $call (@calls) {
            my ($x86_64, $aarch64, $argument) = $call =~ m{^\w+=(\d+)(?:/(\d+|-))?(?::(\d))?$} or fail("no call $call");
            my $number = $machine eq 'x86_64' ? $x86_64 : $aarch64 // $x86_64;
            push @filter, if_equal($number, rule($name, $argument)) if $number ne '-';
        }
    }
    push @filter, allowed();
    my $code = join '', map { pack 'SCCL', @$_ } @filter;
    # struct sock_fprog; PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    my $program = pack('S x6 P', scalar @filter, $code);
    syscall($NUMBER{$machine}{prctl}, 22, 2, $program, 0, 0) == 0 or fail("seccomp: $!");
}
