// SPDX-License-Identifier: GPL-2.0-only
/* Calls that reserve, allocate, move, pin or give back pages of a memfd or of hugetlbfs. */
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "pool_sweep.h"

#define IOVA 0x2000000UL

static int map_as(struct pool_sweep *s, enum pool_map kind)
{
	void *p = mmap(NULL, s->size, PROT_READ | PROT_WRITE,
		       kind == POOL_PRIVATE ? MAP_PRIVATE : MAP_SHARED, s->fd, 0);

	if (p == MAP_FAILED)
		return -1;
	s->hva = p;
	s->map = kind;
	s->reserved = POOL_PAGES;
	return 0;
}

static int reserve(struct pool_sweep *s)
{
	return map_as(s, POOL_SHARED);
}

static int reserve_private(struct pool_sweep *s)
{
	return map_as(s, POOL_PRIVATE);
}

static int populate(struct pool_sweep *s)
{
	return madvise(s->hva + s->page, 2 * s->page, MADV_POPULATE_WRITE);
}

/* Expects the content of the two pages in the middle, as all files begin: zero. */
static void populated(struct pool_sweep *s)
{
	gm_host_check_zero(s->hva + s->page, 2 * s->page / GM_PAGE_SIZE, "the two pages");
}

static int allocate(struct pool_sweep *s)
{
	return fallocate(s->fd, 0, 0, s->size);
}

static int punch_page(struct pool_sweep *s, unsigned int page)
{
	int ret = fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * s->page,
			    s->page);

	/* A hole gives back the reservation, too. */
	if (!ret)
		s->reserved--;
	return ret;
}

/* The first hole splits the file's record of what is reserved with memory that is kept for this. */
static void punch_first(struct pool_sweep *s)
{
	GM_SETUP_OK(punch_page(s, 1));
}

static int punch(struct pool_sweep *s)
{
	return punch_page(s, 3);
}

static int unmap_middle(struct pool_sweep *s)
{
	int ret = munmap(s->hva + s->page, s->page);

	if (!ret && s->map == POOL_PRIVATE)
		s->reserved--;
	return ret;
}

static int move(struct pool_sweep *s)
{
	void *to = s->hva + GM_1G;
	void *p = mremap(s->hva, s->size, s->size, MREMAP_MAYMOVE | MREMAP_FIXED, to);

	if (p == MAP_FAILED)
		return -1;
	s->hva = p;
	return 0;
}

/* Writes two pages by the mapping. */
static void write_two(struct pool_sweep *s)
{
	for (uint64_t i = 1; i < 3; i++)
		*(volatile uint64_t *)(s->hva + i * s->page) = i;
}

static void written(struct pool_sweep *s)
{
	for (uint64_t i = 1; i < 3; i++)
		GM_EXPECT_EQ(*(volatile uint64_t *)(s->hva + i * s->page), i, "step %u: page %lu",
			     s->n, i);
}

static int fork_child(struct pool_sweep *s)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(0);
	if (pid < 0)
		return -1;
	GM_SETUP_OK(waitpid(pid, &status, 0));
	return 0;
}

/* --- pins --- */

static int make_udmabuf(struct pool_sweep *s)
{
	struct udmabuf_create arg = { .memfd = s->fd,
				      .flags = UDMABUF_FLAGS_CLOEXEC,
				      .size = s->size };

	s->made = ioctl(s->udmabuf, UDMABUF_CREATE, &arg);
	return s->made < 0 ? -1 : 0;
}

static void close_made(struct pool_sweep *s)
{
	close(s->made);
}

static int map_file(struct pool_sweep *s)
{
	s->iova = IOVA;
	if (__gm_map_file(s->iommu, s->ioas, s->fd, 0, s->size, &s->iova, GM_RW))
		return -1;
	s->made = 0;
	return 0;
}

static void unmap_file(struct pool_sweep *s)
{
	gm_unmap(s->iommu, s->ioas, IOVA, s->size);
}

static void map_only(struct pool_sweep *s)
{
	uint64_t at = IOVA;

	GM_SETUP_OK(__gm_map_file(s->iommu, s->ioas, s->fd, 0, s->size, &at, GM_RW));
}

static int pin(struct pool_sweep *s)
{
	s->made = __gm_access_pin(s->iommu, s->access, IOVA, s->size, NULL, true);
	return s->made < 0 ? -1 : 0;
}

static void unpin(struct pool_sweep *s)
{
	GM_EXPECT_OK(__gm_access_unpin(s->iommu, s->access, s->made), "step %u", s->n);
	unmap_file(s);
}

#define POOL .clause = "fail.pool", .err = { ENOMEM }
#define UDMABUF(of)                                                                                \
	.clause = of, .pins = true, .err = { ENOMEM }, .needs = GM_NEEDS(UDMABUF),                 \
	.call = make_udmabuf, .undo = close_made
#define DMA                                                                                        \
	.clause = "fail.pins", .pins = true, .dma = true, .err = { ENOMEM, ENOENT, EFAULT },       \
	.call = map_file, .undo = unmap_file
#define ACCESS                                                                                     \
	.clause = "fail.pins", .pins = true, .dma = true, .access = true,                          \
	.err = { ENOMEM, EFAULT, EINVAL }, .ready = map_only, .call = pin, .undo = unpin

const struct pool_op pool_ops[] = {
	{ .name = "pool.mmap",
	  .short_err = ENOMEM,
	  POOL,
	  .call = reserve,
	  .text = "mmap of a file of huge pages: no page stays reserved" },
	{ .name = "pool.mmap_part",
	  .short_err = ENOMEM,
	  POOL,
	  .mount = true,
	  .touched = 1,
	  .call = reserve,
	  .text = "mmap of a file that has its first page, of a file system with a minimum: no page stays reserved" },
	{ .name = "pool.mmap_private",
	  .short_err = ENOMEM,
	  POOL,
	  .mount = true,
	  .touched = 2,
	  .call = reserve_private,
	  .text = "a private mapping of a file of a file system with a maximum: no page stays reserved" },
	{ .name = "pool.touch",
	  POOL,
	  .map = POOL_SHARED,
	  .call = populate,
	  .done = populated,
	  .text = "two pages of a shared mapping are touched: a page that is not allocated stays reserved" },
	{ .name = "pool.touch_private",
	  POOL,
	  .map = POOL_PRIVATE,
	  .call = populate,
	  .done = populated,
	  .text = "two pages of a private mapping are touched: a page that is not allocated stays reserved" },
	{ .name = "pool.touch_noreserve",
	  .short_err = EFAULT,
	  POOL,
	  .map = POOL_NORESERVE,
	  .survives = true,
	  .call = populate,
	  .done = populated,
	  .text = "two pages without a reservation are touched: the pool has what is not allocated" },
	{ .name = "pool.touch_twice",
	  .clause = "fail.pool",
	  .err = { ENOMEM, EFAULT },
	  .map = POOL_NORESERVE,
	  .twice = true,
	  .call = populate,
	  .done = populated,
	  .text = "two pages without a reservation are touched, and two allocations fail: the file has no reservation of what is not allocated" },
	{ .name = "pool_limit.touch",
	  .short_err = EFAULT,
	  .clause = "fail.pool_limit",
	  .full = true,
	  .err = { ENOMEM },
	  .mount = true,
	  .touched = 1,
	  .map = POOL_NORESERVE,
	  .survives = true,
	  .call = populate,
	  .done = populated,
	  .text = "two pages of a file system with a maximum are touched, without a reservation: the file system has what is not allocated" },
	{ .name = "pool.cow",
	  POOL,
	  .mount = true,
	  .map = POOL_PRIVATE,
	  .touched = 3,
	  .call = populate,
	  .done = populated,
	  .text = "a private mapping copies two pages of the file: a page that is not copied stays reserved" },
	{ .name = "pool.allocate",
	  .short_err = ENOSPC,
	  POOL,
	  .call = allocate,
	  .text = "fallocate of huge pages: pages that are not allocated are free" },
	{ .name = "pool.allocate_reserved",
	  POOL,
	  .mount = true,
	  .map = POOL_SHARED,
	  .touched = 1,
	  .call = allocate,
	  .text = "fallocate of pages that a mapping has reserved: pages that are not allocated stay reserved" },
	{ .name = "pool.fork",
	  .clause = "fail.pool",
	  .err = { ENOMEM, EAGAIN },
	  .map = POOL_PRIVATE,
	  .stride = 4,
	  .ready = write_two,
	  .call = fork_child,
	  .done = written,
	  .text = "fork with a private mapping of huge pages: the parent's pages and reservation are unchanged" },
	{ .name = "pool.move",
	  POOL,
	  .map = POOL_PRIVATE,
	  .ready = write_two,
	  .call = move,
	  .done = written,
	  .text = "mremap of a private mapping of huge pages: pages and reservation are unchanged" },
	{ .name = "pool.split",
	  POOL,
	  .map = POOL_PRIVATE,
	  .ready = write_two,
	  .call = unmap_middle,
	  .text = "munmap of the second page of a private mapping: it is gone, or nothing is" },
	{ .name = "pool.punch",
	  POOL,
	  .mount = true,
	  .map = POOL_SHARED,
	  .touched = 6,
	  .survives = true,
	  .keeps_reserved = true,
	  .ready = punch_first,
	  .call = punch,
	  .text = "a hole in a mapped file: pool, file system and reservation are exact" },
	{ .name = "pins.udmabuf",
	  UDMABUF("fail.pins"),
	  .single = true,
	  .touched = 2,
	  .text = "UDMABUF_CREATE of a memfd with two of its six pages: no page stays pinned" },
	{ .name = "pins.udmabuf_hugetlb",
	  .short_err = ENOMEM,
	  UDMABUF("fail.pins"),
	  .touched = 1,
	  .text = "UDMABUF_CREATE of a memfd with one of its six huge pages: no page stays pinned, the pool is exact" },
	{ .name = "pins.udmabuf_reserved",
	  UDMABUF("fail.pins"),
	  .map = POOL_SHARED,
	  .text = "UDMABUF_CREATE of a mapped memfd of huge pages: no page stays pinned, pages that are not allocated stay reserved" },
	{ .name = "pins_add.udmabuf",
	  UDMABUF("fail.pins_add"),
	  .full = true,
	  .destructive = true,
	  .twice = true,
	  .text = "UDMABUF_CREATE of a memfd of huge pages, and two allocations fail: the pool has the reservations that it had" },
	{ .name = "pins.map_file",
	  DMA,
	  .single = true,
	  .touched = 2,
	  .text = "IOMMU_IOAS_MAP_FILE of a memfd with two of its six pages: no page stays pinned" },
	{ .name = "pins.map_file_hugetlb",
	  .short_err = ENOMEM,
	  DMA,
	  .mount = true,
	  .touched = 1,
	  .text = "IOMMU_IOAS_MAP_FILE of a file with one of its six huge pages: no page stays pinned, pool and file system are exact" },
	{ .name = "pins.map_file_reserved",
	  DMA,
	  .map = POOL_SHARED,
	  .text = "IOMMU_IOAS_MAP_FILE of a mapped memfd of huge pages: no page stays pinned, pages that are not allocated stay reserved" },
	{ .name = "pins.access",
	  ACCESS,
	  .single = true,
	  .touched = 2,
	  .text = "an in-kernel user pins a map of a memfd with two of its six pages: no page stays pinned" },
	{ .name = "pins.access_hugetlb",
	  .stride = 4,
	  .short_err = ENOMEM,
	  ACCESS,
	  .touched = 1,
	  .text = "an in-kernel user pins a map of a memfd with one of its six huge pages: no page stays pinned, the pool is exact" },
	{},
};
