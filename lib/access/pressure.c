// SPDX-License-Identifier: GPL-2.0-only
/* Runs probes in several threads at the same time: each outcome must be that of the table. */
#include <sys/mman.h>

#include "case.h"
#include "check.h"
#include "convert.h"
#include "main.h"
#include "matrix.h"
#include "pressure.h"
#include "seed.h"

#define REQUEST 4UL /* pages */

static const char *const names[GM_PRESSURE_THREADS][2] = {
	{ "cpu_load", "read" },
	{ "write", "vmsplice" },
	{ "process_vm_readv", "process_vm_writev" },
	{ "proc_mem_read", "uring_write_fixed" },
};

void gm_pressure_controls(void)
{
	for (int i = 0; i < 2 * GM_PRESSURE_THREADS; i++)
		gm_matrix_controls(gm_probe_find(names[i / 2][i % 2]), false);
}

/* Is the outcome possible on pages under conversion: success, a part, or that of private pages? */
static bool is_possible(const struct gm_access *a, const struct gm_outcome *o)
{
	struct gm_want w = gm_access_want(a->probe, GM_CLASS_PRIVATE);

	if (o->sig)
		return w.kind == GM_WANT_SIGNAL && o->sig == w.val && o->code == w.code &&
		       o->addr - (uintptr_t)a->hva < a->len;
	if (o->ret < 0)
		return w.kind == GM_WANT_ERRNO && o->err == w.val;
	return o->ret && o->ret <= (long)a->len;
}

static bool check_outcome(const struct gm_pressure *pr, unsigned long page,
			  const struct gm_access *a, const struct gm_outcome *o)
{
	struct gm_page where =
		*GM_PAGE(.off = GM_AT(page * GM_PAGE_SIZE), .hva = GM_AT((uintptr_t)a->hva));
	struct gm_want w = gm_access_want(a->probe, pr->class);

	if (page >= pr->converted)
		return gm_matrix_judge(a, o, &w, &where, "under pressure");
	return GM_EXPECT_AT(
		&where, is_possible(a, o),
		"%s of %lu pages under conversion: expected the data, a part of it, or the refusal of private pages, observed %s",
		a->probe->name, REQUEST, gm_outcome_str(o));
}

static void probe(struct gm_pressure *pr, unsigned int i)
{
	struct gm_access a = { .len = REQUEST * GM_PAGE_SIZE,
			       .fd = -1,
			       .buf = gm_matrix_buf(REQUEST * GM_PAGE_SIZE) };
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed() + i);
	for (unsigned long n = 0;
	     (!atomic_load(&pr->over) || n < GM_PRESSURE_PROBES) && n < 200 * pr->rounds; n++) {
		unsigned long page = gm_rng_below(&rng, pr->pages - REQUEST);
		struct gm_outcome o;

		a.probe = gm_probe_find(names[i][n % 2]);
		a.hva = pr->hva + page * GM_PAGE_SIZE;
		gm_matrix_poison(a.buf, a.len);
		o = gm_access_run(&a);
		if (!check_outcome(pr, page, &a, &o))
			break;
		gm_matrix_search(a.buf, a.len, a.probe->name);
		atomic_fetch_add(o.ret < 0 ? &pr->refused : &pr->reached, 1);
	}
	munmap(a.buf, a.len);
}

static void punch(struct gm_pressure *pr)
{
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed() ^ 0x70756e6368);
	for (unsigned long n = 0; !atomic_load(&pr->over) && n < 100 * pr->rounds; n++)
		gm_gmem_punch(pr->gmem,
			      (pr->pages / 2 + gm_rng_below(&rng, pr->pages / 2)) * GM_PAGE_SIZE,
			      GM_PAGE_SIZE);
}

void gm_pressure_converting_guest(struct gm_pressure *pr)
{
	uint64_t half = pr->pages / 2, upper = GM_BASE + half * GM_PAGE_SIZE;
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed() ^ 0x6775657374);
	for (unsigned int n = 1; n <= pr->rounds; n++) {
		unsigned int first = gm_rng_below(&rng, half - 1);
		unsigned int nr = 1 + gm_rng_below(&rng, half - first - 1);
		uint64_t gpa = GM_BASE + first * GM_PAGE_SIZE;

		gm_guest_convert(pr->vm, 0, gpa, nr, true);
		gm_guest_fill(pr->vm, 0, gpa, nr, GM_WRITER_SECRET, n);
		gm_guest_touch(pr->vm, 0, upper, half * GM_PAGE_SIZE, GM_PAGE_SIZE);
		gm_guest_check(pr->vm, 0, gpa, nr, GM_WRITER_SECRET, n, "while the host probes");
		if (pr->vm->provider->content == GM_CONTENT_ONE_MEMORY)
			gm_guest_fill(pr->vm, 0, gpa, nr, GM_WRITER_SHARED, n);
		gm_guest_convert(pr->vm, 0, gpa, nr, false);
		gm_guest_touch(pr->vm, 0, gpa, nr * GM_PAGE_SIZE, GM_PAGE_SIZE);
	}
}

struct run {
	struct gm_pressure *pr;
	void (*guest)(struct gm_pressure *pr);
};

static void one(unsigned int i, void *arg)
{
	struct run *r = arg;

	if (i < GM_PRESSURE_THREADS) {
		probe(r->pr, i);
	} else if (i == GM_PRESSURE_THREADS) {
		r->guest(r->pr);
		atomic_store(&r->pr->over, true);
	} else {
		punch(r->pr);
	}
}

void gm_pressure_run(struct gm_pressure *pr, void (*guest)(struct gm_pressure *pr))
{
	struct run r = { pr, guest };

	gm_parallel(GM_PRESSURE_THREADS + 2, one, &r);
}
