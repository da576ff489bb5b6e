// SPDX-License-Identifier: GPL-2.0-only
/* The sweep over one call on a memfd, and what is counted before and after it. */
#include "pool_sweep.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "fail_nth.h"
#include "main.h"
#include "pagemap.h"
#include "pins.h"

#define MOST 600
#define MOUNT_MAX 16L /* pages that a file system of its own has */
#define MOUNT_MIN 2L  /* pages of the pool that it keeps */

/* include/uapi/linux/mount.h; C libraries have either this header or <sys/mount.h>. */
#define SET_STRING 1
#define CREATE 6

static int new_mount(void)
{
	int fs = GM_SETUP_OK(syscall(SYS_fsopen, "hugetlbfs", 0)), mnt;

	GM_SETUP_OK(syscall(SYS_fsconfig, fs, SET_STRING, "pagesize", "2M", 0));
	GM_SETUP_OK(syscall(SYS_fsconfig, fs, SET_STRING, "size", "32M", 0));
	GM_SETUP_OK(syscall(SYS_fsconfig, fs, SET_STRING, "min_size", "4M", 0));
	GM_SETUP_OK(syscall(SYS_fsconfig, fs, CREATE, NULL, NULL, 0));
	mnt = GM_SETUP_OK(syscall(SYS_fsmount, fs, 0, 0));
	close(fs);
	return mnt;
}

static void map(struct pool_sweep *s, enum pool_map kind)
{
	static const int flags[] = { [POOL_SHARED] = MAP_SHARED,
				     [POOL_PRIVATE] = MAP_PRIVATE,
				     [POOL_NORESERVE] = MAP_SHARED | MAP_NORESERVE };
	void *p = mmap(NULL, s->size, PROT_READ | PROT_WRITE, flags[kind], s->fd, 0);

	if (p == MAP_FAILED)
		return;
	s->hva = p;
	s->map = kind;
	s->reserved = kind == POOL_NORESERVE ? 0 : POOL_PAGES;
}

static void unmap(struct pool_sweep *s)
{
	if (s->hva)
		GM_SETUP_OK(munmap(s->hva, s->size));
	s->hva = NULL;
	if (s->map == POOL_PRIVATE)
		s->reserved = 0;
	s->map = POOL_UNMAPPED;
}

/* A new file for each step, as the row wants it. */
static void prepare(struct pool_sweep *s)
{
	const struct pool_op *op = s->op;

	s->hva = NULL;
	s->map = POOL_UNMAPPED;
	s->reserved = 0;
	s->made = -1;
	s->kept = 0;
	if (op->mount)
		s->fd = GM_SETUP_OK(openat(s->mount, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	else
		s->fd = GM_SETUP_OK(memfd_create("gm", MFD_CLOEXEC | MFD_ALLOW_SEALING |
							       (op->single ? 0 : MFD_HUGETLB)));
	GM_SETUP_OK(ftruncate(s->fd, s->size));
	if (op->pins && !op->mount)
		GM_SETUP_OK(fcntl(s->fd, F_ADD_SEALS, F_SEAL_SHRINK));
	if (op->touched)
		GM_SETUP_OK(fallocate(s->fd, 0, 0, op->touched * s->page));
	if (op->map) {
		map(s, op->map);
		GM_SETUP(s->hva, "mmap: %s", gm_errno_name(errno));
	}
	if (op->ready)
		op->ready(s);
	s->pins = gm_all_pins();
	s->pinned = gm_vm_pinned();
}

/*
 * Pages of the file. If a hole cannot change the record of reservations, its page stays in st_blocks
 * (mm/hugetlb.c, hugetlb_unreserve_pages() returns before).
 */
static long file_pages(const struct pool_sweep *s)
{
	struct stat st;

	GM_SETUP_OK(fstat(s->fd, &st));
	return st.st_blocks * 512 / s->page - s->kept;
}

/* Pages of a private mapping that are its own. */
static long own_pages(const struct pool_sweep *s)
{
	uint64_t entry;
	long n = 0;

	if (s->map != POOL_PRIVATE)
		return 0;
	for (uint64_t off = 0; off < s->size; off += s->page)
		n += gm_pagemap_read(s->hva + off, 1, &entry) && entry & GM_PAGEMAP_PRESENT &&
		     !(entry & GM_PAGEMAP_FILE);
	return n;
}

/* Expects the counters of the pool to be what the file, its mapping and its file system hold. */
static void check_pool(const struct pool_sweep *s, const char *when)
{
	long file = file_pages(s), own = own_pages(s), resv;
	struct statfs fs;

	if (s->op->single)
		return;
	if (s->map == POOL_PRIVATE)
		resv = s->reserved - own;
	else
		resv = s->reserved > file ? s->reserved - file : 0;
	if (s->op->mount) {
		long held = file + own + resv;

		resv += held < MOUNT_MIN ? MOUNT_MIN - held : 0;
		GM_SETUP_OK(fstatfs(s->mount, &fs));
		GM_EXPECT(fs.f_blocks == MOUNT_MAX && (long)fs.f_bfree == MOUNT_MAX - held,
			  "%s, step %u: the file system has %ld of %ld pages free, expected %ld",
			  when, s->n, (long)fs.f_bfree, (long)fs.f_blocks, MOUNT_MAX - held);
	}
	gm_pool_expect(&s->base, file + own, resv, when);
}

static void check_pins(const struct pool_sweep *s, const char *when)
{
	GM_EXPECT_EQ(gm_all_pins_wait(s->pins), s->pins, "%s, step %u: pins of all pages", when,
		     s->n);
	GM_EXPECT_EQ(gm_vm_pinned(), s->pinned, "%s, step %u: VmPin, pages", when, s->n);
}

/* Frees the file. The pool has then all that it had at first. */
static void clear(struct pool_sweep *s)
{
	if (s->op->undo && s->made >= 0)
		s->op->undo(s);
	unmap(s);
	close(s->fd);
	check_pins(s, "the file is closed");
	if (!s->op->single)
		gm_pool_expect(&s->base, 0, s->op->mount ? MOUNT_MIN : 0, "the file is closed");
}

/* Another program reserves all but n pages of the pool that are free and not reserved. */
static void drain(struct pool_sweep *s, long n)
{
	struct gm_pool now;
	void *p;

	gm_pool_read(&now, GM_2M);
	s->others = now.free - now.resv - n;
	GM_SETUP(s->others > 0, "the pool has %ld free pages, %ld of them reserved", now.free,
		 now.resv);
	p = mmap(NULL, s->others * GM_2M, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	GM_SETUP(p != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	s->other = p;
	s->base.resv += s->others;
}

static void drain_end(struct pool_sweep *s)
{
	GM_SETUP_OK(munmap(s->other, s->others * GM_2M));
	s->other = NULL;
	s->base.resv -= s->others;
}

static bool allowed(const struct pool_op *op, int err)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(op->err) && op->err[i]; i++)
		if (op->err[i] == err)
			return true;
	return false;
}

/* Expects that a refused call left nothing, and calls again. */
static void refused(struct pool_sweep *s)
{
	check_pins(s, "refused");
	check_pool(s, "refused");
	if (s->other)
		drain_end(s);
	if (!gm_failures())
		GM_EXPECT_OK(s->op->call(s), "the same call, after step %u failed", s->n);
}

static void succeeded(struct pool_sweep *s)
{
	check_pool(s, "the call is done");
	if (s->op->pins)
		GM_EXPECT(gm_all_pins() > s->pins, "step %u: no page is pinned", s->n);
	else
		check_pins(s, "the call is done");
	if (s->op->done)
		s->op->done(s);
}

/* One step. False: the call has no more steps. */
static bool step(struct pool_sweep *s, unsigned int *refusals)
{
	bool reached;
	int ret, err;

	prepare(s);
	gm_fail_nth(s->n);
	ret = s->op->call(s);
	err = errno;
	reached = gm_fail_nth_reached();
	if (!ret && reached && s->op->keeps_reserved) {
		s->reserved++;
		s->kept = 1;
	}
	if (ret) {
		GM_EXPECT(reached, "%s without a failed allocation", gm_errno_name(err));
		GM_EXPECT(allowed(s->op, err), "step %u failed: %s", s->n, gm_errno_name(err));
		++*refusals;
		refused(s);
	}
	if (!gm_failures())
		succeeded(s);
	clear(s);
	return reached;
}

static void open_pinner(struct pool_sweep *s)
{
	if (s->op->dma) {
		s->iommu = gm_iommu_new(GM_IOMMU_MOCK);
		s->ioas = gm_ioas_new(s->iommu);
		if (s->op->access)
			s->access = gm_access_new(s->iommu, s->ioas, true);
		else
			s->dev = gm_iodev_new(s->iommu, s->ioas);
	} else if (s->op->pins) {
		s->udmabuf = GM_SETUP_OK(open("/dev/udmabuf", O_RDWR | O_CLOEXEC));
	}
}

static void close_pinner(struct pool_sweep *s)
{
	if (s->dev)
		gm_iodev_free(s->dev);
	if (s->access >= 0)
		close(s->access);
	if (s->iommu)
		gm_iommu_free(s->iommu);
	if (s->udmabuf >= 0)
		close(s->udmabuf);
}

void pool_sweep(const struct gm_case *self)
{
	struct pool_sweep s = { .op = self->arg, .mount = -1, .udmabuf = -1, .access = -1 };
	unsigned int stride = s.op->stride ?: 1, steps = 0, refusals = 0;
	bool more = true;

	s.page = s.op->single ? GM_PAGE_SIZE : GM_2M;
	s.size = POOL_PAGES * s.page;
	gm_pool_read(&s.base, GM_2M);
	if (s.op->mount)
		s.mount = new_mount();
	open_pinner(&s);
	gm_fail_nth_open();
	gm_fail_nth_user_pages();
	if (s.op->twice)
		gm_fail_nth_twice();
	for (s.n = 1 + gm_seed() % stride; more && s.n < MOST && !gm_failures(); s.n += stride) {
		more = step(&s, &refusals);
		steps += more;
	}
	gm_note("%u steps, %u of them make the call fail", steps, refusals);
	GM_EXPECT(s.n < MOST, "the sweep has too many steps");
	GM_SETUP(steps || gm_failures(),
		 "no allocation failed: CONFIG_FAULT_INJECTION, CONFIG_FAILSLAB");
	GM_EXPECT(refusals || s.op->survives || gm_failures(),
		  "%u steps failed, and the call succeeded each time", steps);
	close_pinner(&s);
	if (s.mount >= 0)
		close(s.mount);
	if (!s.op->single && !gm_failures())
		gm_pool_expect(&s.base, 0, 0, "all is freed");
}

/* One call while the pool has n pages for it. */
static void call_short(struct pool_sweep *s, unsigned int *refusals)
{
	int ret, err;

	prepare(s);
	drain(s, s->n);
	errno = 0;
	ret = s->op->call(s);
	err = errno;
	if (ret) {
		GM_EXPECT(err == s->op->short_err && s->n < POOL_PAGES, "%u pages are free: %s",
			  s->n, gm_errno_name(err));
		++*refusals;
		refused(s);
	}
	if (s->other) {
		check_pool(s, "the call is done");
		drain_end(s);
	}
	if (!gm_failures())
		succeeded(s);
	clear(s);
}

void pool_short(const struct gm_case *self)
{
	struct pool_sweep s = { .op = self->arg, .mount = -1, .udmabuf = -1, .access = -1 };
	unsigned int refusals = 0;

	s.page = GM_2M;
	s.size = POOL_PAGES * s.page;
	gm_pool_read(&s.base, GM_2M);
	if (s.op->mount)
		s.mount = new_mount();
	open_pinner(&s);
	for (s.n = 0; s.n <= POOL_PAGES && !gm_failures(); s.n++)
		call_short(&s, &refusals);
	gm_note("%u of %lu calls fail", refusals, POOL_PAGES + 1);
	GM_EXPECT(!refusals == !s.op->short_err || gm_failures(), "%u calls fail", refusals);
	close_pinner(&s);
	if (s.mount >= 0)
		close(s.mount);
	if (!gm_failures())
		gm_pool_expect(&s.base, 0, 0, "all is freed");
}
