// SPDX-License-Identifier: GPL-2.0-only
/*
 * One pair: measures how long each side takes alone, then runs rounds in which the user starts
 * later each time.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/sysinfo.h>

#include "clock.h"
#include "race.h"

#define ROUNDS 16U
#define ROUNDS_VM 3U /* if each round creates a VM */
#define ALONE 2U
#define MOST 20U /* times as many rounds, if none overlap */

struct engine {
	struct race r;
	atomic_uint go, ready, done; /* round numbers */
	_Atomic double start;	     /* when the ender begins */
	double delay;		     /* the user starts this much later; negative: earlier */
	bool alone[2];		     /* only this side runs in the round */
	atomic_bool stop;
	unsigned int rounds, overlaps;
	double took[2];
};

static bool fresh_vm(const struct race *r)
{
	return r->ender->effect & RACE_VM;
}

static void make_vm(struct race *r)
{
	const struct gm_flavour *flavour = r->memory == RACE_P1 ? &gm_p1 : NULL;

	r->w = GM_FIXTURE(.flavour = flavour, .size = 16 * PG, .vcpus = 2, .extra_pages = 16,
			  .uaddr = GM_UADDR_SHARED, .uses_uaddr = true);
	gm_vm_map(r->w->vm, RACE_GPA, RACE_SIZE, PG);
	gm_vm_map(r->w->vm, RACE_OTHER, RACE_SIZE, PG);
}

static bool starts_private(const struct race *r)
{
	return r->memory == RACE_ATTRIBUTES || r->memory == RACE_PRIVATE;
}

/* Creates a new file in the slot; the guest writes its pages. */
static void prepare(struct race *r)
{
	unsigned int effect = r->ender->effect | r->user->effect;

	if (!r->w)
		make_vm(r);
	r->hole = r->converted = r->deleted = r->closed = r->unmapped = false;
	memset(r->call, 0, sizeof(r->call));
	r->gen = gm_fixture_gen(r->w);
	r->gmem = gm_gmem_new(r->w->vm, RACE_FILE, r->w->file.flags);
	gm_slot_set(r->w->vm, RACE_SLOT, 0, RACE_GPA, RACE_SIZE, NULL, r->gmem, RACE_OFF);
	if (r->w->provider)
		gm_convert(r->w->vm, RACE_GPA, RACE_SIZE, starts_private(r));
	gm_guest_fill(r->w->vm, 1, RACE_GPA, RACE_PAGES, GM_WRITER_GUEST, r->gen);
	if (r->memory & RACE_MAPPED && !(effect & RACE_NO_MAP)) {
		r->map = mmap(NULL, RACE_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, r->gmem, 0);
		GM_SETUP(r->map != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	}
	if (effect & RACE_NO_FD) {
		close(r->gmem);
		r->gmem = -1;
	}
	if (r->ender->prepare)
		r->ender->prepare(r);
	if (r->user->prepare)
		r->user->prepare(r);
}

static void clear(struct race *r)
{
	if (r->w && gm_slot_at(r->w->vm, RACE_GPA))
		gm_slot_delete(r->w->vm, RACE_SLOT);
	if (r->map)
		munmap(r->map, RACE_FILE);
	if (r->gmem >= 0)
		close(r->gmem);
	r->map = NULL;
	r->gmem = -1;
	if (r->w && fresh_vm(r)) {
		gm_fixture_free(r->w);
		r->w = NULL;
	}
}

static void spin_until(double t)
{
	while (gm_now() < t)
		;
}

static void do_side(struct engine *e, unsigned int i)
{
	const struct race_side *side = i ? e->r.user : e->r.ender;
	struct race_call *c = &e->r.call[i];

	c->begin = gm_now();
	side->run(&e->r, c);
	c->end = gm_now();
}

/* Runs one round, on two threads. `only`: 0 ender, 1 user, else both. */
static void round_of(struct engine *e, unsigned int only)
{
	unsigned int n = ++e->rounds;

	e->alone[0] = only == 0;
	e->alone[1] = only == 1;
	prepare(&e->r);
	atomic_store(&e->ready, 0);
	atomic_store(&e->go, n);
	while (atomic_load(&e->ready) != n)
		sched_yield();
	/* Late enough for a user that starts first. */
	atomic_store(&e->start, gm_now() + (e->delay < 0 ? -e->delay : 0) + 20e-6);
	if (only != 1) {
		spin_until(atomic_load(&e->start));
		do_side(e, 0);
	}
	while (atomic_load(&e->done) != n)
		sched_yield();
}

static void user_thread(struct engine *e)
{
	for (unsigned int n = 1;; n++) {
		double start;

		while (atomic_load(&e->go) != n) {
			if (atomic_load(&e->stop))
				return;
			sched_yield();
		}
		atomic_store(&e->start, 0);
		atomic_store(&e->ready, n);
		while (!(start = atomic_load(&e->start)))
			;
		if (!e->alone[0]) {
			spin_until(start + e->delay);
			do_side(e, 1);
		}
		atomic_store(&e->done, n);
	}
}

static bool succeeded(const struct race_call *c)
{
	return !c->ret;
}

static void check_result(struct race *r, unsigned int i)
{
	const struct race_side *side = i ? r->user : r->ender;
	const struct race_call *c = &r->call[i];

	if (!c->end)
		return;
	GM_EXPECT(side->legal ? side->legal(r, c) : succeeded(c), "%s beside %s: %d, %s%s%s",
		  side->name, i ? r->ender->name : r->user->name, c->ret, gm_errno_name(c->err),
		  c->exit.reason ? ", " : "", c->exit.reason ? gm_exit_str(&c->exit) : "");
	if (c->ret)
		return;
	r->hole |= side->effect & RACE_HOLE;
	r->converted |= side->effect & RACE_CONVERT;
	r->deleted |= side->effect & RACE_DELETE;
	r->closed |= side->effect & RACE_CLOSE;
	r->unmapped |= side->effect & RACE_UNMAP;
}

static void check_round(struct engine *e)
{
	struct race *r = &e->r;

	check_result(r, 0);
	check_result(r, 1);
	for (unsigned int i = 0; i < 2; i++) {
		const struct race_side *side = i ? r->user : r->ender;

		if (r->call[i].end && side->undo)
			side->undo(r);
	}
	if (!gm_failures())
		race_check(r);
	clear(r);
}

static void measure(struct engine *e, unsigned int side)
{
	e->took[side] = 1;
	for (unsigned int i = 0; i < (fresh_vm(&e->r) ? 1 : ALONE) && !gm_failures(); i++) {
		double took;

		round_of(e, side);
		took = e->r.call[side].end - e->r.call[side].begin;
		if (took < e->took[side])
			e->took[side] = took;
		check_round(e);
	}
}

static void driver_thread(struct engine *e)
{
	unsigned int rounds = fresh_vm(&e->r) ? ROUNDS_VM : ROUNDS, n = 0;

	measure(e, 0);
	measure(e, 1);
	for (; !gm_failures() && n < rounds * (e->overlaps ? 1 : MOST); n++) {
		const struct race_call *c = e->r.call;

		/* From before the ender's start to its end, in equal steps. */
		e->delay = (e->took[0] + e->took[1]) * (n % rounds + 0.5) / rounds - e->took[1];
		round_of(e, 2);
		e->overlaps += c[0].begin < c[1].end && c[1].begin < c[0].end;
		check_round(e);
	}
	gm_note("both overlapped in %u of %u rounds; alone they take %.0f and %.0f us", e->overlaps,
		n, e->took[0] * 1e6, e->took[1] * 1e6);
	GM_SETUP(e->overlaps || gm_failures(), "the two never overlapped in %u rounds", n);
	atomic_store(&e->stop, true);
}

static void thread(unsigned int i, void *arg)
{
	if (i)
		user_thread(arg);
	else
		driver_thread(arg);
}

void race_run(const struct gm_case *self)
{
	const struct race *pair = self->arg;
	struct engine *e = calloc(1, sizeof(*e));

	GM_SETUP(e, "out of memory");
	if (get_nprocs() < 2)
		gm_skip("one CPU runs one call at a time", "two CPUs online");
	e->r = *pair;
	e->r.gmem = -1;
	e->r.copy = malloc(RACE_SIZE);
	GM_SETUP(e->r.copy, "out of memory");
	gm_parallel(2, thread, e);
	if (e->r.w)
		gm_fixture_free(e->r.w);
	free(e->r.copy);
	free(e);
}
