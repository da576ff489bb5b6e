// SPDX-License-Identifier: GPL-2.0-only
/* Failing allocation of a file's pages, by fallocate and through the host's mapping. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "fail.h"

#define COUNT 70UL /* pages: more than one XArray node of the page cache */

static void prepare_private(struct fail_sweep *s)
{
	fail_empty(s, COUNT, true);
}

static void prepare_shared(struct fail_sweep *s)
{
	fail_empty(s, COUNT, false);
}

static int allocate(struct fail_sweep *s)
{
	return __gm_gmem_allocate(s->w->gmem, FAIL_AT * PG, COUNT * PG);
}

/* Expects that all pages are allocated and zero. */
static void allocated(struct fail_sweep *s)
{
	int64_t cached = gm_gmem_cached(s->w->gmem, FAIL_AT * PG, COUNT * PG);

	GM_EXPECT(cached == COUNT || cached < 0, "step %u: the file has %ld pages, expected %lu",
		  s->n, cached, COUNT);
	gm_fixture_check_guest(s->w, 1, fail_gfn(s, 0), COUNT, 1, "the allocated pages");
	gm_fixture_check_host(s->w, fail_gfn(s, 0), COUNT, 64, "the allocated pages");
}

static void retry_allocate(struct fail_sweep *s, int err)
{
	GM_EXPECT_OK(allocate(s), "the same call, after step %u failed", s->n);
	if (!gm_failures())
		allocated(s);
}

/* --- the host's mapping --- */

static int populate(struct fail_sweep *s)
{
	return madvise(fail_hva(s, 0), COUNT * PG, MADV_POPULATE_WRITE);
}

static void retry_populate(struct fail_sweep *s, int err)
{
	GM_EXPECT_OK(populate(s), "the same call, after step %u failed", s->n);
	if (!gm_failures())
		allocated(s);
}

static uint8_t *copy;

/* Reads this process's own memory by GUP. The returned size of a partial read must be right. */
static int read_remote(struct fail_sweep *s)
{
	struct iovec to = { copy, COUNT * PG }, from = { fail_hva(s, 0), COUNT * PG };
	ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);

	s->size = n;
	return n < 0 ? -1 : 0;
}

static void prepare_read(struct fail_sweep *s)
{
	prepare_shared(s);
	if (!copy)
		copy = malloc(COUNT * PG);
	GM_SETUP(copy, "out of memory");
	memset(copy, 0xa5, COUNT * PG);
}

static void was_read(struct fail_sweep *s)
{
	uint64_t zero = 0;

	GM_EXPECT(s->size <= COUNT * PG && s->size % PG == 0, "step %u: %lu bytes read", s->n,
		  s->size);
	while (zero < s->size && !copy[zero])
		zero++;
	GM_EXPECT_EQ(zero, s->size, "step %u: bytes read that are zero", s->n);
}

static void retry_read(struct fail_sweep *s, int err)
{
	GM_EXPECT_OK(read_remote(s), "the same call, after step %u failed", s->n);
	GM_EXPECT_EQ(s->size, COUNT * PG, "bytes read by the second call");
	was_read(s);
}

/* Makes a second mapping of the file. */
static int map(struct fail_sweep *s)
{
	s->mapped = mmap(NULL, s->w->file_size, PROT_READ | PROT_WRITE, MAP_SHARED, s->w->gmem, 0);
	return s->mapped == MAP_FAILED ? -1 : 0;
}

static void mapped(struct fail_sweep *s)
{
	GM_EXPECT_EQ(*(volatile uint64_t *)s->mapped, *(volatile uint64_t *)s->w->hva,
		     "step %u: the first word of the file in the new mapping", s->n);
	munmap(s->mapped, s->w->file_size);
}

static void retry_map(struct fail_sweep *s, int err)
{
	GM_EXPECT_OK(map(s), "the same call, after step %u failed", s->n);
	if (s->mapped != MAP_FAILED)
		mapped(s);
}

#define ALLOCATES .user_pages = true, .keeps_part = true
#define MAPPED (FAIL_P1 | FAIL_INPLACE)

const struct fail_op fail_file_ops[] = {
	{ .name = "file.allocate",
	  .clause = "fail.file",
	  .memory = FAIL_EACH,
	  ALLOCATES,
	  .err = { ENOMEM },
	  .prepare = prepare_shared,
	  .call = allocate,
	  .refused = retry_allocate,
	  .done = allocated,
	  .text = "fallocate of 70 pages: a part may be allocated, the next call allocates the rest" },
	{ .name = "file.allocate_private",
	  .clause = "fail.file",
	  .memory = FAIL_ATTRIBUTES | FAIL_INPLACE,
	  ALLOCATES,
	  .err = { ENOMEM },
	  .prepare = prepare_private,
	  .call = allocate,
	  .refused = retry_allocate,
	  .done = allocated,
	  .text = "fallocate of 70 private pages: a part may be allocated, the next call allocates the rest" },
	{ .name = "host.populate",
	  .clause = "fail.host",
	  .memory = MAPPED,
	  ALLOCATES,
	  .err = { ENOMEM },
	  .needs = GM_NEEDS(GMEM_GUP),
	  .prepare = prepare_shared,
	  .call = populate,
	  .refused = retry_populate,
	  .done = allocated,
	  .text = "MADV_POPULATE_WRITE of 70 pages of the mapping: a part may be allocated, the next call allocates the rest" },
	{ .name = "host.gup",
	  .clause = "fail.host",
	  .memory = MAPPED,
	  ALLOCATES,
	  .err = { EFAULT, ENOMEM },
	  .needs = GM_NEEDS(GMEM_GUP),
	  .prepare = prepare_read,
	  .call = read_remote,
	  .refused = retry_read,
	  .done = was_read,
	  .text = "process_vm_readv of 70 pages of the mapping: a partial read is right, the next call reads all" },
	{ .name = "host.mmap",
	  .clause = "fail.host",
	  .memory = MAPPED,
	  .err = { ENOMEM },
	  .call = map,
	  .refused = retry_map,
	  .done = mapped,
	  .text = "a second mapping of the file: none is left, and the next mmap works" },
	{},
};
