// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a probe in this process, its child, or an unrelated process with or without CAP_SYS_PTRACE.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/memfd.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access.h"
#include "caps.h"
#include "check.h"
#include "platform.h"

struct answer {
	long ret;
	int err;
};

/* Becomes another user, with CAP_SYS_PTRACE or without capabilities. */
static int become_other_user(bool ptrace_cap)
{
	if (!ptrace_cap)
		return gm_caps_become_user();
	if (prctl(PR_SET_KEEPCAPS, 1) || setresgid(GM_NOBODY, GM_NOBODY, GM_NOBODY) ||
	    setresuid(GM_NOBODY, GM_NOBODY, GM_NOBODY))
		return -1;
	return gm_caps_apply(1ULL << CAP_SYS_PTRACE);
}

static void run_child(enum gm_caller who, const struct gm_access *a, pid_t pid, int fd,
		      long (*fn)(const struct gm_access *a, pid_t pid))
{
	struct answer ans = { .ret = -1, .err = ENOTRECOVERABLE };

	if (who == GM_CHILD || !become_other_user(who == GM_OTHER)) {
		errno = 0;
		ans.ret = fn(a, pid);
		ans.err = ans.ret < 0 ? errno : 0;
	}
	if (write(fd, &ans, sizeof(ans)) != sizeof(ans))
		_exit(1);
	_exit(0);
}

long gm_access_as(enum gm_caller who, const struct gm_access *a,
		  long (*fn)(const struct gm_access *a, pid_t pid))
{
	struct answer ans = { .ret = -1, .err = EPIPE };
	pid_t me = getpid(), child;
	int p[2];

	if (who == GM_SELF)
		return fn(a, me);
	/* Yama may restrict ptrace to ancestors: allow all processes. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	GM_SETUP_OK(pipe2(p, O_CLOEXEC));
	child = GM_SETUP_OK(fork());
	if (!child) {
		close(p[0]);
		/* An unrelated process: a grandchild whose parent has exited. */
		if (who != GM_CHILD && fork())
			_exit(0);
		run_child(who, a, me, p[1], fn);
	}
	close(p[1]);
	while (read(p[0], &ans, sizeof(ans)) < 0 && errno == EINTR)
		;
	close(p[0]);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	errno = ans.err;
	return ans.ret;
}

int gm_acc_file(size_t len, const void *src)
{
	int fd = GM_SETUP_OK(memfd_create("gm-access", MFD_CLOEXEC));

	GM_SETUP_OK(ftruncate(fd, len));
	if (src)
		GM_SETUP(pwrite(fd, src, len, 0) == (ssize_t)len, "pwrite to a memfd: %s",
			 gm_errno_name(errno));
	return fd;
}

int gm_acc_dio_file(size_t len, const void *src)
{
	const char *dir = gm_platform_dio_dir();
	int fd;

	if (!dir)
		gm_skip(gm_need_reason(GM_NEED_DISK_DIO), "%s", gm_need_remedy(GM_NEED_DISK_DIO));
	fd = open(dir, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EACCES)
		gm_skip("no folder for direct I/O that this user may write", "chmod 1777 %s", dir);
	GM_SETUP(fd >= 0, "O_DIRECT in %s: %s", dir, gm_errno_name(errno));
	GM_SETUP_OK(ftruncate(fd, len));
	/* Allocate the blocks on the disk, so that a read does not find a hole. */
	GM_SETUP(pwrite(fd, src, len, 0) == (ssize_t)len, "O_DIRECT write of ordinary memory: %s",
		 gm_errno_name(errno));
	return fd;
}

long gm_acc_to_file(const struct gm_access *a, int fd,
		    long (*io)(const struct gm_access *a, int fd))
{
	long r = io(a, fd);
	int err = errno;

	/* Read all, not only r bytes: the rest must not contain data of the range either. */
	GM_SETUP(pread(fd, a->buf, a->len, 0) == (ssize_t)a->len, "pread of the file: %s",
		 gm_errno_name(errno));
	close(fd);
	errno = err;
	return r;
}

void gm_acc_absent(const char *reason, const char *remedy)
{
	int err = errno;

	if (err == ENOSYS || err == EOPNOTSUPP || err == EAFNOSUPPORT || err == ENODEV ||
	    err == EPROTONOSUPPORT || err == ENOENT || err == EPERM || err == EACCES)
		gm_skip(reason, "%s (%s)", remedy, gm_errno_name(err));
}
