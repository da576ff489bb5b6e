// SPDX-License-Identifier: GPL-2.0-only
/* The system calls of the suite, and a test whether a policy denies one. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy.h"

#define BAD -1UL

/*
 * Not here: calls that need a capability with any argument (userfaultfd, io_uring_setup, swapon,
 * mount); the probes of their needs test them (need_table.h).
 */
const struct gm_policy_call gm_policy_syscalls[] = {
/* clang-format off */
#define CALL(name, ...) { #name, SYS_##name, { __VA_ARGS__ } }
#define ALWAYS(name, ...) { #name, SYS_##name, { __VA_ARGS__ }, .always = true }
	/* clang-format on */
	ALWAYS(write, BAD),
	ALWAYS(mmap, 0, 0, 0, 0, BAD),
	ALWAYS(munmap, 1),
	ALWAYS(mprotect, 1),
	ALWAYS(brk, 0),
	ALWAYS(futex, 1, 1),
	ALWAYS(rt_sigaction, 0),
	ALWAYS(rt_sigprocmask, 0, 0, 0, 0),
	ALWAYS(clone, CLONE_SIGHAND),
	ALWAYS(clone3, 0, 0),
	ALWAYS(openat, AT_FDCWD, (unsigned long)""),
	ALWAYS(close, BAD),
	ALWAYS(prctl, BAD),
	ALWAYS(wait4, 0, 0, BAD),
	CALL(waitid, BAD, 0, 0, BAD),
	ALWAYS(kill, 0, 1000),
	CALL(tgkill, BAD, BAD, 0),
	CALL(gettid),
	CALL(rt_sigtimedwait, 0, 0, 0, BAD),
	CALL(signalfd4, BAD),
	CALL(pidfd_send_signal, BAD, 0, 0, BAD),
	CALL(execveat, BAD, (unsigned long)"", 0, 0, BAD),
	CALL(read, BAD),
	CALL(pread64, BAD),
	CALL(pwrite64, BAD),
	CALL(readv, BAD),
	CALL(writev, BAD),
	CALL(preadv, BAD),
	CALL(pwritev, BAD),
	CALL(preadv2, BAD),
	CALL(pwritev2, BAD),
	CALL(lseek, BAD),
	ALWAYS(fcntl, BAD),
	CALL(flock, BAD),
	CALL(dup, BAD),
	CALL(dup3, BAD),
	CALL(pipe2, 0, BAD),
	CALL(fstat, BAD),
	CALL(newfstatat, AT_FDCWD, (unsigned long)""),
	CALL(statx, AT_FDCWD, (unsigned long)""),
	CALL(fstatfs, BAD),
	CALL(statfs, (unsigned long)""),
	CALL(faccessat, AT_FDCWD, (unsigned long)""),
	CALL(readlinkat, AT_FDCWD, (unsigned long)""),
	CALL(unlinkat, AT_FDCWD, (unsigned long)""),
	CALL(linkat, AT_FDCWD, (unsigned long)"", AT_FDCWD, (unsigned long)""),
	CALL(renameat, AT_FDCWD, (unsigned long)"", AT_FDCWD, (unsigned long)""),
	CALL(mkdirat, AT_FDCWD, (unsigned long)""),
	CALL(openat2, AT_FDCWD, (unsigned long)""),
	CALL(name_to_handle_at, AT_FDCWD, (unsigned long)"", 0, 0, BAD),
	CALL(fchmod, BAD),
	CALL(fchown, BAD),
	CALL(getcwd),
	CALL(umount2, (unsigned long)"", BAD),
	CALL(mount, 0, 0, BAD),
	ALWAYS(getdents64, BAD),
	ALWAYS(getpid),
	CALL(fallocate, BAD),
	CALL(ftruncate, BAD, BAD),
	CALL(fsync, BAD),
	CALL(fadvise64, BAD),
	CALL(readahead, BAD),
	CALL(sync_file_range, BAD),
	CALL(copy_file_range, BAD, 0, BAD),
	CALL(sendfile, BAD, BAD),
	CALL(splice, BAD, 0, BAD, 0, 1),
	CALL(vmsplice, BAD),
	CALL(tee, BAD, BAD, 1),
	CALL(madvise, 1),
	CALL(mremap, 1),
	CALL(msync, 1),
	CALL(mincore, 1),
	CALL(mlock2, 0, 0, BAD),
	CALL(mlock, 0, 0),
	CALL(munlock, 0, 0),
	CALL(remap_file_pages, 1),
	CALL(memfd_create, 0, BAD),
	CALL(eventfd2, 0, BAD),
	CALL(timerfd_create, BAD),
	CALL(timerfd_settime, BAD),
	CALL(timer_create, BAD),
	CALL(timer_settime, BAD),
	CALL(clock_gettime, BAD),
	CALL(clock_nanosleep, BAD),
	CALL(nanosleep, 0),
	CALL(ppoll, 0, BAD),
	CALL(epoll_create1, BAD),
	CALL(epoll_ctl, BAD, 2, BAD),
	CALL(epoll_pwait, BAD),
	CALL(socket, BAD),
	CALL(socketpair, BAD),
	CALL(sendto, BAD),
	CALL(recvfrom, BAD),
	CALL(sendmsg, BAD),
	CALL(recvmsg, BAD),
	CALL(setsockopt, BAD),
	CALL(getsockopt, BAD),
	CALL(sendmmsg, BAD, 1, 1),
	CALL(recvmmsg, BAD, 1, 1),
	CALL(bind, BAD),
	CALL(listen, BAD),
	CALL(connect, BAD),
	CALL(accept4, BAD),
	CALL(getsockname, BAD),
	CALL(shutdown, BAD),
	CALL(getrandom, 0, 0, BAD),
	CALL(sched_getaffinity, 0, 0),
	CALL(sched_setaffinity, BAD, 0),
	CALL(sched_yield),
	CALL(setpriority, BAD),
	CALL(prlimit64, 0, 1000),
	CALL(setrlimit, 1000),
	CALL(setresuid, BAD, BAD, BAD),
	CALL(setresgid, BAD, BAD, BAD),
	CALL(setns, BAD),
	CALL(unshare, 1),
	CALL(seccomp, BAD),
	CALL(uname, 0),
	CALL(getrusage, 1000),
	CALL(close_range, BAD, 0),
	CALL(ptrace, 1000, BAD),
	CALL(process_vm_readv, 0, 0, 0, 0, 0, 1),
	CALL(process_vm_writev, 0, 0, 0, 0, 0, 1),
	CALL(process_madvise, BAD),
	CALL(process_mrelease, BAD, 1),
	CALL(pidfd_open, BAD),
	CALL(pidfd_getfd, BAD, 0, BAD),
	CALL(mbind, 1, 0, BAD),
	CALL(get_mempolicy, 0, 0, 0, 0, BAD),
	CALL(set_mempolicy, 1000),
	CALL(move_pages, 0, 0, 0, 0, 0, BAD),
	CALL(migrate_pages, 0, BAD),
	CALL(io_setup, 0, 0),
	CALL(io_submit, 0),
	CALL(io_getevents, 0),
	CALL(io_destroy, 0),
	CALL(io_uring_enter, BAD),
	CALL(io_uring_register, BAD),
	CALL(pkey_mprotect, 1, 0, 0, BAD),
	CALL(memfd_secret, BAD),
};

const size_t gm_policy_syscalls_nr = sizeof(gm_policy_syscalls) / sizeof(gm_policy_syscalls[0]);

int gm_policy_denies(const struct gm_policy_call *c)
{
	const unsigned long *a = c->arg;

	errno = 0;
	if (syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]) != -1)
		return 0;
	return errno == EPERM || errno == EACCES || errno == ENOSYS ? errno : 0;
}

const char *gm_policy_bars_all(int *err)
{
	for (size_t i = 0; i < gm_policy_syscalls_nr; i++) {
		*err = gm_policy_syscalls[i].always ? gm_policy_denies(&gm_policy_syscalls[i]) : 0;
		if (*err)
			return gm_policy_syscalls[i].name;
	}
	return NULL;
}
