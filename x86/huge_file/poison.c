// SPDX-License-Identifier: GPL-2.0-only
/*
 * A poisoned page of a huge page: huge_file.poison. The huge page leaves the pool when the file
 * gives it back; the case puts another one into the pool.
 */
#include <stdatomic.h>

#include "frames.h"
#include "huge_file.h"
#include "poison.h"
#include "text.h"

GM_FILE(.clause = "huge_file.poison", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = HF_NEEDS | GM_NEEDS(GMEM_HUGE, HWPOISON, UNPOISON), .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_MODULE, .huge_2m = 6)

#define NR "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define BAD 100UL

/* The frame of a private page, which was shared for a moment. */
static uint64_t frame_of(struct hf_vm *h, uint64_t p)
{
	uint64_t pfn;

	hf_convert(h, p, 1, false);
	(void)*(volatile uint64_t *)(h->w->hva + p * PG);
	GM_SETUP(gm_frames_read(h->w->hva + p * PG, 1, &pfn),
		 "/proc/self/pagemap has no page frame");
	hf_convert(h, p, 1, true);
	return pfn;
}

static void poison(uint64_t pfn)
{
	int err = gm_poison_frame(pfn);

	/* EBUSY: it is poisoned, and stays in its file. */
	GM_SETUP(!err || err == EOPNOTSUPP || err == EBUSY, "corrupt-pfn: %s", gm_errno_name(err));
}

/* The frame is in no file any more: makes it ordinary memory, and gives the pool a page. */
static void repair(uint64_t pfn, long nr)
{
	FILE *f;

	for (int i = 0; i < 100 && gm_unpoison_frame(pfn) == EBUSY; i++)
		usleep(10000);
	f = fopen(NR, "w");
	GM_SETUP(f, NR ": %s", gm_errno_name(errno));
	fprintf(f, "%ld\n", nr);
	GM_SETUP(!fclose(f), NR ": %s", gm_errno_name(errno));
}

static void expect_bad(struct hf_vm *h, uint64_t flags, const char *when)
{
	for (int write = 0; write < 2; write++) {
		struct gm_op op = { .code = write ? GM_OP_WRITE : GM_OP_READ,
				    .addr = hf_gpa(h, BAD) };
		struct gm_exit ex;
		bool done = __gm_run(h->w->vm, 0, &op, 1, &ex, NULL);

		GM_EXPECT_AT(
			GM_PAGE(.gpa = GM_AT(op.addr), .off = GM_AT(BAD * PG)),
			!done && ex.ret && ex.err == EHWPOISON &&
				ex.reason == KVM_EXIT_MEMORY_FAULT && ex.fault.gpa == op.addr &&
				ex.fault.flags == flags,
			"%s, a %s: expected KVM_EXIT_MEMORY_FAULT and EHWPOISON, flags %#lx, observed %s",
			when, write ? "write" : "read", flags, done ? "success" : gm_exit_str(&ex));
	}
}

static void expect_neighbours(struct hf_vm *h, const char *when)
{
	hf_check(h, 0, BAD, when);
	hf_check(h, BAD + 1, h->in_one - BAD - 1, when);
	hf_check(h, h->in_one, h->in_one, when);
	hf_expect(h, "%s, touched", when);
}

struct state {
	bool split;  /* another page of the huge page is shared */
	bool shared; /* the poisoned page is */
};

GM_CASES(heals, struct state, v)
{
	struct hf_vm *h = hf_new(GM_2M, 2, 1);
	const uint64_t flags = v->shared ? 0 : KVM_MEMORY_EXIT_FLAG_PRIVATE;
	uint64_t pfn = frame_of(h, BAD);
	long nr = h->pool.nr;

	if (v->split)
		hf_convert(h, 300, 2, false);
	if (v->shared)
		hf_convert(h, BAD, 1, false);
	hf_write(h, 0, 0, 2 * h->in_one);
	hf_expect(h, "before");
	poison(pfn);
	hf_poisoned(h, BAD);
	hf_expect(h, "poisoned");
	expect_bad(h, flags, "poisoned");
	hf_expect(h, "poisoned, and touched");
	/* The neighbours go on, by single pages, and convert; the next huge page is whole. */
	expect_neighbours(h, "beside the poisoned page");
	hf_convert(h, BAD + 1, 3, false);
	hf_convert(h, BAD - 1, 1, false);
	expect_neighbours(h, "beside the poisoned page, shared");
	hf_convert(h, BAD + 1, 3, true);
	hf_convert(h, BAD - 1, 1, true);
	expect_neighbours(h, "beside the poisoned page, private again");
	expect_bad(h, flags, "still");

	/* The hole takes it away; the pool loses that huge page, and has others. */
	hf_punch(h, 0, 1);
	hf_expect(h, "the hole");
	h->pool.nr--;
	h->pool.free--;
	gm_pool_expect(&h->pool, 1, 0, "the hole: the bad huge page has left the pool");
	gm_poison_expect_retired(pfn, "the hole");
	hf_check(h, 0, h->in_one, "after the hole");
	hf_expect(h, "healed");
	gm_pool_expect(&h->pool, 2, 0, "healed by another page of the pool");
	hf_convert(h, 0, h->in_one, true);
	hf_write(h, 0, BAD, 1);
	hf_write(h, 0, 0, h->in_one);
	hf_expect(h, "private at the end");
	hf_check(h, 0, 2 * h->in_one, "at the end");
	hf_free(h);
	repair(pfn, nr);
}
GM_ROW(heals, heals_whole, .name = "huge_file.poison.whole",
       .text = "a page of a whole huge page is poisoned: EHWPOISON there, the others go on by single pages, a hole heals it") = {};
GM_ROW(heals, heals_split, .name = "huge_file.poison.split",
       .text = "a private page of a split huge page is poisoned: EHWPOISON there, the others keep their entries, a hole heals it") = {
	.split = true
};
GM_ROW(heals, heals_shared, .name = "huge_file.poison.shared",
       .text = "a shared page of a huge page is poisoned: EHWPOISON there, the others keep their entries, a hole heals it") = {
	.shared = true
};

/* --- the vCPU runs on the huge page, and has it in its TLB --- */

struct runner {
	struct hf_vm *h;
	uint64_t pfn;
	atomic_bool poisoned;
	bool through; /* the vCPU went on after that */
	struct gm_exit ex;
};

static void thread(unsigned int i, void *arg)
{
	struct runner *r = arg;

	if (i) {
		poison(r->pfn);
		atomic_store(&r->poisoned, true);
		return;
	}
	for (unsigned int more = 0; more < 3; more += atomic_load(&r->poisoned)) {
		struct gm_op op = { .code = GM_OP_TOUCH_R,
				    .addr = hf_gpa(r->h, BAD),
				    .nr = 200000 };

		if (!__gm_run(r->h->w->vm, 0, &op, 1, &r->ex, NULL))
			return;
	}
	r->through = true;
}

GM_CASE(running, .name = "huge_file.poison.running",
	.text = "a vCPU reads the page by the entry of its huge page all the time when it is poisoned: EHWPOISON; the file ends with the poisoned page in it")
{
	struct hf_vm *h = hf_new(GM_2M, 1, 1);
	struct runner r = { .h = h, .pfn = frame_of(h, BAD) };
	long nr = h->pool.nr;

	hf_write(h, 0, 0, h->in_one);
	hf_expect(h, "whole");
	gm_parallel(2, thread, &r);
	GM_EXPECT(!r.through && r.ex.ret && r.ex.err == EHWPOISON &&
			  r.ex.reason == KVM_EXIT_MEMORY_FAULT && r.ex.fault.gpa == hf_gpa(h, BAD),
		  "the vCPU's read: expected KVM_EXIT_MEMORY_FAULT and EHWPOISON, observed %s",
		  r.through ? "success" : gm_exit_str(&r.ex));
	hf_poisoned(h, BAD);
	hf_check(h, 0, BAD, "below");
	hf_check(h, BAD + 1, h->in_one - BAD - 1, "above");
	hf_expect(h, "the others, by single pages");
	h->pool.nr--;
	h->pool.free--;
	hf_free(h);
	gm_poison_expect_retired(r.pfn, "the file is gone");
	repair(r.pfn, nr);
}
