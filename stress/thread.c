// SPDX-License-Identifier: GPL-2.0-only
/* Runs one operation of a host thread: rendezvous, time stamps, log. */
#include <signal.h>

#include "exec.h"

void st_log_pages(struct st_actor *a, const uint8_t *hva, uint32_t page, uint32_t n,
		  unsigned int words)
{
	for (uint32_t p = 0; p < n && st_log_room(a); p++)
		a->logs += gm_ring_read((const uint64_t *)(hva + p * GM_PAGE_SIZE), page + p, words,
					st_log_at(a));
}

long st_write_number(const char *file, long n)
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

void st_unblock_signals(bool unblock)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(unblock ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

/* Makes the n-th possible failure in this thread's next call happen; 0: switches it off. */
static void fail_nth(struct st_actor *a, uint32_t n)
{
	char text[16];

	if (a->fail_fd < 0)
		return;
	snprintf(text, sizeof(text), "%u", n);
	if (pwrite(a->fail_fd, text, strlen(text), 0) < 0)
		a->fail_fd = -1;
}

/* The same rendezvous as meet() in lib/kvm/guest/ring.c. */
static void meet(struct st_run *r, unsigned int id)
{
	__atomic_add_fetch(&r->meet[id], 1, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < GM_RING_SPINS && r->meet[id] < r->need[id]; i++)
		;
	st_wait_meet(r, id);
	__atomic_add_fetch(&r->meet[256 + id], 1, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < 8 * GM_RING_SPINS && r->meet[256 + id] < r->need[id]; i++)
		;
}

static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	const struct st_op *info = st_ops[op->code];
	bool here =
		a->run->inplace || !info->layouts || info->layouts & 1U << a->run->layout->backing;

	if (!info->run)
		return 0;
	return here ? info->run(a, op, index) : 1;
}

void st_host_op(struct st_actor *a, uint32_t index)
{
	struct st_run *r = a->run;
	struct gm_sop op = r->prog.op[index];
	struct gm_ring_res *res = &r->res[index];
	uint32_t wait = res->cycles;
	/*
	 * Signals of `kick` are blocked during other operations: an interrupted allocation,
	 * prefault or pin would be done in part, and the judge does not know which part.
	 */
	bool open = st_is(&op, ST_SIGNALS);
	uint64_t start;

	if (op.meet)
		meet(r, op.meet);
	if (open)
		st_unblock_signals(true);
	for (start = gm_arch_cycles(); gm_arch_cycles() - start < wait;)
		;
	r->note[index].log = st_log_at(a);
	res->log = a->logs;
	res->t0 = st_now(r);
	start = gm_arch_cycles();
	if (st_injected(&op)) {
		fail_nth(a, op.wait);
		res->ret = run(a, &op, index);
		fail_nth(a, 0);
	} else {
		res->ret = run(a, &op, index);
	}
	start = gm_arch_cycles() - start;
	res->cycles = start > UINT32_MAX ? UINT32_MAX : start;
	res->t1 = st_now(r);
	if (open)
		st_unblock_signals(false);
	res->logs = a->logs - res->log;
}
