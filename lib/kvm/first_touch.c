// SPDX-License-Identifier: GPL-2.0-only
/* First accesses: by two vCPUs at the same time, and at the end of a page. */
#include "check.h"
#include "first_touch.h"
#include "guest/op.h"

/* The numbers that vCPU 0 and vCPU 1 add, in the low and the high 32 bits of a word. */
#define NUMBER(v) (1UL << (v)*32)
#define BOTH (NUMBER(0) | NUMBER(1))
/* The number of different delays of vCPU 1. */
#define DELAYS 32

static struct {
	uint64_t arrived;
	uint64_t page; /* the page size, which guest code cannot read from the system */
} meeting __attribute__((aligned(4096)));

__attribute__((target("general-regs-only"))) static uint64_t
guest_touch(uint64_t gpa, uint64_t npages, uint64_t v)
{
	for (uint64_t p = 0; p < npages; p++) {
		__atomic_fetch_add(&meeting.arrived, 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&meeting.arrived, __ATOMIC_SEQ_CST) < 2 * (p + 1))
			;
		for (volatile uint64_t turn = 0; v && turn < p % DELAYS * 8; turn++)
			;
		__atomic_fetch_add((uint64_t *)(gpa + p * meeting.page), NUMBER(v),
				   __ATOMIC_SEQ_CST);
	}
	return 0;
}

struct touching {
	struct gm_vm *vm;
	uint64_t gpa, npages;
};

static void one(unsigned int v, void *arg)
{
	struct touching *t = arg;
	struct gm_op op = { .code = GM_OP_CALL,
			    .addr = (uintptr_t)guest_touch,
			    .val = t->gpa,
			    .nr = t->npages,
			    .stride = v };

	gm_run(t->vm, v, &op, 1);
}

void gm_first_touch(struct gm_vm *vm, uint64_t gpa, uint64_t npages, const void *hva)
{
	struct touching t = { vm, gpa, npages };
	struct gm_op reset[] = {
		{ .code = GM_OP_WRITE, .addr = (uintptr_t)&meeting.arrived },
		{ .code = GM_OP_WRITE, .addr = (uintptr_t)&meeting.page, .val = GM_PAGE_SIZE },
	};

	gm_run(vm, 0, reset, 2);
	gm_parallel(2, one, &t);
	for (uint64_t p = 0; p < npages; p++) {
		const volatile uint64_t *seen =
			(const uint64_t *)((const uint8_t *)hva + p * GM_PAGE_SIZE);
		struct gm_op op = { .code = GM_OP_ADD, .addr = gpa + p * GM_PAGE_SIZE };
		struct gm_page page = gm_vm_page(vm, op.addr);

		gm_run(vm, p % 2, &op, 1);
		if (!GM_EXPECT_AT(
			    &page, (uint64_t)op.ret == BOTH,
			    "the word after both vCPUs added to it: observed %#lx, expected %#lx",
			    op.ret, BOTH) ||
		    (hva && !GM_EXPECT_AT(&page, *seen == BOTH, "the host sees %#lx, expected %#lx",
					  *seen, BOTH)))
			return;
	}
}

void gm_touch_from_above(struct gm_vm *vm, uint64_t gpa, uint64_t npages, unsigned int gen)
{
	size_t last = GM_PAGE_WORDS - 1;

	for (uint64_t p = npages; p-- > 0;) {
		struct gm_op op = { .code = GM_OP_READ, .addr = gpa + p * GM_PAGE_SIZE + last * 8 };
		struct gm_page page = gm_vm_page(vm, gpa + p * GM_PAGE_SIZE);
		uint64_t want =
			gen ? gm_word(page.gpa.at / GM_PAGE_SIZE, GM_WRITER_HOST, gen, last) : 0;

		gm_run(vm, 0, &op, 1);
		if (!GM_EXPECT_AT(&page, op.val == want,
				  "the last word, accessed first: expected %s, observed %s",
				  gm_word_str(want), gm_word_str(op.val)))
			return;
	}
	gm_checked();
}
