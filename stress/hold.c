// SPDX-License-Identifier: GPL-2.0-only
/* What holds memory for a while, and what moves it about: pins, the huge page pool, compaction. */
#include <sys/ioctl.h>

#include "exec.h"
#include "pool.h"

/*
 * Device mappings and pins keep the memory that they have: what they hold is not given back under
 * them.
 */
bool st_held(const struct st_run *r, uint32_t page, uint32_t n)
{
	for (unsigned int i = 0; i < ST_THREADS; i++)
		if (r->thread[i].pins && r->thread[i].pin_page < page + n &&
		    page < r->thread[i].pin_page + r->thread[i].pins)
			return true;
	for (unsigned int i = 0; i < ST_MAPS; i++)
		if (r->map[i].used && r->map[i].page < page + n &&
		    page < r->map[i].page + r->map[i].len)
			return true;
	return false;
}

/* The ABI of mm/gup_test.h, which is no exported header; the access table has the probes. */
struct longterm {
	uint64_t addr, size;
	uint32_t flags; /* 1: for writing */
};

#define HOLD_START _IOW('g', 7, struct longterm)
#define HOLD_STOP _IO('g', 8)
#define HOLD_READ _IOW('g', 9, uint64_t)
#define PINS_MAX 8U

/* 1: not done. A thread holds one range at a time, until it lets go or the program ends. */
long st_pin(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	struct longterm range = { .addr = (uintptr_t)st_hva(r, op->page),
				  .size = op->len * GM_PAGE_SIZE,
				  .flags = 1 };
	long ret = 1;

	if (a->pin_fd < 0)
		a->pin_fd = open("/sys/kernel/debug/gup_test", O_RDWR | O_CLOEXEC);
	if (a->pin_fd < 0 || a->pins || op->len > PINS_MAX)
		return 1;
	pthread_rwlock_rdlock(&r->map_lock);
	pthread_mutex_lock(&r->iommu_lock);
	ret = ioctl(a->pin_fd, HOLD_START, &range) ? -errno : 0;
	if (!ret) {
		a->pin_page = op->page;
		a->pins = op->len;
		a->pin_op = index;
	}
	pthread_mutex_unlock(&r->iommu_lock);
	pthread_rwlock_unlock(&r->map_lock);
	return ret;
}

/* What was pinned is shared memory still: nothing takes it away meanwhile, in place but for a hole. */
long st_unpin(struct st_actor *a, uint32_t index)
{
	struct st_run *r = a->run;
	uint64_t to = (uintptr_t)a->buf;
	long ret;

	if (!a->pins)
		return 1;
	r->about[index] = a->pin_op;
	ret = ioctl(a->pin_fd, HOLD_READ, &to) ? -errno : 0;
	if (!ret)
		st_log_pages(a, a->buf, a->pin_page, a->pins, 512);
	pthread_mutex_lock(&r->iommu_lock);
	a->pins = 0;
	pthread_mutex_unlock(&r->iommu_lock);
	return ioctl(a->pin_fd, HOLD_STOP) ? -errno : ret;
}

static long write_number(const char *file, long n)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	long ret = 1;

	if (fd < 0)
		return 1;
	if (dprintf(fd, "%ld\n", n) < 0)
		ret = -errno;
	close(fd);
	return ret < 0 ? ret : 0;
}

#define NR_HUGE "/proc/sys/vm/nr_hugepages"

/* More pages may not be had; what counts is that as many are left as before. */
long st_churn_pool(struct st_run *r, unsigned int n)
{
	struct gm_pool before, after;
	long ret;

	pthread_mutex_lock(&r->pool_lock);
	gm_pool_read(&before, GM_2M);
	ret = write_number(NR_HUGE, before.nr + 1 + n % 8);
	if (!ret)
		ret = write_number(NR_HUGE, before.nr);
	gm_pool_read(&after, GM_2M);
	pthread_mutex_unlock(&r->pool_lock);
	return ret ?: after.nr == before.nr ? 0 : -ENOSPC;
}

long st_compact(void)
{
	return write_number("/proc/sys/vm/compact_memory", 1);
}
