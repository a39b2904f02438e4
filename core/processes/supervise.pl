#!/usr/bin/perl
# Starts a program and stays its parent. Once this supervisor has exited, no process that the program started is alive.
#
#   supervise.pl PARENT PROGRAM ARGUMENT...
#
# PARENT is the process id of the caller. The program gets the caller's files, environment and standard streams.
#
# SIGTERM, SIGINT and SIGHUP go to the program alone. SIGUSR1, and the death of the caller, kill the program and its
# descendants at once. The supervisor then exits as the program did: with its exit code, or by its signal.
#
# Perl for the reasons that sandbox.pl gives. Only perl-base is needed. Linux on x86_64 and aarch64.
use strict;
use warnings;
use Config;

my ($machine) = $Config{archname} =~ /^(x86_64|aarch64)/
    or die "supervise: cannot run on this kind of machine ($Config{archname})\n";
my %NUMBERS = (
    x86_64 => { close => 3, sigprocmask => 14, setsid => 112, sigtimedwait => 128, prctl => 157 },
    aarch64 => { close => 57, sigprocmask => 135, sigtimedwait => 137, setsid => 157, prctl => 167 },
);
my %NUMBER = %{ $NUMBERS{$machine} };
# The same on both machines: linux/prctl.h, asm/signal.h, linux/wait.h
my ($SET_PDEATHSIG, $SET_DUMPABLE, $SET_CHILD_SUBREAPER) = (1, 4, 36);
my ($HUP, $INT, $KILL, $USR1, $TERM, $CHLD) = (1, 2, 9, 10, 15, 17);
my ($SIG_BLOCK, $SIG_UNBLOCK, $SIG_SETMASK) = (0, 1, 2);
my $WNOHANG = 1;
my $HEARD = set_of($HUP, $INT, $USR1, $TERM, $CHLD);
my $POLL_NANOSECONDS = 20_000_000;

my $parent = shift @ARGV;
die "supervise: name the caller's process id and a program\n" unless @ARGV;

# All signals are blocked until next_signal reads them. No signal is lost or ends the supervisor before its children.
my ($every_signal, $old_mask) = ("\xFF" x 8, "\0" x 8);
syscall($NUMBER{sigprocmask}, $SIG_BLOCK, $every_signal, $old_mask, 8) == 0 or die "supervise: sigprocmask: $!\n";
$SIG{CHLD} = 'DEFAULT';
# Fails if this process already leads a group, which is fine.
syscall($NUMBER{setsid});
control($SET_CHILD_SUBREAPER, 1);
control($SET_PDEATHSIG, $USR1);
# The caller died before the kernel was asked to report its death.
exit 128 + $KILL if getppid() != $parent;

my $supervisor = $$;
my $program = fork;
die "supervise: fork: $!\n" unless defined $program;
start_program() if $program == 0;
release_files();

my ($has_ended, $status) = (0, 0);
until ($has_ended) {
    my $signal = next_signal();
    if ($signal == $CHLD) { reap() }
    elsif ($signal == $USR1) { last }
    elsif ($signal > 0) { kill $signal, $program }
}
end_descendants();
leave();

sub start_program {
    # If the supervisor itself is killed, the program ends with it.
    control($SET_PDEATHSIG, $KILL);
    exit 128 + $KILL if getppid() != $supervisor;
    # The program gets its own group, so it can kill its group without the supervisor.
    setpgrp(0, 0);
    syscall($NUMBER{sigprocmask}, $SIG_SETMASK, $old_mask, 0, 8);
    { no warnings 'exec'; exec { $ARGV[0] } @ARGV; }
    print STDERR "supervise: cannot start $ARGV[0]: $!\n";
    exit 127;
}

# A reader of a pipe finds its end when the program and its children have closed it.
sub release_files {
    chdir '/';
    open(STDIN, '<', '/dev/null');
    open(STDOUT, '>', '/dev/null');
    open(STDERR, '>', '/dev/null');
    opendir(my $folder, '/proc/self/fd') or return;
    my @others = grep { /^\d+$/ && $_ > 2 } readdir $folder;
    closedir $folder;
    syscall($NUMBER{close}, $_ + 0) for @others;
}

# The number of the next signal, or -1 after the time limit.
sub next_signal {
    my ($nanoseconds) = @_;
    my $limit = defined $nanoseconds ? pack('qq', 0, $nanoseconds) : 0;
    return syscall($NUMBER{sigtimedwait}, $HEARD, 0, $limit, 8);
}

# Takes the status of each child that has ended. False if there is no child left.
sub reap {
    while ((my $pid = waitpid(-1, $WNOHANG)) != 0) {
        return 0 if $pid == -1;
        ($has_ended, $status) = (1, $?) if $pid == $program;
    }
    return 1;
}

# An orphan becomes a child of this process, so a round sees what the last one missed.
sub end_descendants {
    for (;;) {
        kill 'KILL', stop_descendants();
        reap() or return;
        next_signal($POLL_NANOSECONDS);
    }
}

# Stops each process as soon as it is found, so it cannot start another. Returns all that were found.
sub stop_descendants {
    my @found = ($$);
    for (my $i = 0; $i < @found; $i++) {
        for my $child (children_of($found[$i])) {
            kill 'STOP', $child;
            push @found, $child;
        }
    }
    shift @found;
    return @found;
}

sub children_of {
    my ($pid) = @_;
    # Absent in kernels without CONFIG_PROC_CHILDREN
    return grep { parent_of($_) == $pid } numbers_in('/proc') unless -e "/proc/$$/task/$$/children";
    return map { text_of("/proc/$pid/task/$_/children") =~ /\d+/g } numbers_in("/proc/$pid/task");
}

sub parent_of {
    my ($pid) = @_;
    # proc_pid_stat(5): the name may hold parentheses itself.
    my ($parent) = text_of("/proc/$pid/stat") =~ /^.*\)\s\S\s(\d+)/s;
    return $parent // 0;
}

sub numbers_in {
    my ($path) = @_;
    opendir(my $folder, $path) or return;
    return grep { /^\d+$/ } readdir $folder;
}

sub text_of {
    my ($path) = @_;
    open(my $file, '<', $path) or return '';
    local $/;
    return <$file> // '';
}

# Exits with the program's code, or by its signal but without a second core dump.
sub leave {
    my $signal = $status & 127;
    exit $status >> 8 if $signal == 0;
    control($SET_DUMPABLE, 0);
    # Perl ignores this signal.
    $SIG{FPE} = 'DEFAULT';
    kill $signal, $$;
    syscall($NUMBER{sigprocmask}, $SIG_UNBLOCK, set_of($signal), 0, 8);
    exit 128 + $signal;
}

sub control {
    my ($option, $value) = @_;
    syscall($NUMBER{prctl}, $option, $value, 0, 0, 0) == 0 or die "supervise: prctl $option: $!\n";
}

# A kernel's sigset_t
sub set_of {
    my $set = 0;
    $set |= 1 << ($_ - 1) for @_;
    return pack 'Q', $set;
}
