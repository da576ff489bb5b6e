// SPDX-License-Identifier: GPL-2.0-only
/* Probes: direct I/O with the range as the buffer on a real file system, synchronous and AIO. */
#include <errno.h>
#include <linux/aio_abi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "access.h"
#include "check.h"

/*
 * Zeroed memory: the initial content of a file, unlike the guest's words and the buffer's pattern.
 */
static void *blank(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	GM_SETUP(p != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	return p;
}

static long to_disk(const struct gm_access *a, long (*io)(const struct gm_access *a, int fd))
{
	void *zero = blank(a->len);
	int fd = gm_acc_dio_file(a->len, zero);

	munmap(zero, a->len);
	return gm_acc_to_file(a, fd, io);
}

static long from_disk(const struct gm_access *a, long (*io)(const struct gm_access *a, int fd))
{
	int fd = gm_acc_dio_file(a->len, a->buf);
	long r = io(a, fd);
	int err = errno;

	close(fd);
	errno = err;
	return r;
}

static long io_pwrite(const struct gm_access *a, int fd)
{
	return pwrite(fd, a->hva, a->len, 0);
}

static long io_pread(const struct gm_access *a, int fd)
{
	return pread(fd, a->hva, a->len, 0);
}

/* A vector of an ordinary page and then the range. */
static long io_pwritev(const struct gm_access *a, int fd)
{
	uint8_t *other = blank(GM_ACC_PAGE);
	struct iovec v[2] = { { other, GM_ACC_PAGE }, { a->hva, a->len } };
	long r = ftruncate(fd, a->len + GM_ACC_PAGE) ? -1 : pwritev(fd, v, 2, 0);
	int err = errno;

	/* gm_acc_to_file() reads the start of the file: move the range's part there. */
	if (r > (long)GM_ACC_PAGE) {
		r -= GM_ACC_PAGE;
		GM_SETUP(pread(fd, a->buf, a->len, GM_ACC_PAGE) == (ssize_t)a->len, "pread");
		GM_SETUP(pwrite(fd, a->buf, a->len, 0) == (ssize_t)a->len, "pwrite");
	} else if (r == (long)GM_ACC_PAGE) {
		/* Only the ordinary page was written: the range was refused. */
		r = -1;
		err = EFAULT;
	}
	munmap(other, GM_ACC_PAGE);
	errno = err;
	return r;
}

static long aio(const struct gm_access *a, int fd, int opcode)
{
	struct iocb cb = { .aio_lio_opcode = opcode,
			   .aio_fildes = fd,
			   .aio_buf = (uintptr_t)a->hva,
			   .aio_nbytes = a->len };
	struct iocb *list[1] = { &cb };
	struct io_event ev = { 0 };
	aio_context_t ctx = 0;
	long r;
	int err;

	if (syscall(SYS_io_setup, 1, &ctx)) {
		gm_acc_absent("no AIO", "build the kernel with CONFIG_AIO=y");
		GM_ERROR("io_setup: %s", gm_errno_name(errno));
	}
	r = syscall(SYS_io_submit, ctx, 1, list);
	if (r == 1 && syscall(SYS_io_getevents, ctx, 1, 1, &ev, NULL) == 1)
		r = ev.res;
	else if (r == 1)
		GM_ERROR("io_getevents: %s", gm_errno_name(errno));
	err = r < 0 && r != -1 ? -r : errno;
	syscall(SYS_io_destroy, ctx);
	errno = err;
	return r < 0 ? -1 : r;
}

static long io_aio_write(const struct gm_access *a, int fd)
{
	return aio(a, fd, IOCB_CMD_PWRITE);
}

static long io_aio_read(const struct gm_access *a, int fd)
{
	return aio(a, fd, IOCB_CMD_PREAD);
}

static long p_write(const struct gm_access *a)
{
	return to_disk(a, io_pwrite);
}
static long p_writev(const struct gm_access *a)
{
	return to_disk(a, io_pwritev);
}
static long p_read(const struct gm_access *a)
{
	return from_disk(a, io_pread);
}
static long p_aio_write(const struct gm_access *a)
{
	return to_disk(a, io_aio_write);
}
static long p_aio_read(const struct gm_access *a)
{
	return from_disk(a, io_aio_read);
}

/* The result of a mixed request depends on the file system. */
#define DISK .needs = GM_NEEDS(DISK_DIO), .path = GM_PATH_PIN, .mix = GM_MIX_EITHER

const struct gm_probe gm_probes_disk[] = {
	{ .name = "o_direct_write",
	  .text = "O_DIRECT write from the range to a disk",
	  DISK,
	  .flags = GM_ACC_READ | GM_ACC_SLOW,
	  .run = p_write },
	{ .name = "o_direct_writev",
	  .text = "O_DIRECT writev: an ordinary page, then the range",
	  DISK,
	  .flags = GM_ACC_READ | GM_ACC_SLOW | GM_ACC_NO_MIX | GM_ACC_SAME_PATH,
	  .run = p_writev },
	{ .name = "o_direct_read",
	  .text = "O_DIRECT read of a disk into the range",
	  DISK,
	  .flags = GM_ACC_WRITE | GM_ACC_SLOW,
	  .run = p_read },
	{ .name = "aio_write",
	  .text = "AIO write from the range with O_DIRECT",
	  DISK,
	  .flags = GM_ACC_READ | GM_ACC_SLOW | GM_ACC_SAME_PATH,
	  .run = p_aio_write },
	{ .name = "aio_read",
	  .text = "AIO read into the range with O_DIRECT",
	  DISK,
	  .flags = GM_ACC_WRITE | GM_ACC_SLOW,
	  .run = p_aio_read },
	{ 0 }
};
