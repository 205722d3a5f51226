"""The system calls that a child may make, as a seccomp program; every other one fails with EPERM.

What is there: files, memory, threads, time, waiting, signals to itself, pipes and socket pairs. What is not: sockets
that reach anything, starting programs, new namespaces, mounts, ptrace, keys, bpf, perf, io_uring, userfaultfd, kernel
modules, other processes' memory, anonymous files.
"""

import contextlib
import errno
import os
import tempfile

ALLOWED = """
read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek sendfile copy_file_range splice tee
open openat openat2 creat close close_range access faccessat faccessat2 stat fstat lstat newfstatat statx statfs
fstatfs getdents getdents64 readlink readlinkat getcwd chdir fchdir mkdir mkdirat rmdir unlink unlinkat rename
renameat renameat2 link linkat symlink symlinkat chmod fchmod fchmodat truncate ftruncate fallocate utime utimes
utimensat futimesat fsync fdatasync sync_file_range fadvise64 readahead flock umask dup dup2 dup3 fcntl pipe pipe2
getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr inotify_init1 inotify_add_watch inotify_rm_watch poll
ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2
sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown getsockname getpeername getsockopt setsockopt mmap
munmap mremap mprotect madvise brk msync mincore mlock munlock membarrier rseq futex futex_waitv get_robust_list
set_robust_list set_tid_address arch_prctl gettid getpid getppid getpgrp getpgid getsid getuid geteuid getgid
getegid getresuid getresgid getgroups capget setpgid setsid exit exit_group wait4 waitid sched_yield
sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min
getpriority getcpu getrlimit setrlimit prlimit64 getrusage times sysinfo uname getrandom time gettimeofday
clock_gettime clock_getres clock_nanosleep nanosleep alarm getitimer setitimer timer_create timer_settime
timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_gettime rt_sigaction
rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait rt_sigqueueinfo sigaltstack signalfd
signalfd4 kill tkill tgkill pause restart_syscall get_mempolicy set_mempolicy mbind
""".split()  # noqa: SIM905
TERMINAL = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451, 0x5413)  # TCGETS FIONREAD FIONBIO FIONCLEX FIOCLEX TIOCGWINSZ
NAMING = (15, 16, 3, 0x53564D41)  # PR_SET_NAME PR_GET_NAME PR_GET_DUMPABLE PR_SET_VMA
NEW_NAMESPACES = 0x7E020080
THREAD = 0x00010000
UNIX = 1


def program(forks: bool) -> bytes:
    """Return the filter as the kernel takes it (classic BPF).

    Args:
        forks: allow new processes as well as new threads.

    Raises:
        ImportError, OSError: when pyseccomp or the system's libseccomp is missing.
    """
    import pyseccomp as seccomp

    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))

    def allow(call: str, *arguments: seccomp.Arg) -> None:
        # This machine's architecture, or its libseccomp, may have no such call.
        with contextlib.suppress(OSError, ValueError):
            rules.add_rule(seccomp.ALLOW, call, *arguments)

    for call in ALLOWED:
        allow(call)
    allow("socketpair", seccomp.Arg(0, seccomp.EQ, UNIX))
    for request in TERMINAL:
        allow("ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, 0xFFFFFFFF, request))
    for option in NAMING:
        allow("prctl", seccomp.Arg(0, seccomp.EQ, option))
    wanted = 0 if forks else THREAD
    allow("clone", seccomp.Arg(0, seccomp.MASKED_EQ, NEW_NAMESPACES | wanted, wanted))
    if forks:
        allow("fork")
        allow("vfork")
    # The C library falls back to clone, whose flags a filter can see.
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return os.pread(file.fileno(), 1 << 20, 0)
