// SPDX-License-Identifier: GPL-2.0-only
/* A child reads shared memory, after other actors had time to write. */
#include <sys/wait.h>
#include <time.h>

#include "draw.h"
#include "judge.h"

/* Waits until other actors have done some operations, with a bound. */
static void wait_for_others(struct st_run *r)
{
	const struct timespec moment = { .tv_nsec = 100000 };
	volatile uint64_t *clock = r->clock;
	uint64_t enough = *clock + 12 * GM_RING_TICK;

	for (unsigned int i = 0; r->concurrent && i < 30 && *clock < enough; i++)
		nanosleep(&moment, NULL);
}

/* Returns the time after the fork: the child's copy of private mappings is not newer. */
static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct gm_ring_log *log = (struct gm_ring_log *)(a->buf + GM_PAGE_SIZE);
	volatile uint32_t *n = (uint32_t *)a->buf;
	long copied;
	int status;
	pid_t pid;

	*n = 0;
	/*
	 * Not during `uffd`: a child's mapping is not registered, and would fault in a zero page.
	 */
	pthread_rwlock_rdlock(&a->run->child_lock);
	pid = fork();
	if (pid < 0) {
		pthread_rwlock_unlock(&a->run->child_lock);
		return 1;
	}
	if (!pid) {
		wait_for_others(a->run);
		*n = a->run->inplace ? st_try_read(a->run, op->page, 512, log)
				     : gm_ring_read((uint64_t *)st_hva(a->run, op->page), op->page,
						    512, log);
		_exit(0);
	}
	copied = st_now(a->run);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	pthread_rwlock_unlock(&a->run->child_lock);
	memcpy(st_log_at(a), log, *n * sizeof(*log));
	a->logs += *n;
	return status ? -ECHILD : copied;
}

/* With copy on write a child reads the content at the time of the fork. */
static struct st_when when(const struct st_run *r, uint32_t i)
{
	bool copy = !r->inplace && (r->layout->backing == ST_ANON || r->layout->backing == ST_THP);

	if (copy && r->res[i].ret > 0)
		return (struct st_when){ r->res[i].t0, r->res[i].ret };
	return (struct st_when){ r->res[i].t0, r->res[i].t1 };
}

static bool expect(struct st_run *r, uint32_t i)
{
	return st_expect_done(r, i, "conv.data") && st_expect_reads(r, i);
}

const struct st_op st_op_fork = {
	.name = "fork",
	.text = "a child reads shared memory",
	.flags = ST_PAGES | ST_READS | ST_REFERS,
	.weight = { [ST_MIX_HUGEPAGE] = 2,
		    [ST_MIX_LIFECYCLE] = 3,
		    [ST_MIX_PINS] = 2,
		    [ST_MIX_EVERYTHING] = 2 },
	.generate = st_draw_one,
	.run = run,
	.when = when,
	.expect = expect,
};
