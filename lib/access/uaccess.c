// SPDX-License-Identifier: GPL-2.0-only
/* Probes: the range as the buffer of a system call. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "access.h"
#include "check.h"

/* Closes fd, and keeps errno. */
static long done(long r, int fd)
{
	int err = errno;

	close(fd);
	errno = err;
	return r;
}

/* The kernel copies from the range to a file, and buf gets the content of the file. */
static long from_range(const struct gm_access *a,
		       ssize_t (*io)(int fd, const struct iovec *v, int n))
{
	struct iovec v[2] = { { a->hva, a->len / 2 },
			      { a->hva + a->len / 2, a->len - a->len / 2 } };
	int fd = gm_acc_file(a->len, NULL);
	long r = io(fd, v, 2);
	int err = errno;

	/* Read all, not only r bytes: the rest must not contain data of the range either. */
	GM_SETUP(pread(fd, a->buf, a->len, 0) == (ssize_t)a->len, "pread of a memfd");
	errno = err;
	return done(r, fd);
}

static ssize_t io_write(int fd, const struct iovec *v, int n)
{
	return pwrite(fd, v[0].iov_base, v[0].iov_len + v[1].iov_len, 0);
}

static ssize_t io_writev(int fd, const struct iovec *v, int n)
{
	return pwritev(fd, v, n, 0);
}

static long p_write(const struct gm_access *a)
{
	return from_range(a, io_write);
}
static long p_writev(const struct gm_access *a)
{
	return from_range(a, io_writev);
}

static long p_read(const struct gm_access *a)
{
	int fd = gm_acc_file(a->len, a->buf);

	return done(pread(fd, a->hva, a->len, 0), fd);
}

static long p_readv(const struct gm_access *a)
{
	struct iovec v[2] = { { a->hva, a->len / 2 },
			      { a->hva + a->len / 2, a->len - a->len / 2 } };
	int fd = gm_acc_file(a->len, a->buf);

	return done(preadv2(fd, v, 2, 0, 0), fd);
}

static long p_pipe_write(const struct gm_access *a)
{
	long r, got;
	int p[2], err;

	GM_SETUP_OK(pipe2(p, O_CLOEXEC | O_NONBLOCK));
	r = write(p[1], a->hva, a->len);
	err = errno;
	got = read(p[0], a->buf, a->len);
	GM_SETUP(r < 0 || got == r, "%ld of %ld bytes read from the pipe", got, r);
	close(p[1]);
	errno = err;
	return done(r, p[0]);
}

static long p_sendmsg(const struct gm_access *a)
{
	struct iovec v = { a->hva, a->len };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	int s[2], err;
	long r;

	GM_SETUP_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s));
	r = sendmsg(s[0], &m, 0);
	err = errno;
	/* Read all: a message that failed must not have sent a part of the range. */
	for (size_t n = 0; n < a->len;) {
		long got = recv(s[1], a->buf + n, a->len - n, 0);

		if (got <= 0)
			break;
		n += got;
	}
	close(s[1]);
	errno = err;
	return done(r, s[0]);
}

static long p_recvmsg(const struct gm_access *a)
{
	struct iovec v = { a->hva, a->len };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	int s[2];
	long r;

	GM_SETUP_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s));
	GM_SETUP(send(s[0], a->buf, a->len, 0) == (ssize_t)a->len, "send: %s",
		 gm_errno_name(errno));
	r = recvmsg(s[1], &m, 0);
	done(0, s[0]);
	return done(r, s[1]);
}

static long p_getrandom(const struct gm_access *a)
{
	return getrandom(a->hva, a->len, 0);
}

/* Calls fn for each page until one fails (-1 and errno). Returns the bytes of the pages before. */
static long each_page(const struct gm_access *a, long (*fn)(const struct gm_access *a, size_t i))
{
	size_t n = 0;

	while (n < a->len && fn(a, n) >= 0)
		n += GM_ACC_PAGE;
	return n ? (long)n : -1;
}

/* The expected value is not that of the word: EAGAIN means that the kernel has read the word. */
static long futex_one(const struct gm_access *a, size_t i)
{
	struct timespec now = { 0 };
	long r = syscall(SYS_futex, a->hva + i, FUTEX_WAIT | a->probe->val, 0x7fffff11, &now, NULL,
			 0);

	if (r < 0 && (errno == EAGAIN || errno == ETIMEDOUT))
		return 0;
	return r < 0 ? -1 : 0;
}

static long p_futex(const struct gm_access *a)
{
	return each_page(a, futex_one);
}

/* FUTEX_WAKE_OP with an operation that sets the word to 0x123. */
static long futex_op_one(const struct gm_access *a, size_t i)
{
	uint32_t other = 0;

	return syscall(SYS_futex, &other, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, 1L, a->hva + i,
		       FUTEX_OP(FUTEX_OP_SET, 0x123, FUTEX_OP_CMP_EQ, 0));
}

static long p_futex_op(const struct gm_access *a)
{
	return each_page(a, futex_op_one);
}

static long ioctl_one(const struct gm_access *a, size_t i)
{
	int p[2];
	long r;

	GM_SETUP_OK(pipe2(p, O_CLOEXEC));
	GM_SETUP_OK(write(p[1], "x", 1));
	r = ioctl(p[0], FIONREAD, a->hva + i);
	done(0, p[1]);
	return done(r, p[0]);
}

static long p_ioctl(const struct gm_access *a)
{
	return each_page(a, ioctl_one);
}

/* A stopped child: the kernel writes its registers to the page. */
static pid_t traced;

static long regs_one(const struct gm_access *a, size_t i)
{
	struct iovec v = { a->hva + i, 512 };

	return ptrace(PTRACE_GETREGSET, traced, NT_PRSTATUS, &v);
}

static long p_regs(const struct gm_access *a)
{
	int status, err;
	long r;

	traced = GM_SETUP_OK(fork());
	if (!traced) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	GM_SETUP(waitpid(traced, &status, 0) == traced && WIFSTOPPED(status),
		 "the child does not stop: status %#x", status);
	r = each_page(a, regs_one);
	err = errno;
	kill(traced, SIGKILL);
	waitpid(traced, NULL, 0);
	errno = err;
	return r;
}

static long clock_one(const struct gm_access *a, size_t i)
{
	return syscall(SYS_clock_gettime, CLOCK_MONOTONIC, a->hva + i);
}

static long p_clock(const struct gm_access *a)
{
	return each_page(a, clock_one);
}

/* A path: strncpy_from_user(). Any result except EFAULT means that it was read. */
static long path_one(const struct gm_access *a, size_t i)
{
	long r = syscall(SYS_faccessat, AT_FDCWD, a->hva + i, F_OK);

	return r < 0 && errno == EFAULT ? -1 : 0;
}

static long p_path(const struct gm_access *a)
{
	return each_page(a, path_one);
}

/* An argument that the kernel reads: a CPU mask with any content. */
static long arg_one(const struct gm_access *a, size_t i)
{
	cpu_set_t now;
	long r;

	CPU_ZERO(&now);
	sched_getaffinity(0, sizeof(now), &now);
	r = syscall(SYS_sched_setaffinity, 0, 8, a->hva + i);
	if (r < 0 && errno != EFAULT)
		r = 0;
	if (r >= 0)
		sched_setaffinity(0, sizeof(now), &now);
	return r;
}

static long p_arg(const struct gm_access *a)
{
	return each_page(a, arg_one);
}

#define R GM_ACC_READ
#define W GM_ACC_WRITE
#define OP (GM_ACC_WRITE | GM_ACC_OPAQUE | GM_ACC_WORD)

const struct gm_probe gm_probes_uaccess[] = {
	{ .name = "write",
	  .text = "write() from the range into a file",
	  .path = GM_PATH_UACCESS,
	  .flags = R,
	  .run = p_write },
	{ .name = "writev",
	  .text = "writev() from the range into a file",
	  .path = GM_PATH_UACCESS,
	  .flags = R | GM_ACC_SAME_PATH,
	  .run = p_writev },
	{ .name = "read",
	  .text = "read() of a file into the range",
	  .path = GM_PATH_UACCESS,
	  .flags = W,
	  .run = p_read },
	{ .name = "readv",
	  .text = "preadv2() of a file into the range",
	  .path = GM_PATH_UACCESS,
	  .flags = W | GM_ACC_SAME_PATH,
	  .run = p_readv },
	{ .name = "pipe_write",
	  .text = "write() from the range into a pipe",
	  .path = GM_PATH_UACCESS,
	  .flags = R,
	  .run = p_pipe_write },
	{ .name = "sendmsg",
	  .text = "sendmsg() from the range on a UNIX socket",
	  .path = GM_PATH_UACCESS,
	  .flags = R,
	  .mix = GM_MIX_WHOLE,
	  .run = p_sendmsg },
	{ .name = "recvmsg",
	  .text = "recvmsg() into the range on a UNIX socket",
	  .path = GM_PATH_UACCESS,
	  .flags = W,
	  .mix = GM_MIX_EITHER,
	  .run = p_recvmsg },
	{ .name = "getrandom",
	  .text = "getrandom() into the range",
	  .path = GM_PATH_UACCESS,
	  .flags = W | GM_ACC_OPAQUE,
	  .run = p_getrandom },
	{ .name = "futex_wait",
	  .text = "FUTEX_WAIT on a private futex in each page",
	  .path = GM_PATH_UACCESS,
	  .run = p_futex,
	  .val = FUTEX_PRIVATE_FLAG },
	{ .name = "futex_wait_shared",
	  .text = "FUTEX_WAIT on a shared futex, whose key is the page",
	  .path = GM_PATH_GUP,
	  .run = p_futex,
	  .val = 0 },
	{ .name = "futex_wake_op",
	  .text = "FUTEX_WAKE_OP writes to a word of each page",
	  .path = GM_PATH_UACCESS,
	  .flags = OP,
	  .run = p_futex_op },
	{ .name = "ioctl_arg",
	  .text = "an ioctl stores its result in each page",
	  .path = GM_PATH_UACCESS,
	  .flags = OP | GM_ACC_SAME_PATH,
	  .run = p_ioctl },
	{ .name = "ptrace_regs",
	  .text = "PTRACE_GETREGSET stores the registers of a child in each page",
	  .path = GM_PATH_UACCESS,
	  .flags = OP | GM_ACC_SLOW | GM_ACC_SAME_PATH,
	  .run = p_regs },
	{ .name = "clock_gettime",
	  .text = "clock_gettime() stores the time in each page",
	  .path = GM_PATH_UACCESS,
	  .flags = OP | GM_ACC_SAME_PATH,
	  .run = p_clock },
	{ .name = "path_string",
	  .text = "a path name in each page",
	  .flags = GM_ACC_SAME_PATH,
	  .path = GM_PATH_UACCESS,
	  .run = p_path },
	{ .name = "syscall_arg",
	  .text = "an argument structure in each page",
	  .flags = GM_ACC_SAME_PATH,
	  .path = GM_PATH_UACCESS,
	  .run = p_arg },
	{ 0 }
};
