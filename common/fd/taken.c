// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is taken while a vCPU is about to get it: fd.punch_unmaps, fd.shared_follows.
 *
 * The vCPU owns one page, the only one of its file. Whenever it finds it empty it writes, and counts
 * that. The host makes two holes, the second one later by a delay that is walked from "at once" to
 * beyond the moment at which the vCPU has its new page. Whatever meets there: after the second hole
 * the vCPU finds an empty page once more. A page that it keeps although the file lost it stays for good,
 * since the holes that follow find nothing in the file. Ordinary memory is dropped with madvise().
 */
#include "clock.h"
#include "fd.h"

#define ROUNDS 4000U
/* A busy machine walks less far. */
#define SECONDS 5
/* Of the whole walk; the rest of the rounds repeats it. */
#define STEPS 250U
#define TRIES 33U
/* Looks of the vCPU at its page within which it must have found it empty. */
#define LOOKS 16U

struct page_board {
	volatile uint64_t looks, refills, stop;
};
static struct page_board page_board __attribute__((aligned(4096)));

__attribute__((target("general-regs-only"))) static uint64_t
guest_refill(uint64_t addr, uint64_t unused, uint64_t unused2)
{
	volatile uint64_t *page = (volatile uint64_t *)addr;

	while (!page_board.stop) {
		if (!*page) {
			*page = page_board.refills + 1;
			page_board.refills++;
		}
		page_board.looks++;
	}
	return 0;
}

struct duel {
	struct gm_vm *vm;
	int gmem; /* -1: the page is ordinary memory, at hva */
	void *hva;
	struct page_board *board;
	struct gm_op op;
	unsigned int kept; /* the round in which the vCPU kept its page, from 1 */
	uint64_t turns;	   /* of an empty loop, the longest delay */
};

static void take(struct duel *d)
{
	if (d->gmem < 0)
		GM_SETUP_OK(madvise(d->hva, PG, MADV_DONTNEED));
	else
		gm_gmem_punch(d->gmem, 0, PG);
}

/* Turns of an empty loop until the vCPU has refilled its page; a limit ends it. */
static uint64_t turns_until(struct duel *d, uint64_t refills, uint64_t limit)
{
	uint64_t n = 0;

	while (d->board->refills == refills && n < limit)
		n++;
	return n;
}

/* False: the vCPU looked at its page often enough, and it was never empty. */
static bool refilled(struct duel *d, uint64_t refills)
{
	uint64_t looks = d->board->looks;

	while (d->board->refills == refills) {
		if (d->board->looks - looks > LOOKS)
			return d->board->refills != refills;
		sched_yield();
	}
	return true;
}

static int longer(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void duel_thread(unsigned int i, void *arg)
{
	struct duel *d = arg;
	uint64_t took[TRIES] = {}, refills = 0;
	double end = gm_now() + SECONDS;
	volatile uint64_t turn;

	if (!i) {
		gm_run(d->vm, 0, &d->op, 1);
		return;
	}
	/* It runs. */
	while (!d->board->refills)
		sched_yield();
	/* How long it takes: the walk goes to twice the middle of what was seen. */
	for (unsigned int k = 0; k < TRIES && gm_now() < end && refilled(d, refills); k++) {
		refills = d->board->refills;
		take(d);
		took[k] = turns_until(d, refills, 1UL << 20);
	}
	qsort(took, TRIES, sizeof(*took), longer);
	d->turns = 2 * took[TRIES / 2];
	for (unsigned int r = 0; r < ROUNDS && gm_now() < end; r++) {
		take(d);
		for (turn = 0; turn < r % STEPS * d->turns / STEPS; turn++)
			;
		refills = d->board->refills;
		take(d);
		if (!refilled(d, refills)) {
			d->kept = r + 1;
			break;
		}
	}
	d->board->stop = 1;
}

static void fight(struct duel *d)
{
	d->board = addr_gva2hva(d->vm->kvm, (gva_t)&page_board);
	memset(d->board, 0, sizeof(*d->board));
	d->op = (struct gm_op){ .code = GM_OP_CALL,
				.addr = (uintptr_t)guest_refill,
				.val = GM_BASE };
	gm_parallel(2, duel_thread, d);
	GM_EXPECT_AT(
		GM_PAGE(.gpa = GM_AT(GM_BASE), .hva = GM_AT((uintptr_t)d->hva)), !d->kept,
		"round %u: its page is taken for the second time, and the vCPU has the one that it wrote as its %luth still, never an empty one",
		d->kept, d->board->refills);
	gm_note("%lu pages given and taken, delays of up to %lu turns", d->board->refills,
		d->turns);
}

GM_CASE(hole_twice, .name = "fd.punch_unmaps.empty", .clause = "fd.punch_unmaps",
	.flavours = FD_EACH_TDP,
	.text = "a second hole right after the first, while a vCPU fills the page again")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, PG);
	struct duel d = { .vm = w->vm, .gmem = w->gmem };

	fight(&d);
	fd_fixture_free(w);
}

GM_CASE(drop_twice, .name = "fd.shared_follows.empty", .clause = "fd.shared_follows",
	.profile = "any", .needs = GM_NEEDS(TDP),
	.text = "a page dropped twice at short intervals, while a vCPU fills it again")
{
	struct gm_fixture *w = FD_ORDINARY(PG);
	struct duel d = { .vm = w->vm, .gmem = -1, .hva = w->hva };

	fight(&d);
	gm_fixture_free(w);
}
