// SPDX-License-Identifier: GPL-2.0-only
/* Probes: memory-management calls that populate, lock, age, poison or report the range. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access.h"
#include "check.h"
#include "pagemap.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#define HUGE (2L << 20)
#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

static long p_madvise(const struct gm_access *a)
{
	return madvise(a->hva, a->len, a->probe->val);
}

/* Poisons or soft-offlines the first page, by a child, which may be killed: that is success. */
static long p_poison(const struct gm_access *a)
{
	pid_t child = GM_SETUP_OK(fork());
	int status;

	if (!child) {
		signal(SIGBUS, SIG_DFL);
		_exit(madvise(a->hva, GM_ACC_PAGE, a->probe->val) ? errno : 0);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	return errno ? -1 : 0;
}

/*
 * MADV_COLLAPSE of the file's first 2 MiB, in an aligned mapping. The memory of a control is too
 * small, so there it uses a memfd of that size.
 */
static long p_collapse(const struct gm_access *a)
{
	int fd = a->fd, err;
	uint8_t *area, *p;
	struct stat st;
	long r;

	GM_SETUP_OK(fstat(fd, &st));
	if (st.st_size < HUGE)
		fd = gm_acc_file(HUGE, NULL);
	area = mmap(NULL, 2 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	GM_SETUP(area != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	p = (uint8_t *)(((uintptr_t)area + HUGE - 1) & ~(HUGE - 1));
	GM_SETUP(mmap(p, HUGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == p,
		 "mmap of the file: %s", gm_errno_name(errno));
	madvise(p, HUGE, MADV_POPULATE_READ);
	r = madvise(p, HUGE, MADV_COLLAPSE);
	err = errno;
	munmap(area, 2 * HUGE);
	if (fd != a->fd)
		close(fd);
	errno = err;
	return r;
}

static long p_mlock(const struct gm_access *a)
{
	long r = mlock2(a->hva, a->len, a->probe->val);
	int err = errno;

	munlock(a->hva, a->len);
	errno = err;
	return r;
}

/* The number of bytes of the range that are in the page tables. */
static long present(const void *hva, size_t len)
{
	uint64_t entry[64];
	size_t pages = len / GM_ACC_PAGE;
	long n = 0;

	GM_SETUP(pages <= sizeof(entry) / sizeof(entry[0]), "too long");
	GM_SETUP(gm_pagemap_read(hva, pages, entry), "/proc/self/pagemap: %s",
		 gm_errno_name(errno));
	for (size_t i = 0; i < pages; i++)
		n += entry[i] & GM_PAGEMAP_PRESENT ? GM_ACC_PAGE : 0;
	return n;
}

static long p_map_populate(const struct gm_access *a)
{
	void *p = mmap(NULL, a->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, a->fd,
		       a->off);
	long r;

	if (p == MAP_FAILED)
		return -1;
	r = present(p, a->len);
	munmap(p, a->len);
	return r;
}

static long p_pagemap(const struct gm_access *a)
{
	madvise(a->hva, a->len, MADV_POPULATE_READ);
	return present(a->hva, a->len);
}

#ifdef PAGEMAP_SCAN
static long p_scan(const struct gm_access *a)
{
	struct page_region found[16];
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.start = (uintptr_t)a->hva,
		.end = (uintptr_t)a->hva + a->len,
		.vec = (uintptr_t)found,
		.vec_len = 16,
		.category_mask = PAGE_IS_PRESENT,
		.return_mask = PAGE_IS_PRESENT,
	};
	int fd = GM_SETUP_OK(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	long n, bytes = 0;

	madvise(a->hva, a->len, MADV_POPULATE_READ);
	n = ioctl(fd, PAGEMAP_SCAN, &arg);
	close(fd);
	if (n < 0 && errno == ENOTTY)
		gm_skip("no PAGEMAP_SCAN", "a kernel of 6.7 or later");
	for (long i = 0; i < n; i++)
		bytes += found[i].end - found[i].start;
	return n < 0 ? -1 : bytes;
}
#endif

static long p_mincore(const struct gm_access *a)
{
	unsigned char vec[64];

	GM_SETUP(a->len / GM_ACC_PAGE <= sizeof(vec), "too long");
	return mincore(a->hva, a->len, vec);
}

/* MAP_POPULATE ignores pages that cannot be populated. */
#define NOT_MAPPED GM_NOTHING("mm/gup.c:mm_populate() ignores errors; the fault is SIGBUS")
#define SIGBUS_FAULT "mm/gup.c:faultin_page(): VM_FAULT_SIGBUS; mm/madvise.c:madvise_populate()"
#define NOT_SECRET "mm/gup.c:check_vma_flags() refuses secretmem"
#define NO_GUP "series v12: mm/gup.c:check_vma_flags() refuses it, as it does secretmem"
#define RIGHTS "mm/gup.c:faultin_page_range(): check_vma_flags() fails, which is -EINVAL here"
#define NO_THP "mm/huge_memory.c:file_thp_enabled() is false for anonymous inodes"
#define LOCK_POSIX "mm/mlock.c:__mlock_posix_error_return() converts -EFAULT to -ENOMEM"

const struct gm_probe gm_probes_mm[] = {
	{ .name = "madv_populate_read",
	  .text = "MADV_POPULATE_READ",
	  .flags = GM_ACC_SAME_PATH,
	  .path = GM_PATH_MM,
	  .run = p_madvise,
	  .val = MADV_POPULATE_READ,
	  .mix = GM_MIX_WHOLE,
	  .want = { [GM_CLASS_SHARED_NOGUP] = GM_ERR(EINVAL, NO_GUP),
		    [GM_CLASS_PRIVATE] = GM_ERR(EFAULT, SIGBUS_FAULT),
		    [GM_CLASS_NO_ACCESS] = GM_ERR(EINVAL, RIGHTS),
		    [GM_CLASS_SECRETMEM] = GM_ERR(EINVAL, NOT_SECRET) } },
	{ .name = "madv_populate_write",
	  .text = "MADV_POPULATE_WRITE",
	  .path = GM_PATH_MM,
	  .run = p_madvise,
	  .val = MADV_POPULATE_WRITE,
	  .mix = GM_MIX_WHOLE,
	  .want = { [GM_CLASS_SHARED_NOGUP] = GM_ERR(EINVAL, NO_GUP),
		    [GM_CLASS_PRIVATE] = GM_ERR(EFAULT, SIGBUS_FAULT),
		    [GM_CLASS_READ_ONLY] = GM_ERR(EINVAL, RIGHTS),
		    [GM_CLASS_SECRETMEM] = GM_ERR(EINVAL, NOT_SECRET) } },
	{ .name = "map_populate",
	  .text = "MAP_POPULATE of the file",
	  .path = GM_PATH_MM,
	  .flags = GM_ACC_COUNT | GM_ACC_SHMEM | GM_ACC_NO_MIX | GM_ACC_SAME_PATH,
	  .run = p_map_populate,
	  .want = { [GM_CLASS_SHARED_NOGUP] = NOT_MAPPED,
		    [GM_CLASS_PRIVATE] = NOT_MAPPED,
		    [GM_CLASS_SECRETMEM] = NOT_MAPPED } },
	{ .name = "mlock",
	  .text = "mlock()",
	  .path = GM_PATH_MM,
	  .run = p_mlock,
	  .val = 0,
	  .mix = GM_MIX_WHOLE,
	  .want = { [GM_CLASS_SHARED_NOGUP] = GM_ERR(ENOMEM, LOCK_POSIX),
		    [GM_CLASS_PRIVATE] = GM_ERR(ENOMEM, LOCK_POSIX),
		    [GM_CLASS_SECRETMEM] = GM_ERR(ENOMEM, LOCK_POSIX) } },
	{ .name = "mlock_onfault",
	  .text = "mlock2(MLOCK_ONFAULT)",
	  .flags = GM_ACC_SAME_PATH,
	  .path = GM_PATH_MM,
	  .run = p_mlock,
	  .val = MLOCK_ONFAULT,
	  .mix = GM_MIX_OK,
	  .want = { [GM_CLASS_SECRETMEM] = GM_ABSENT } },
	{ .name = "madv_cold",
	  .text = "MADV_COLD",
	  .flags = GM_ACC_SAME_PATH,
	  .path = GM_PATH_MM,
	  .run = p_madvise,
	  .val = MADV_COLD,
	  .mix = GM_MIX_OK,
	  .want = { [GM_CLASS_SECRETMEM] = GM_ABSENT } },
	{ .name = "madv_pageout",
	  .text = "MADV_PAGEOUT",
	  .path = GM_PATH_MM,
	  .run = p_madvise,
	  .val = MADV_PAGEOUT,
	  .mix = GM_MIX_OK,
	  .want = { [GM_CLASS_SECRETMEM] = GM_ABSENT } },
	{ .name = "madv_willneed",
	  .text = "MADV_WILLNEED",
	  .path = GM_PATH_MM,
	  .flags = GM_ACC_SHMEM | GM_ACC_SAME_PATH,
	  .run = p_madvise,
	  .val = MADV_WILLNEED,
	  .mix = GM_MIX_OK },
	{ .name = "madv_mergeable",
	  .text = "MADV_MERGEABLE (KSM)",
	  .path = GM_PATH_MM,
	  .needs = GM_NEEDS(KSM),
	  .run = p_madvise,
	  .val = MADV_MERGEABLE,
	  .mix = GM_MIX_OK },
	{ .name = "madv_collapse",
	  .text = "MADV_COLLAPSE of 2 MiB of the file",
	  .path = GM_PATH_MM,
	  .needs = GM_NEEDS(THP, PAGES_4K),
	  .flags = GM_ACC_SHMEM | GM_ACC_FD | GM_ACC_NO_MIX | GM_ACC_SLOW,
	  .run = p_collapse,
	  .want = { [GM_CLASS_PRIVATE] = GM_ERR(EINVAL, NO_THP),
		    [GM_CLASS_SHARED] = GM_ERR(EINVAL, NO_THP),
		    [GM_CLASS_NO_VMA] = GM_ABSENT,
		    [GM_CLASS_SECRETMEM] = GM_ABSENT } },
	{ .name = "madv_dontneed",
	  .text = "MADV_DONTNEED: the file keeps its content",
	  .path = GM_PATH_MM,
	  .flags = GM_ACC_SHMEM | GM_ACC_NO_MIX,
	  .run = p_madvise,
	  .val = MADV_DONTNEED,
	  .want = { [GM_CLASS_SECRETMEM] = GM_ABSENT } },
	{ .name = "madv_remove",
	  .text = "MADV_REMOVE: a hole for exactly the range",
	  .path = GM_PATH_MM,
	  .flags = GM_ACC_SHMEM | GM_ACC_DROPS | GM_ACC_NO_MIX,
	  .run = p_madvise,
	  .val = MADV_REMOVE,
	  .want = { [GM_CLASS_SECRETMEM] = GM_ABSENT } },
	{ .name = "madv_hwpoison",
	  .text = "MADV_HWPOISON",
	  .path = GM_PATH_MM,
	  .needs = GM_NEEDS(HWPOISON),
	  .flags = GM_ACC_ROOT | GM_ACC_SHMEM | GM_ACC_HARMFUL | GM_ACC_FULL | GM_ACC_NO_MIX |
		   GM_ACC_DROPS | GM_ACC_SLOW,
	  .run = p_poison,
	  .val = MADV_HWPOISON,
	  .want = { [GM_CLASS_PRIVATE] = GM_ERR(EFAULT, "mm/madvise.c:madvise_inject_error(): GUP"),
		    [GM_CLASS_SECRETMEM] = GM_ABSENT,
		    [GM_CLASS_SHARED] = GM_ABSENT,
		    [GM_CLASS_SHARED_NOGUP] = GM_ABSENT } },
	{ .name = "madv_soft_offline",
	  .text = "MADV_SOFT_OFFLINE",
	  .path = GM_PATH_MM,
	  .needs = GM_NEEDS(HWPOISON),
	  .flags = GM_ACC_ROOT | GM_ACC_SHMEM | GM_ACC_HARMFUL | GM_ACC_FULL | GM_ACC_NO_MIX |
		   GM_ACC_SLOW,
	  .run = p_poison,
	  .val = MADV_SOFT_OFFLINE,
	  .want = { [GM_CLASS_PRIVATE] = GM_ERR(EFAULT, "mm/madvise.c:madvise_inject_error(): GUP"),
		    [GM_CLASS_SECRETMEM] = GM_ABSENT,
		    [GM_CLASS_SHARED] = GM_ABSENT,
		    [GM_CLASS_SHARED_NOGUP] = GM_ABSENT } },
	{ .name = "mincore",
	  .text = "mincore()",
	  .path = GM_PATH_MM,
	  .run = p_mincore,
	  .mix = GM_MIX_OK },
	{ .name = "pagemap",
	  .text = "/proc/self/pagemap after MADV_POPULATE_READ",
	  .path = GM_PATH_MM,
	  .flags = GM_ACC_COUNT | GM_ACC_NO_MIX,
	  .run = p_pagemap,
	  .want = { [GM_CLASS_SHARED_NOGUP] = NOT_MAPPED,
		    [GM_CLASS_PRIVATE] = NOT_MAPPED,
		    [GM_CLASS_SECRETMEM] = GM_ABSENT } },
#ifdef PAGEMAP_SCAN
	{ .name = "pagemap_scan",
	  .text = "PAGEMAP_SCAN after MADV_POPULATE_READ",
	  .path = GM_PATH_MM,
	  .flags = GM_ACC_COUNT | GM_ACC_NO_MIX | GM_ACC_SAME_PATH,
	  .run = p_scan,
	  .want = { [GM_CLASS_SHARED_NOGUP] = NOT_MAPPED,
		    [GM_CLASS_PRIVATE] = NOT_MAPPED,
		    [GM_CLASS_SECRETMEM] = GM_ABSENT } },
#endif
	{ 0 }
};
