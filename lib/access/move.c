// SPDX-License-Identifier: GPL-2.0-only
/* Probes: page migration between nodes, and userfaultfd. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "access.h"
#include "check.h"

/* The number of bytes of the range whose node move_pages() returns: those that are mapped. */
static long p_move_pages(const struct gm_access *a)
{
	void *page[64];
	int node[64], status[64];
	size_t n = a->len / GM_ACC_PAGE;
	long bytes = 0;

	GM_SETUP(n <= 64, "too long");
	madvise(a->hva, a->len, MADV_POPULATE_READ);
	for (size_t i = 0; i < n; i++) {
		page[i] = a->hva + i * GM_ACC_PAGE;
		node[i] = 0;
		status[i] = -1;
	}
	if (syscall(SYS_move_pages, 0, n, page, a->probe->val ? node : NULL, status,
		    a->probe->val) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		bytes += status[i] >= 0 ? GM_ACC_PAGE : 0;
	return bytes;
}

static long p_mbind(const struct gm_access *a)
{
	unsigned long nodes = 1;

	return syscall(SYS_mbind, a->hva, a->len, MPOL_BIND, &nodes, 8, MPOL_MF_MOVE);
}

static long p_migrate(const struct gm_access *a)
{
	unsigned long nodes = 1;

	return syscall(SYS_migrate_pages, 0, 8, &nodes, &nodes);
}

/* include/uapi/linux/userfaultfd.h, newer than some headers. */
#define MOVE_IOCTL _IOWR(0xAA, 5, uint64_t[5])

static int uffd_open(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);

	if (fd < 0)
		gm_acc_absent("no userfaultfd", "build the kernel with CONFIG_USERFAULTFD=y");
	GM_SETUP(fd >= 0, "userfaultfd: %s", gm_errno_name(errno));
	GM_SETUP_OK(ioctl(fd, UFFDIO_API, &api));
	return fd;
}

static long uffd_register(int fd, void *p, size_t len)
{
	struct uffdio_register reg = { .range = { (uintptr_t)p, len },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };

	return ioctl(fd, UFFDIO_REGISTER, &reg);
}

static long p_uffd_register(const struct gm_access *a)
{
	int fd = uffd_open(), err;
	long r = uffd_register(fd, a->hva, a->len);

	err = errno;
	close(fd);
	errno = err;
	return r;
}

/* UFFDIO_COPY from the range to missing pages. */
static long p_uffd_copy(const struct gm_access *a)
{
	uint8_t *dst =
		mmap(NULL, a->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_copy c = { .dst = (uintptr_t)dst, .src = (uintptr_t)a->hva, .len = a->len };
	int fd = uffd_open(), err;
	long r;

	GM_SETUP(dst != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	GM_SETUP_OK(uffd_register(fd, dst, a->len));
	r = ioctl(fd, UFFDIO_COPY, &c);
	err = errno;
	close(fd);
	if (c.copy > 0)
		r = c.copy;
	/* The userfaultfd is closed, so pages that were not copied read as zero. */
	for (size_t i = 0; i < a->len; i++)
		a->buf[i] = dst[i];
	munmap(dst, a->len);
	errno = err;
	return r;
}

/* Moves the range's pages to other memory; works for private anonymous memory only. */
static long p_uffd_move(const struct gm_access *a)
{
	uint8_t *dst =
		mmap(NULL, a->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct {
		uint64_t dst, src, len, mode;
		int64_t moved;
	} m = { .dst = (uintptr_t)dst, .src = (uintptr_t)a->hva, .len = a->len };
	int fd = uffd_open(), err;
	long r;

	GM_SETUP(dst != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	GM_SETUP_OK(uffd_register(fd, dst, a->len));
	r = ioctl(fd, MOVE_IOCTL, &m);
	err = errno;
	close(fd);
	if (m.moved > 0)
		r = m.moved;
	if (r < 0 && err == ENOTTY)
		gm_skip("no UFFDIO_MOVE", "a kernel of 6.8 or later");
	for (size_t i = 0; i < a->len; i++)
		a->buf[i] = dst[i];
	munmap(dst, a->len);
	errno = err;
	return r;
}

#define LOAD "mm/migrate.c:do_pages_stat_array(): nothing is mapped: -ENOENT"
#define NO_MOVE "mm/userfaultfd.c:validate_move_areas() takes anonymous memory only"
#define NO_UFFD "mm/userfaultfd.c:vma_can_userfault()"

const struct gm_probe gm_probes_move[] = {
	{ .name = "move_pages_query",
	  .text = "move_pages() without nodes, a query",
	  .path = GM_PATH_MM,
	  .needs = GM_NEEDS(NUMA),
	  .flags = GM_ACC_COUNT | GM_ACC_NO_MIX | GM_ACC_SAME_PATH,
	  .run = p_move_pages,
	  .want = { [GM_CLASS_SHARED_NOGUP] = GM_NOTHING(LOAD),
		    [GM_CLASS_PRIVATE] = GM_NOTHING(LOAD),
		    [GM_CLASS_SECRETMEM] = GM_ABSENT } },
	{ .name = "move_pages",
	  .text = "move_pages() with MPOL_MF_MOVE",
	  .path = GM_PATH_MM,
	  .needs = GM_NEEDS(NUMA),
	  .flags = GM_ACC_COUNT | GM_ACC_NO_MIX,
	  .run = p_move_pages,
	  .val = MPOL_MF_MOVE,
	  .want = { [GM_CLASS_SHARED_NOGUP] = GM_NOTHING(LOAD),
		    [GM_CLASS_PRIVATE] = GM_NOTHING(LOAD),
		    [GM_CLASS_SECRETMEM] = GM_ABSENT } },
	{ .name = "mbind_move",
	  .text = "mbind() with MPOL_MF_MOVE",
	  .path = GM_PATH_MM,
	  .needs = GM_NEEDS(NUMA),
	  .flags = GM_ACC_NO_MIX | GM_ACC_REMAPS,
	  .run = p_mbind },
	{ .name = "migrate_pages",
	  .text = "migrate_pages() of the process",
	  .path = GM_PATH_MM,
	  .needs = GM_NEEDS(NUMA),
	  .flags = GM_ACC_NO_MIX | GM_ACC_SLOW,
	  .run = p_migrate },
	{ .name = "uffd_register",
	  .text = "userfaultfd registers the range",
	  .path = GM_PATH_MM,
	  .mix = GM_MIX_WHOLE,
	  .run = p_uffd_register,
	  .want = { [GM_CLASS_PRIVATE] = GM_ERR(EINVAL, NO_UFFD),
		    [GM_CLASS_SHARED] = GM_ERR(EINVAL, NO_UFFD),
		    [GM_CLASS_SECRETMEM] = GM_ERR(EINVAL, NO_UFFD) } },
	{ .name = "uffd_copy",
	  .text = "UFFDIO_COPY from the range",
	  .path = GM_PATH_UACCESS,
	  .flags = GM_ACC_READ | GM_ACC_PAGES,
	  .run = p_uffd_copy },
	{ .name = "uffd_move",
	  .text = "UFFDIO_MOVE of the range's pages to other memory",
	  .path = GM_PATH_MM,
	  .flags = GM_ACC_READ | GM_ACC_ANON | GM_ACC_DROPS | GM_ACC_NO_MIX | GM_ACC_SLOW,
	  .run = p_uffd_move,
	  .want = { [GM_CLASS_PRIVATE] = GM_ERR(EINVAL, NO_MOVE),
		    [GM_CLASS_SHARED] = GM_ERR(EINVAL, NO_MOVE),
		    [GM_CLASS_SECRETMEM] = GM_ERR(EINVAL, NO_MOVE) } },
	{ 0 }
};
