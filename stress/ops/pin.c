// SPDX-License-Identifier: GPL-2.0-only
/* pin and unpin: gup_test pins shared memory for long. A thread pins one range at a time. */
#include <sys/ioctl.h>

#include "judge.h"

/* The ABI of mm/gup_test.h, which the kernel does not export. */
struct longterm {
	uint64_t addr, size;
	uint32_t flags; /* 1: for writing */
};

#define HOLD_START _IOW('g', 7, struct longterm)
#define HOLD_STOP _IO('g', 8)
#define HOLD_READ _IOW('g', 9, uint64_t)
#define PINS_MAX 8U

static struct pin {
	int fd; /* gup_test; 0: not open */
	uint32_t page, len, op;
} pins[ST_THREADS];

static long pin(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	struct pin *mine = &pins[a->nr];
	struct longterm range = { .addr = (uintptr_t)st_hva(r, op->page),
				  .size = op->len * GM_PAGE_SIZE,
				  .flags = 1 };
	long ret;

	if (mine->fd <= 0)
		mine->fd = open("/sys/kernel/debug/gup_test", O_RDWR | O_CLOEXEC);
	if (mine->fd < 0 || mine->len || op->len > PINS_MAX)
		return 1;
	pthread_rwlock_rdlock(&r->map_lock);
	pthread_mutex_lock(&r->hold_lock);
	ret = ioctl(mine->fd, HOLD_START, &range) ? -errno : 0;
	if (!ret) {
		mine->page = op->page;
		mine->len = op->len;
		mine->op = index;
		st_hold_begin(r, index, op->page, op->len);
	}
	pthread_mutex_unlock(&r->hold_lock);
	pthread_rwlock_unlock(&r->map_lock);
	return ret;
}

/*
 * Reads the pinned pages first: they are still shared memory, unless in place a hole removed them.
 */
static long unpin(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	struct pin *mine = &pins[a->nr];
	uint64_t to = (uintptr_t)a->buf;
	long ret;

	if (!mine->len)
		return 1;
	r->note[index].hold_op = mine->op;
	ret = ioctl(mine->fd, HOLD_READ, &to) ? -errno : 0;
	if (!ret)
		st_log_pages(a, a->buf, mine->page, mine->len, 512);
	pthread_mutex_lock(&r->hold_lock);
	mine->len = 0;
	st_hold_ending(r, mine->op);
	pthread_mutex_unlock(&r->hold_lock);
	if (ioctl(mine->fd, HOLD_STOP))
		return -errno;
	pthread_mutex_lock(&r->hold_lock);
	if (!ret)
		st_hold_end(r, mine->op, index);
	pthread_mutex_unlock(&r->hold_lock);
	return ret;
}

static bool expect_pin(struct st_run *r, uint32_t i)
{
	if (r->inplace)
		return st_expect_access(r, i, "gup.gup_hold_write");
	return r->res[i].ret != -EFAULT || st_wrong(r, i, "gup.gup_hold_write", "0");
}

static bool expect_unpin(struct st_run *r, uint32_t i)
{
	if (r->res[i].ret == -EFAULT)
		return st_wrong(r, i, "gup.gup_hold_write", "0");
	return st_expect_reads(r, i);
}

static void release(const struct st_prog *p, struct st_prog *out)
{
	for (uint8_t t = 0; t < p->head.threads; t++)
		st_prog_add(out, (struct gm_sop){
					 .actor = GM_SOP_HOST | t, .code = ST_OP_UNPIN, .len = 1 });
}

const struct st_op st_op_pin = {
	.name = "pin",
	.text = "the kernel pins shared memory for long",
	.flags = ST_PAGES | ST_REFERS,
	.weight = { [ST_MIX_HUGEPAGE] = 3,
		    [ST_MIX_IOMMU] = 2,
		    [ST_MIX_PINS] = 10,
		    [ST_MIX_EVERYTHING] = 3 },
	.run = pin,
	.expect = expect_pin,
	.release = release,
};

const struct st_op st_op_unpin = {
	.name = "unpin",
	.text = "the pinned pages are read and unpinned",
	.flags = ST_READS | ST_BY_HOLD,
	.weight = { [ST_MIX_HUGEPAGE] = 3,
		    [ST_MIX_IOMMU] = 2,
		    [ST_MIX_PINS] = 9,
		    [ST_MIX_EVERYTHING] = 3 },
	.run = unpin,
	.expect = expect_unpin,
};
