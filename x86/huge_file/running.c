// SPDX-License-Identifier: GPL-2.0-only
/* Pages of a huge page convert while vCPUs run on it: huge_file.running. */
#include <sched.h>
#include <stdatomic.h>

#include "huge_file.h"

GM_FILE(.clause = "huge_file.running", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = HF_NEEDS | GM_NEEDS(GMEM_HUGE))

/* How one case runs. Every vCPU has a stripe of the pages to itself. */
struct load {
	uint64_t page;
	unsigned int vcpus, times;
	bool by_guest; /* the conversions are hypercalls of one more vCPU */
};

struct running {
	struct hf_vm *h;
	const struct load *load;
	atomic_bool stop;
	atomic_ulong races, rounds;
};

#define STRIPE 16UL

/* A vCPU's stripe has pages all over the huge page: those i * step + v * STRIPE + [0, STRIPE). */
static uint64_t stripe(const struct running *r, unsigned int v, unsigned int i)
{
	return i % 8 * (r->h->in_one / 8) + v * STRIPE;
}

/* The guest writes its stripe, and checks what it wrote, with a new generation each time. */
static void vcpu(struct running *r, unsigned int v)
{
	struct gm_vm *vm = r->h->w->vm;

	for (unsigned int gen = 1; !atomic_load(&r->stop) && !gm_failures(); gen++) {
		uint64_t p = stripe(r, v, gen);
		struct gm_op op[] = {
			{ .code = GM_OP_FILL,
			  .writer = GM_WRITER_PRIVATE,
			  .gen = gen % 60000 + 1,
			  .addr = hf_gpa(r->h, p),
			  .nr = STRIPE,
			  .stride = 64 },
			{ .code = GM_OP_CHECK,
			  .writer = GM_WRITER_PRIVATE,
			  .gen = gen % 60000 + 1,
			  .addr = hf_gpa(r->h, p),
			  .nr = STRIPE,
			  .stride = 64 },
		};

		r->races += gm_run_racing(vm, v, op, ARRAY_SIZE(op));
		GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(op[1].bad_addr)), !op[1].bad,
			     "vCPU %u, round %u: %lu wrong words, expected %s, observed %s", v, gen,
			     op[1].bad, gm_word_str(op[1].expected), gm_word_str(op[1].observed));
		r->rounds++;
	}
}

/* Until some vCPU has ended a round more than `from`, so that they run beside every step. */
static void wait_for_round(struct running *r, unsigned long from)
{
	while (atomic_load(&r->rounds) <= from && !gm_failures())
		sched_yield();
}

/* EAGAIN is allowed: a vCPU that is just faulting may have a reference. */
static void convert(struct running *r, uint64_t p, uint64_t n, bool to_private)
{
	unsigned int tries = 0;
	int ret;

	if (r->load->by_guest) {
		gm_guest_convert(r->h->w->vm, r->load->vcpus, hf_gpa(r->h, p), n, to_private);
	} else {
		do {
			ret = __gm_gmem_convert(r->h->w->gmem, p * PG, n * PG, to_private, NULL);
		} while (ret && errno == EAGAIN && ++tries < GM_CONVERT_TRIES);
		GM_EXPECT(!ret, "pages %lu+%lu to %s: %s", p, n, to_private ? "private" : "shared",
			  gm_errno_name(errno));
	}
	hf_converted(r->h, p, n, to_private);
}

/* Pages that no vCPU uses, and pages that one is writing, to shared and back. */
static void converter(struct running *r)
{
	struct hf_vm *h = r->h;

	for (unsigned int i = 0; i < r->load->times && !gm_failures(); i++) {
		uint64_t n = 1 + gm_fixture_random(h->w, i % 3 ? 3 : 40);
		uint64_t p = gm_fixture_random(h->w, h->in_one - n);

		if (i % 2)
			p = stripe(r, i % r->load->vcpus, i) + gm_fixture_random(h->w, STRIPE);
		convert(r, p, n, false);
		wait_for_round(r, atomic_load(&r->rounds));
		convert(r, p, n, true);
	}
	atomic_store(&r->stop, true);
}

static void thread(unsigned int i, void *arg)
{
	struct running *r = arg;

	if (i < r->load->vcpus)
		vcpu(r, i);
	else
		converter(r);
}

GM_CASES(converting, struct load, v)
{
	struct hf_vm *h = hf_new(v->page, self->huge_1g ?: self->huge_2m, v->vcpus + v->by_guest);
	struct running r = { .h = h, .load = v };

	for (uint64_t huge = 0; huge < h->n; huge++)
		hf_write(h, 0, huge * h->in_one, 1);
	hf_expect(h, "before");
	gm_parallel(v->vcpus + 1, thread, &r);
	gm_note("%lu rounds of %u vCPUs, %lu faults met a conversion", atomic_load(&r.rounds),
		v->vcpus, atomic_load(&r.races));
	/* All is private; a page that no entry maps makes the huge page whole. */
	hf_forget_faults(h);
	hf_convert(h, 500, 1, false);
	hf_convert(h, 500, 1, true);
	hf_unmapped(h, 0);
	hf_write(h, 0, 500, 1);
	hf_expect(h, "all private at the end");
	for (uint64_t huge = 1; huge < h->n; huge++)
		hf_check(h, huge * h->in_one, 1, "a huge page beside");
	hf_expect(h, "no fault in the others");
	hf_free(h);
}
GM_ROW(converting, converting_2m, .name = "huge_file.running.2m", .huge_2m = 3,
       .text = "2 MiB pages: three vCPUs write and check while pages convert under them and beside: no wrong word, exact counts at the end") = {
	.page = GM_2M, .vcpus = 3, .times = 60
};
GM_ROW(converting, converting_guest, .name = "huge_file.running.hypercall.2m", .huge_2m = 2,
       .text = "2 MiB pages: two vCPUs write and check while a third one asks for conversions") = {
	.page = GM_2M, .vcpus = 2, .times = 60, .by_guest = true
};
GM_ROW(converting, converting_1g, .name = "huge_file.running.1g", .huge_1g = 1,
       .text = "1 GiB pages: two vCPUs write and check while pages convert under them and beside") = {
	.page = GM_1G, .vcpus = 2, .times = 40
};
GM_ROW(converting, converting_long, .name = "huge_file.running.long.2m", .huge_2m = 3,
       .flags = GM_FULL_ONLY, .timeout = 300, .text = "the same with 2 MiB pages, 3000 times") = {
	.page = GM_2M, .vcpus = 3, .times = 3000
};

/* --- no fault may map a huge page over a shared page of it --- */

static void toucher(struct running *r, unsigned int v)
{
	struct hf_vm *h = r->h;

	/* From different places, so that the vCPUs fault at different pages. */
	for (unsigned int i = v; !atomic_load(&r->stop); i += 3) {
		struct gm_op op = { .code = GM_OP_TOUCH_R,
				    .addr = hf_gpa(h, i * 37 % 512),
				    .val = PG,
				    .nr = 512 - i * 37 % 512 };

		r->races += gm_run_racing(h->w->vm, v, &op, 1);
		r->rounds++;
	}
}

static void splitter(struct running *r)
{
	struct hf_vm *h = r->h;
	unsigned long whole = 0;

	for (unsigned int i = 0; i < r->load->times && !gm_failures(); i++) {
		uint64_t p = gm_fixture_random(h->w, 512);
		int64_t mapped;

		convert(r, p, 1, false);
		for (int look = 0; look < 3; look++) {
			mapped = gm_vm_stat(h->w->vm, "pages_2m") - h->start.pages[GM_SIZE_2M];
			if (!GM_EXPECT(
				    !mapped,
				    "round %u: page %lu is shared, but the huge page is mapped by one entry",
				    i, p))
				break;
		}
		convert(r, p, 1, true);
		/* The next conversion meets a huge page that is whole again, or faults about to do that. */
		if (i % 2)
			wait_for_round(r, atomic_load(&r->rounds));
		mapped = gm_vm_stat(h->w->vm, "pages_2m") - h->start.pages[GM_SIZE_2M];
		whole += mapped > 0;
	}
	gm_note("whole right after %lu of %u conversions", whole, r->load->times);
	atomic_store(&r->stop, true);
}

static void touch_or_split(unsigned int i, void *arg)
{
	struct running *r = arg;

	if (i < r->load->vcpus)
		toucher(r, i);
	else
		splitter(r);
}

GM_CASES(faults, struct load, v)
{
	struct hf_vm *h = hf_new(v->page, 1, v->vcpus);
	struct running r = { .h = h, .load = v };

	gm_parallel(v->vcpus + 1, touch_or_split, &r);
	gm_note("%lu rounds, %lu faults met a conversion", atomic_load(&r.rounds),
		atomic_load(&r.races));
	hf_forget_faults(h);
	hf_convert(h, 77, 1, false);
	hf_convert(h, 77, 1, true);
	hf_unmapped(h, 0);
	hf_write(h, 0, 77, 1);
	hf_expect(h, "whole at the end");
	hf_free(h);
}
GM_ROW(faults, faults_quick, .name = "huge_file.running.faults", .huge_2m = 1,
       .text = "vCPUs fault all over a huge page while one page of it becomes shared: no fault maps it whole over that page") = {
	.page = GM_2M, .vcpus = 2, .times = 300
};
GM_ROW(faults, faults_long, .name = "huge_file.running.faults_long", .huge_2m = 1,
       .flags = GM_FULL_ONLY, .timeout = 300,
       .text = "the same, 10000 times") = { .page = GM_2M, .vcpus = 2, .times = 10000 };
