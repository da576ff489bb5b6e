// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared memory is freed and filled again by userfaultfd: an access in between waits for the new
 * content, and never sees a page of zeros. A guest_memfd cannot be registered: in place it is
 * refused.
 */
#include <poll.h>
#include <sys/mman.h>

#include "judge.h"
#include "uffd.h"

#define PAGES_MAX 16U	/* pages */
#define FAULT_WAIT_MS 2 /* how long it waits for a fault of another actor */

/* Fills one page: 0 or -errno. A second UFFDIO_COPY of it must be refused. */
static long fill(struct st_actor *a, int uffd, uint32_t page, uint32_t index)
{
	uint8_t *to = st_hva(a->run, page);
	int ret;

	memset(a->buf, 0, GM_PAGE_SIZE);
	gm_ring_write((uint64_t *)a->buf, gm_ring_stamp(st_gfn(page), GM_WRITER_HOST, index), 512);
	do
		ret = __gm_uffd_copy(uffd, to, a->buf, GM_PAGE_SIZE);
	while (ret && errno == EAGAIN);
	if (ret)
		return -errno;
	memset(a->buf, 0, GM_PAGE_SIZE);
	return !__gm_uffd_copy(uffd, to, a->buf, GM_PAGE_SIZE) ? -EADDRINUSE
	       : errno == EEXIST			       ? 0
							       : -errno;
}

/* Called with the locks that keep out holds, and children, whose mappings are not registered. */
static long replace(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	uint64_t len = op->len * GM_PAGE_SIZE;
	struct pollfd fault = { .events = POLLIN };
	long ret = 0;

	fault.fd = gm_uffd_new(st_hva(r, op->page), len);
	if (madvise(st_hva(r, op->page), len, r->mem->fd < 0 ? MADV_DONTNEED : MADV_REMOVE))
		ret = -errno;
	if (!ret && r->concurrent)
		poll(&fault, 1, FAULT_WAIT_MS);
	for (uint32_t p = 0; p < op->len && !ret; p++)
		ret = fill(a, fault.fd, op->page + p, index);
	close(fault.fd);
	return ret;
}

static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	long ret = 1;
	int fd;

	if (op->len > PAGES_MAX || !gm_platform_has(GM_NEED_USERFAULTFD))
		return 1;
	if (r->inplace) {
		fd = __gm_uffd_new(st_hva(r, op->page), op->len * GM_PAGE_SIZE);
		if (fd < 0)
			return -errno;
		close(fd);
		return 0;
	}
	pthread_rwlock_wrlock(&r->child_lock);
	pthread_rwlock_rdlock(&r->map_lock);
	pthread_mutex_lock(&r->hold_lock);
	if (!st_held(r, op->page, op->len))
		ret = replace(a, op, index);
	pthread_mutex_unlock(&r->hold_lock);
	pthread_rwlock_unlock(&r->map_lock);
	pthread_rwlock_unlock(&r->child_lock);
	return ret;
}

static bool observe(struct st_run *r, uint32_t i, struct st_event *e)
{
	if (r->inplace || r->res[i].ret == 1)
		return false;
	e->change = ST_ZERO;
	e->states = ST_SHARED;
	e->regs = ST_COUNTER | ST_STACK;
	st_oracle_add(r->oracle, e);
	e->change = ST_HOST_WRITE;
	e->regs = ST_WORD0 | ST_BODY;
	e->stamp = st_stamp(i, GM_WRITER_HOST);
	return true;
}

static bool expect(struct st_run *r, uint32_t i)
{
	long ret = r->res[i].ret;

	if (ret == 1)
		return true;
	if (r->inplace)
		return ret == -EINVAL || st_wrong(r, i, "gup.uffd_register", "-22 EINVAL");
	return st_expect_0(r, i, "gup.uffd_register");
}

const struct st_op st_op_uffd = {
	.name = "uffd",
	.text = "shared memory is freed and filled again by userfaultfd",
	.flags = ST_PAGES | ST_WRITES | ST_NOT_HUGE_FILE,
	.weight = { [ST_MIX_HUGEPAGE] = 4, [ST_MIX_PINS] = 2, [ST_MIX_EVERYTHING] = 3 },
	.layouts = ST_SMALL_PAGES,
	.run = run,
	.observe = observe,
	.expect = expect,
};
