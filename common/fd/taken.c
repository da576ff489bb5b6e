// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page is removed while a vCPU faults it in: fd.punch_unmaps, fd.shared_follows.
 *
 * A vCPU polls one page, the only one of its file. Whenever it reads zero it writes the page and
 * counts that. The host punches two holes; the delay between them grows from 0 to more than the
 * vCPU needs to get its new page. However the second hole races with the fault, the vCPU must read
 * zero once more after it. A page that the vCPU keeps although the file has removed it stays
 * mapped, since later holes find no page in the file. Ordinary memory is dropped with madvise().
 */
#include "clock.h"
#include "fd.h"

#define ROUNDS 4000U
/* A busy machine does fewer rounds. */
#define SECONDS 5
/* Number of different delays; further rounds repeat them. */
#define STEPS 250U
#define TRIES 33U
/* The vCPU must find its page empty within so many reads. */
#define READS 16U

struct refill_state {
	volatile uint64_t reads, refills, stop;
};
static struct refill_state refill_state __attribute__((aligned(4096)));

__attribute__((target("general-regs-only"))) static uint64_t
guest_refill(uint64_t addr, uint64_t unused, uint64_t unused2)
{
	volatile uint64_t *page = (volatile uint64_t *)addr;

	while (!refill_state.stop) {
		if (!*page) {
			*page = refill_state.refills + 1;
			refill_state.refills++;
		}
		refill_state.reads++;
	}
	return 0;
}

struct refill {
	struct gm_vm *vm;
	int gmem; /* -1: the page is ordinary memory, at hva */
	void *hva;
	struct refill_state *state;
	struct gm_op op;
	unsigned int kept; /* the round in which the vCPU kept its page, from 1 */
	uint64_t turns;	   /* of an empty loop, of the longest delay */
};

static void remove_page(struct refill *d)
{
	if (d->gmem < 0)
		GM_SETUP_OK(madvise(d->hva, PG, MADV_DONTNEED));
	else
		gm_gmem_punch(d->gmem, 0, PG);
}

/* Turns of an empty loop until the vCPU has refilled its page, at most `limit`. */
static uint64_t turns_until(struct refill *d, uint64_t refills, uint64_t limit)
{
	uint64_t n = 0;

	while (d->state->refills == refills && n < limit)
		n++;
	return n;
}

/* False: the vCPU read its page often enough, and it was never empty. */
static bool refilled(struct refill *d, uint64_t refills)
{
	uint64_t reads = d->state->reads;

	while (d->state->refills == refills) {
		if (d->state->reads - reads > READS)
			return d->state->refills != refills;
		sched_yield();
	}
	return true;
}

static int longer(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void refill_thread(unsigned int i, void *arg)
{
	struct refill *d = arg;
	uint64_t took[TRIES] = {}, refills = 0;
	double end = gm_now() + SECONDS;
	volatile uint64_t turn;

	if (!i) {
		gm_run(d->vm, 0, &d->op, 1);
		return;
	}
	/* Wait until the vCPU runs. */
	while (!d->state->refills)
		sched_yield();
	/* The longest delay is twice the median time of a refill. */
	for (unsigned int k = 0; k < TRIES && gm_now() < end && refilled(d, refills); k++) {
		refills = d->state->refills;
		remove_page(d);
		took[k] = turns_until(d, refills, 1UL << 20);
	}
	qsort(took, TRIES, sizeof(*took), longer);
	d->turns = 2 * took[TRIES / 2];
	for (unsigned int r = 0; r < ROUNDS && gm_now() < end; r++) {
		remove_page(d);
		for (turn = 0; turn < r % STEPS * d->turns / STEPS; turn++)
			;
		refills = d->state->refills;
		remove_page(d);
		if (!refilled(d, refills)) {
			d->kept = r + 1;
			break;
		}
	}
	d->state->stop = 1;
}

static void run_refill(struct refill *d)
{
	d->state = addr_gva2hva(d->vm->kvm, (gva_t)&refill_state);
	memset(d->state, 0, sizeof(*d->state));
	d->op = (struct gm_op){ .code = GM_OP_CALL,
				.addr = (uintptr_t)guest_refill,
				.val = GM_BASE };
	gm_parallel(2, refill_thread, d);
	GM_EXPECT_AT(
		GM_PAGE(.gpa = GM_AT(GM_BASE), .hva = GM_AT((uintptr_t)d->hva)), !d->kept,
		"round %u: after the second removal the vCPU still has the page of its write %lu, expected an empty page",
		d->kept, d->state->refills);
	gm_note("%lu pages allocated and removed, delays of up to %lu turns", d->state->refills,
		d->turns);
}

GM_CASE(hole_twice, .name = "fd.punch_unmaps.empty", .clause = "fd.punch_unmaps",
	.flavours = FD_EACH_TDP,
	.text = "a second hole right after the first, while a vCPU fills the page again")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, PG);
	struct refill d = { .vm = w->vm, .gmem = w->gmem };

	run_refill(&d);
	fd_fixture_free(w);
}

GM_CASE(drop_twice, .name = "fd.shared_follows.empty", .clause = "fd.shared_follows",
	.profile = "any", .needs = GM_NEEDS(TDP),
	.text = "a page dropped twice at short intervals, while a vCPU fills it again")
{
	struct gm_fixture *w = FD_ORDINARY(PG);
	struct refill d = { .vm = w->vm, .gmem = -1, .hva = w->hva };

	run_refill(&d);
	gm_fixture_free(w);
}
