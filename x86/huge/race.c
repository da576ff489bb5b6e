// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs run while pages next to theirs are converted. A fault beside the converted range must not
 * create a huge mapping over it, neither while the attributes change nor after.
 */
#include <stdatomic.h>

#include "huge.h"

GM_FILE(.clause = "huge.never_over_private", .providers = GM_PROVIDERS(ATTRIBUTES),
	.needs = HUGE_NEEDS)

struct race {
	struct huge_vm *r;
	uint64_t gpa, len;  /* the range that is converted back and forth */
	uint64_t beside[2]; /* pages that the other vCPUs touch; 0: none */
	unsigned int rounds;
	atomic_bool stop;
	atomic_ulong touches;
};

static void touch_beside(struct race *c, unsigned int v)
{
	uint64_t at = c->beside[1] && v % 2 ? c->beside[1] : c->beside[0];
	struct gm_op op[16];

	while (!atomic_load(&c->stop)) {
		for (unsigned int i = 0; i < ARRAY_SIZE(op); i++)
			op[i] = (struct gm_op){
				.code = GM_OP_TOUCH_R, .addr = at, .nr = 1, .val = 8
			};
		gm_run(c->r->w->vm, v, op, ARRAY_SIZE(op));
		atomic_fetch_add(&c->touches, 1);
	}
}

/* The thread of vCPU 0: converts, and checks the guest's view right after each conversion. */
static void convert(struct race *c)
{
	struct huge_vm *r = c->r;
	const uint64_t at[] = { c->gpa, c->gpa + c->len - GM_PAGE_SIZE, c->gpa + c->len / 2 };

	for (unsigned int i = 0; i < c->rounds && !gm_failures(); i++) {
		bool priv = !(i & 1);
		unsigned long seen = atomic_load(&c->touches);

		gm_convert(r->w->vm, c->gpa, c->len, priv);
		/*
		 * Wait until the others have touched pages: they would use an old mapping by now.
		 */
		while (atomic_load(&c->touches) < seen + 2)
			sched_yield();
		for (unsigned int p = 0; p < ARRAY_SIZE(at); p++) {
			uint64_t page = at[p] & ~(GM_PAGE_SIZE - 1);
			struct gm_op op[] = {
				{ .code = GM_OP_CHECK,
				  .addr = page,
				  .nr = 1,
				  .stride = 512,
				  .writer = 1 + priv,
				  .gen = 1 },
			};
			struct gm_page name = gm_vm_page(r->w->vm, page);

			gm_run(r->w->vm, 0, op, 1);
			GM_EXPECT_AT(
				&name, !op[0].bad,
				"round %u, %s to %s while other vCPUs run: expected %s, observed %s",
				i, huge_page_name(r, page), priv ? "private" : "shared",
				gm_word_str(op[0].expected), gm_word_str(op[0].observed));
		}
	}
	atomic_store(&c->stop, true);
}

static void race_thread(unsigned int i, void *arg)
{
	if (i)
		touch_beside(arg, i);
	else
		convert(arg);
}

static void write_word(struct huge_vm *r, uint64_t gpa, enum gm_writer writer)
{
	struct gm_op op = {
		.code = GM_OP_TOUCH_W, .addr = gpa, .nr = 1, .val = 8, .writer = writer, .gen = 1
	};

	gm_run(r->w->vm, 0, &op, 1);
}

/*
 * Writes generation 1 to private and shared memory of the checked pages; all are shared after it.
 */
static void prepare(struct race *c)
{
	const uint64_t at[] = { c->gpa, c->gpa + c->len - GM_PAGE_SIZE, c->gpa + c->len / 2 };

	for (int priv = 0; priv < 2; priv++) {
		gm_convert(c->r->w->vm, c->gpa, c->len, priv);
		for (unsigned int p = 0; p < ARRAY_SIZE(at); p++)
			write_word(c->r, at[p] & ~(GM_PAGE_SIZE - 1), 1 + priv);
	}
	gm_convert(c->r->w->vm, c->gpa, c->len, false);
}

/* Touches the whole region. Expects these huge mappings, and no split left. */
static void expect_mapped(struct huge_vm *r, int64_t n1g, int64_t n2m, const char *when)
{
	struct gm_page_counts now;

	for (unsigned int v = 0; v < r->vcpus; v++)
		gm_guest_touch(r->w->vm, v, r->base, r->w->mem->size, GM_2M);
	gm_page_counts_read(r->w->vm, &now);
	GM_EXPECT(now.pages[GM_SIZE_1G] - r->start.pages[GM_SIZE_1G] == n1g &&
			  now.pages[GM_SIZE_2M] - r->start.pages[GM_SIZE_2M] == n2m &&
			  now.pages[GM_SIZE_4K] == r->start.pages[GM_SIZE_4K],
		  "%s: expected %ld of 1G, %ld of 2M and none of 4K, observed %ld, %ld and %ld",
		  when, n1g, n2m, now.pages[GM_SIZE_1G] - r->start.pages[GM_SIZE_1G],
		  now.pages[GM_SIZE_2M] - r->start.pages[GM_SIZE_2M],
		  now.pages[GM_SIZE_4K] - r->start.pages[GM_SIZE_4K]);
}

/* Long ranges: their attributes take long to change, so the race window is wide. */
#define LEN_1G (GM_1G / 8)
#define LEN_2M (60 * GM_2M)

/* Addresses are offsets into the slot. */
struct race_plan {
	unsigned int vcpus;
	uint64_t gpa, len; /* the range that is converted back and forth */
	unsigned int nr_beside;
	uint64_t beside[2]; /* pages that the other vCPUs touch */
	unsigned int rounds;
};

GM_CASES(race, struct race_plan, plan)
{
	bool big = self->huge_1g;
	struct huge_vm *r =
		HUGE_VM(.kind = big ? GM_MEM_HUGE_1G : GM_MEM_HUGE_2M,
			.size = big ? self->huge_1g * GM_1G : 64 * GM_2M, .vcpus = plan->vcpus);
	struct race c = {
		.r = r, .gpa = r->base + plan->gpa, .len = plan->len, .rounds = plan->rounds
	};

	for (unsigned int i = 0; i < plan->nr_beside; i++)
		c.beside[i] = r->base + plan->beside[i];
	prepare(&c);
	/* Only reads, since the words are checked later. */
	gm_guest_touch(r->w->vm, 0, r->base, r->w->mem->size, GM_2M);
	gm_parallel(plan->vcpus, race_thread, &c);
	gm_note("%lu batches of touches during %u conversions", atomic_load(&c.touches), c.rounds);
	expect_mapped(r, self->huge_1g, big ? 0 : 64, "all shared again, all touched");
	huge_vm_free(r);
}

GM_ROW(race, race_head_1g, .name = "huge.never_over_private.race_head_1g",
       .text = "a range after the first page of a GiB, while a neighbour is touched",
       .huge_1g = 1) = {
	.vcpus = 2,
	.gpa = GM_PAGE_SIZE,
	.len = LEN_1G,
	.nr_beside = 1,
	.beside = { 0 },
	.rounds = 8,
};
GM_ROW(race, race_tail_1g, .name = "huge.never_over_private.race_tail_1g",
       .text = "a range that ends with the first page of a GiB, while a neighbour is touched",
       .huge_1g = 2) = {
	.vcpus = 3,
	.gpa = GM_1G - LEN_1G + GM_PAGE_SIZE,
	.len = LEN_1G,
	.nr_beside = 2,
	.beside = { GM_1G + 2 * GM_PAGE_SIZE, GM_1G + 5 * GM_2M },
	.rounds = 8,
};
GM_ROW(race, race_inside_1g, .name = "huge.never_over_private.race_inside_1g",
       .text = "a range inside a GiB, while pages on both sides are touched", .huge_1g = 1) = {
	.vcpus = 3,
	.gpa = LEN_1G,
	.len = LEN_1G,
	.nr_beside = 2,
	.beside = { GM_PAGE_SIZE, GM_1G - GM_PAGE_SIZE },
	.rounds = 8,
};
GM_ROW(race, race_page_1g, .name = "huge.never_over_private.race_page_1g",
       .text = "one page of a GiB, while a neighbour is touched", .huge_1g = 1,
       .flags = GM_FULL_ONLY) = {
	.vcpus = 4,
	.gpa = 511 * GM_PAGE_SIZE,
	.len = GM_PAGE_SIZE,
	.nr_beside = 2,
	.beside = { 510 * GM_PAGE_SIZE, 512 * GM_PAGE_SIZE },
	.rounds = 60,
};
GM_ROW(race, race_head_2m, .name = "huge.never_over_private.race_head_2m",
       .text = "a range from the second page of a 2 MiB page, while a neighbour is touched",
       .huge_2m = 64) = {
	.vcpus = 2,
	.gpa = GM_2M + GM_PAGE_SIZE,
	.len = LEN_2M,
	.nr_beside = 1,
	.beside = { GM_2M },
	.rounds = 16,
};
GM_ROW(race, race_tail_2m, .name = "huge.never_over_private.race_tail_2m",
       .text = "a range to the first page of a 2 MiB page, while a neighbour is touched",
       .huge_2m = 64) = {
	.vcpus = 2,
	.gpa = GM_2M,
	.len = LEN_2M + GM_PAGE_SIZE,
	.nr_beside = 1,
	.beside = { GM_2M + LEN_2M + 2 * GM_PAGE_SIZE },
	.rounds = 16,
};
GM_ROW(race, race_tail_late_2m, .name = "huge.never_over_private.race_tail_late_2m",
       .text = "a range that ends in the second writer of a 2 MiB page, while a neighbour is touched",
       .huge_2m = 64) = {
	.vcpus = 3,
	.gpa = GM_2M,
	.len = LEN_2M + 300 * GM_PAGE_SIZE,
	.nr_beside = 2,
	.beside = { GM_2M + LEN_2M + 301 * GM_PAGE_SIZE, GM_2M + LEN_2M + 511 * GM_PAGE_SIZE },
	.rounds = 16,
};
GM_ROW(race, race_page_2m, .name = "huge.never_over_private.race_page_2m",
       .text = "one page of a 2 MiB page, while a neighbour is touched", .huge_2m = 64) = {
	.vcpus = 4,
	.gpa = GM_2M,
	.len = GM_PAGE_SIZE,
	.nr_beside = 2,
	.beside = { GM_2M + GM_PAGE_SIZE, 2 * GM_2M - GM_PAGE_SIZE },
	.rounds = 60,
};
