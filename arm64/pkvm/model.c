// SPDX-License-Identifier: GPL-2.0-only
/* pkvm.model: random shares, unshares and stores, compared with a model of every page. */
#include "pkvm.h"

GM_FILE(.clause = "pkvm.model", .profile = "P2", .needs = GM_NEEDS(PROTECTED), .timeout = 120)

#define PAGES 64
#define BATCH 24

/* The state of a page, and its words. HOST until the guest's first access. */
struct state {
	enum { HOST, GUEST, SHARED } who;
	enum gm_writer writer;
	unsigned int gen;
};

/* Makes one operation of the guest, updates the model, and sets the expected result. */
static void guest_step(struct state *s, struct gm_op *op, int64_t *want, uint64_t page,
		       unsigned int dice, unsigned int gen)
{
	*op = (struct gm_op){ .addr = pvm_gpa(page), .nr = 1, .writer = s->writer, .gen = s->gen };
	*want = 0;
	switch (dice) {
	case 0:
	case 1:
	case 2:
		*op = (struct gm_op){ .code = GM_OP_HYPERCALL,
				      .val = GM_SMCCC_MEM_SHARE,
				      .addr = pvm_gpa(page) };
		*want = s->who == SHARED ? INVALID_PARAMETER : 0;
		s->who = SHARED;
		break;
	case 3:
	case 4:
	case 5:
		*op = (struct gm_op){ .code = GM_OP_HYPERCALL,
				      .val = GM_SMCCC_MEM_UNSHARE,
				      .addr = pvm_gpa(page) };
		*want = s->who == SHARED ? 0 : INVALID_PARAMETER;
		if (s->who == SHARED)
			s->who = GUEST;
		break;
	case 6:
		op->code = GM_OP_FILL;
		op->writer = s->writer = GM_WRITER_PRIVATE;
		op->gen = s->gen = gen;
		s->who = s->who == HOST ? GUEST : s->who;
		break;
	default:
		op->code = GM_OP_CHECK;
		s->who = s->who == HOST ? GUEST : s->who;
		break;
	}
}

static void check_by_host(struct pvm *p, const struct state *s, uint64_t page)
{
	if (s->who == GUEST)
		pvm_expect_hidden(p, page, "unshared in the model");
	else
		pvm_expect_host(p, page, s->writer, s->gen,
				s->who == SHARED ? "shared in the model"
						 : "the host's in the model");
}

struct guest {
	unsigned int vcpus;
};

GM_CASES(run_model, struct guest, v)
{
	struct pvm *p = pvm_new(v->vcpus, GM_MEM_ANON, PAGES);
	struct state s[PAGES];
	struct gm_rng rng;
	struct gm_op op[BATCH];
	int64_t want[BATCH];
	uint64_t page, at[BATCH];

	gm_rng_init(&rng, gm_seed());
	for (page = 0; page < PAGES; page++)
		s[page] = (struct state){ HOST, GM_WRITER_HOST, 1 };
	gm_host_fill(p->mem->hva, GM_BASE / PG, PAGES, GM_WRITER_HOST, 1);
	for (unsigned int step = 2; step < 34 && gm_failures() < 8; step++) {
		for (int i = 0; i < BATCH; i++) {
			/* Half of them at the next page, for runs of adjacent pages. */
			at[i] = i && gm_rng_below(&rng, 2) ? (at[i - 1] + 1) % PAGES
							   : gm_rng_below(&rng, PAGES);
			guest_step(&s[at[i]], &op[i], &want[i], at[i], gm_rng_below(&rng, 9), step);
		}
		gm_run(p->vm, step % v->vcpus, op, BATCH);
		for (int i = 0; i < BATCH; i++) {
			if (op[i].code == GM_OP_HYPERCALL)
				pvm_expect_ret(op[i].ret, want[i], at[i], "by the model");
			else
				GM_EXPECT_AT(
					GM_PAGE(.gpa = GM_AT(pvm_gpa(at[i]))), !op[i].bad,
					"step %u: the guest read %lu wrong words, the first: expected %s, observed %s",
					step, op[i].bad, gm_word_str(op[i].expected),
					gm_word_str(op[i].observed));
		}
		for (int i = 0; i < BATCH; i++) {
			check_by_host(p, &s[at[i]], at[i]);
			check_by_host(p, &s[(at[i] + PAGES - 1) % PAGES],
				      (at[i] + PAGES - 1) % PAGES);
			check_by_host(p, &s[(at[i] + 1) % PAGES], (at[i] + 1) % PAGES);
		}
		page = gm_rng_below(&rng, PAGES);
		if (s[page].who != GUEST) {
			s[page].writer = GM_WRITER_HOST;
			s[page].gen = step;
			gm_host_fill(pvm_hva(p, page), pvm_gpa(page) / PG, 1, GM_WRITER_HOST, step);
		}
	}
	for (page = 0; page < PAGES; page++) {
		check_by_host(p, &s[page], page);
		gm_guest_check(p->vm, 0, pvm_gpa(page), 1, s[page].writer, s[page].gen,
			       "at the end");
	}
	pvm_free(p);
}

GM_ROW(run_model, model_1, .name = "pkvm.model.one_vcpu", .flags = GM_FULL_ONLY,
       .text = "random shares, unshares and stores by one vCPU: every page is as in the model") = {
	.vcpus = 1,
};
GM_ROW(run_model, model_2, .name = "pkvm.model.two_vcpus",
       .text = "the same by two vCPUs in turn, on the same pages") = { .vcpus = 2 };
