// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU that has a huge page in its TLB must not reach memory that the file has given back:
 * huge_file.stale. Whoever gets that memory next would find the guest's words in it.
 */
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "huge_file.h"

GM_FILE(.clause = "huge_file.stale", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = HF_NEEDS | GM_NEEDS(GMEM_HUGE))

#define WRITES 300000UL /* of one batch, in which the vCPU does not exit by itself */
#define PAGE_AT 123UL

struct stale {
	struct hf_vm *h;
	bool remove_slot;
	uint64_t gpa;
	atomic_bool stop, ended;
	atomic_ulong batches;
	struct gm_exit ex;
};

static void writer(struct stale *s)
{
	while (!atomic_load(&s->stop)) {
		struct gm_op op = { .code = GM_OP_TOUCH_W,
				    .writer = GM_WRITER_PRIVATE,
				    .gen = 5,
				    .addr = s->gpa,
				    .nr = WRITES };

		if (!__gm_run(s->h->w->vm, 0, &op, 1, &s->ex, NULL))
			break;
		s->batches++;
	}
	atomic_store(&s->ended, true);
}

/* Until the vCPU has begun and ended a batch, or does not run any more. */
static void wait_for_batch(struct stale *s)
{
	unsigned long from = atomic_load(&s->batches);

	while (atomic_load(&s->batches) < from + 2 && !atomic_load(&s->ended))
		sched_yield();
}

static void taker(struct stale *s)
{
	struct hf_vm *h = s->h;
	struct gm_pool pool;
	uint64_t nr;
	uint8_t *mem;

	wait_for_batch(s);
	if (s->remove_slot)
		gm_slot_delete(h->w->vm, GM_SLOT);
	gm_gmem_punch(h->w->gmem, 0, h->page);

	/* The pool hands out what it got last. The file keeps what it has reserved. */
	gm_pool_read(&pool, h->page);
	nr = pool.free - pool.resv < 4 ? pool.free - pool.resv : 4;
	mem = mmap(NULL, nr * h->page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE |
			   __builtin_ctzll(h->page) << MAP_HUGE_SHIFT,
		   -1, 0);
	GM_SETUP(nr && mem != MAP_FAILED, "mmap of %lu huge pages: %s", nr, gm_errno_name(errno));
	wait_for_batch(s);
	for (uint64_t i = 0; i < nr; i++)
		gm_host_check_zero(mem + i * h->page + PAGE_AT * PG, 1,
				   "memory that the file gave back");
	munmap(mem, nr * h->page);
	atomic_store(&s->stop, true);
}

static void thread(unsigned int i, void *arg)
{
	if (!i)
		writer(arg);
	else
		taker(arg);
}

struct how {
	bool remove_slot;
	bool split;
};

GM_CASES(given_back, struct how, v)
{
	for (unsigned int round = 0; round < 3 && !gm_failures(); round++) {
		struct hf_vm *h = hf_new(GM_2M, 2, 1);
		struct stale s = { .h = h,
				   .remove_slot = v->remove_slot,
				   .gpa = hf_gpa(h, PAGE_AT) };

		if (v->split)
			hf_convert(h, PAGE_AT + 1, 1, false);
		hf_write(h, 0, h->in_one, 1);
		gm_parallel(2, thread, &s);
		if (v->remove_slot) {
			GM_EXPECT(atomic_load(&s.ended) && s.ex.reason == KVM_EXIT_MMIO,
				  "the slot is deleted: expected KVM_EXIT_MMIO, observed %s",
				  gm_exit_str(&s.ex));
			hf_expect_pool(h, 1, "nobody writes any more");
		} else {
			hf_expect_pool(h, 2, "the vCPU has got new memory");
			hf_forget_faults(h);
			hf_touched(h, h->in_one);
			h->now.fixed--;
			hf_touched(h, PAGE_AT);
			hf_forget_faults(h);
			hf_expect(h, "after the hole");
		}
		hf_free(h);
	}
}
GM_ROW(given_back, hole, .name = "huge_file.stale.hole", .huge_2m = 4,
       .text = "a vCPU writes to a whole huge page all the time; a hole gives it to somebody else, who finds zeros for ever") = {};
GM_ROW(given_back, hole_split, .name = "huge_file.stale.hole_split", .huge_2m = 4,
       .text = "the same with a split huge page") = { .split = true };
GM_ROW(given_back, slot, .name = "huge_file.stale.slot", .huge_2m = 4,
       .text = "the slot is deleted under the vCPU, and a hole gives the huge page to somebody else: MMIO, and zeros for ever") = {
	.remove_slot = true
};
