#!/usr/bin/perl
# Starts a program that can write below the folders named and nowhere else, has no network, and can neither read nor
# signal the processes around it. It stays so for all that the program starts, and nothing can take it back.
#
#   sandbox.pl FOLDER... -- PROGRAM ARGUMENT...
#
# Perl, because every Debian has it (perl-base is essential), and a program of Blender's own would come too late: by
# then Blender has threads, which a restriction of the first one does not reach.
#
# Landlock keeps the files (https://docs.kernel.org/userspace-api/landlock.html, Linux 5.13 or newer), seccomp the network
# (https://docs.kernel.org/userspace-api/seccomp_filter.html). What this kernel lacks is said on standard error, and
# the program starts all the same.
use strict;
use warnings;
use Config;

my %PRCTL = (x86_64 => 157, aarch64 => 167);
my %SOCKET = (x86_64 => 41, aarch64 => 198);
# AUDIT_ARCH_*: linux/audit.h
my %ARCH = (x86_64 => 0xC000003E, aarch64 => 0xC00000B7);
# The same on every architecture: asm-generic/unistd.h
my ($IO_URING_SETUP, $CREATE_RULESET, $ADD_RULE, $RESTRICT_SELF) = (425, 444, 445, 446);
my ($EACCES, $O_PATH) = (13, 0x200000);

my @folders;
push @folders, shift @ARGV while @ARGV && $ARGV[0] ne '--';
shift @ARGV;
die "sandbox: name a program behind --\n" unless @ARGV;

my ($machine) = $Config{archname} =~ /^(x86_64|aarch64)/;
if (!defined $machine) {
    print STDERR "sandbox: not on this kind of machine ($Config{archname})\n";
} else {
    # PR_SET_NO_NEW_PRIVS: without it neither is allowed to a user who is not root.
    syscall($PRCTL{$machine}, 38, 1, 0, 0, 0) == 0 or die "sandbox: no_new_privs: $!\n";
    keep_files(@folders);
    keep_from_network($machine);
}
prefer_to_be_killed();
{ exec { $ARGV[0] } @ARGV; }
print STDERR "sandbox: can't start $ARGV[0]: $!\n";
exit 127;

# Where memory runs out, the kernel ends this program, not the worker, which can tell of it.
sub prefer_to_be_killed {
    open(my $file, '>', '/proc/self/oom_score_adj') or return;
    print $file "1000\n";
    close $file;
}

sub keep_files {
    # A ruleset of no size asks for the version. Each one can hold back more.
    my $version = syscall($CREATE_RULESET, 0, 0, 1);
    if ($version < 1) {
        print STDERR "sandbox: this kernel has no Landlock, so files are kept by their permissions alone\n";
        return;
    }
    # LANDLOCK_ACCESS_FS_*: writing (1), removing (4, 5), making of any kind (6 to 12), moving (13), truncating (14).
    my $write = (1 << 1) | ($version >= 3 ? 1 << 14 : 0);
    my $change = $write | 0x1FF0 | ($version >= 2 ? 1 << 13 : 0);
    # LANDLOCK_SCOPE_*: abstract sockets and signals of others.
    my $rules = $version >= 6 ? pack('QQQ', $change, 0, 3) : pack('Q', $change);
    my $ruleset = syscall($CREATE_RULESET, $rules, length $rules, 0);
    die "sandbox: Landlock: $!\n" if $ruleset < 0;
    allow($ruleset, $_, $change) for @_;
    # /dev/null and a GPU's devices; a process's own names of its threads.
    allow($ruleset, $_, $write) for '/dev', "/proc/$$";
    syscall($RESTRICT_SELF, $ruleset, 0) == 0 or die "sandbox: Landlock: $!\n";
}

sub allow {
    my ($ruleset, $folder, $access) = @_;
    sysopen(my $handle, $folder, $O_PATH) or die "sandbox: $folder: $!\n";
    # struct landlock_path_beneath_attr, packed; LANDLOCK_RULE_PATH_BENEATH
    my $rule = pack('Ql', $access, fileno $handle);
    syscall($ADD_RULE, $ruleset, 1, $rule, 0) == 0 or die "sandbox: $folder: $!\n";
}

# No sockets but those that tell of devices (AF_NETLINK), and none by way of io_uring. Calls of another architecture's
# numbers, by which the filter could be passed, end the program.
sub keep_from_network {
    my ($machine) = @_;
    my ($allow, $deny, $kill) = (0x7FFF0000, 0x00050000 | $EACCES, 0x80000000);
    my ($load, $equal, $greater, $return) = (0x20, 0x15, 0x35, 0x06);
    # struct seccomp_data: number at 0, architecture at 4, first argument at 16.
    my @filter = (
        [$load, 0, 0, 4],
        [$equal, 0, 8, $ARCH{$machine}],
        [$load, 0, 0, 0],
        [$greater, 6, 0, 0x40000000],
        [$equal, 4, 0, $IO_URING_SETUP],
        [$equal, 0, 2, $SOCKET{$machine}],
        [$load, 0, 0, 16],
        [$equal, 0, 1, 16],
        [$return, 0, 0, $allow],
        [$return, 0, 0, $deny],
        [$return, 0, 0, $kill],
    );
    my $code = join '', map { pack 'SCCL', @$_ } @filter;
    # struct sock_fprog; PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    my $program = pack('S x6 P', scalar @filter, $code);
    syscall($PRCTL{$machine}, 22, 2, $program, 0, 0) == 0
        or print STDERR "sandbox: this kernel has no seccomp, so the network is within reach: $!\n";
}
