// SPDX-License-Identifier: GPL-2.0-only
/*
 * The moment of the hole: a vCPU that has the page and does not leave may lose it at any time
 * during fallocate(), and must not get the old one again: fd.punch_unmaps.
 */
#include <stdatomic.h>

#include "fd.h"

#define FIRST (GM_BASE / PG)

/* What host and guest tell each other, in the guest's own memory. */
struct board {
	volatile uint64_t stop, seen_by_host, bad;
	volatile uint64_t looks[2]; /* of each vCPU */
};
static struct board board __attribute__((aligned(4096)));

#define GUEST __attribute__((target("general-regs-only"))) static uint64_t

/* Reads until the host says stop, which is after the hole; then once more, with no exit between. */
GUEST guest_look(uint64_t addr, uint64_t v, uint64_t unused)
{
	while (!board.stop) {
		(void)*(volatile uint64_t *)addr;
		board.looks[v]++;
	}
	return *(volatile uint64_t *)addr;
}

/* Once the host has seen the new page, the old one must not be there any more. */
GUEST guest_order(uint64_t addr, uint64_t old, uint64_t unused)
{
	while (!board.stop) {
		uint64_t host = board.seen_by_host;
		uint64_t mine = *(volatile uint64_t *)addr;

		if (host && mine == old)
			board.bad++;
		board.looks[0]++;
	}
	return board.bad;
}

struct window {
	struct fd_box *b;
	struct board *board;
	uint64_t off, len; /* of the hole */
	unsigned int vcpus;
	bool at_once;	    /* the vCPU looks a last time right after the hole */
	struct gm_op op[2]; /* of each */
	atomic_bool done;
};

static struct board *board_of(struct gm_vm *vm)
{
	struct board *b = addr_gva2hva(vm->kvm, (gva_t)&board);

	memset(b, 0, sizeof(*b));
	return b;
}

/* Eight looks more of each vCPU. */
static void wait_looks(struct window *w)
{
	uint64_t from[2] = { w->board->looks[0], w->board->looks[1] };

	for (unsigned int v = 0; v < w->vcpus; v++)
		while (w->board->looks[v] < from[v] + 8 && !w->board->stop)
			sched_yield();
}

/* The first threads run a vCPU each, the next one punches, one more looks as the host does. */
static void window_thread(unsigned int i, void *arg)
{
	struct window *w = arg;
	volatile uint64_t *hva = (volatile uint64_t *)(w->b->hva + w->off);

	if (i < w->vcpus) {
		gm_run(w->b->vm, i, &w->op[i], 1);
	} else if (i == w->vcpus) {
		wait_looks(w);
		gm_gmem_punch(w->b->gmem, w->off, w->len);
		if (w->at_once)
			w->board->stop = 1;
		atomic_store(&w->done, true);
		wait_looks(w);
		w->board->stop = 1;
	} else {
		/* The first page of the hole goes first; the rest of it is what takes time. */
		while (*hva && !atomic_load(&w->done))
			;
		w->board->seen_by_host = 1;
	}
}

static struct gm_op look_op(uint64_t gpa, unsigned int v)
{
	return (struct gm_op){
		.code = GM_OP_CALL, .addr = (uintptr_t)guest_look, .val = gpa, .nr = v
	};
}

#define LONG (2048 * PG)
#define ROUNDS 2

/*
 * The first and the last page of a long hole are read without pause. Freeing what lies between
 * takes long: a page that comes back meanwhile is still the old one, and stays.
 */
FD_EACH_TDP_QUICK(
	window, "fd.punch_unmaps.window", .clause = "fd.punch_unmaps",
	.text = "a vCPU at each end of a long hole reads it while it is made: zero when it is")
{
	struct fd_box *b = fd_box_new(self->arg, 2, LONG);
	uint64_t gpa[] = { GM_BASE, GM_BASE + LONG - PG };
	struct window w = { .b = b, .len = LONG, .board = board_of(b->vm), .vcpus = 2 };

	for (unsigned int gen = 1; gen <= ROUNDS && !gm_failures(); gen++) {
		memset(w.board, 0, sizeof(*w.board));
		gm_gmem_allocate(b->gmem, 0, LONG);
		for (unsigned int v = 0; v < 2; v++) {
			fd_fill(b->vm, 0, b->f, gpa[v], 1, gpa[v] / PG, gen);
			w.op[v] = look_op(gpa[v], v);
		}
		gm_parallel(3, window_thread, &w);
		for (unsigned int v = 0; v < 2; v++) {
			GM_EXPECT(!w.op[v].ret,
				  "round %u: the vCPU at the %s page reads %s after the hole", gen,
				  v ? "last" : "first", gm_word_str(w.op[v].ret));
			gm_guest_check_zero(b->vm, v, gpa[v], 1, "an end of the hole");
		}
	}
	fd_box_free(b);
}

FD_HOST_SEES(order, "fd.punch_unmaps.host_after_guest", .clause = "fd.punch_unmaps",
	     .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP),
	     .text = "from the moment on that the host sees the new page no guest has the old one")
{
	/* Longer still, and more often: host and guest have to look at the right moment. */
	struct fd_box *b = fd_box_new(self->arg, 1, 4 * LONG);
	struct window w = { .b = b, .len = 4 * LONG, .board = board_of(b->vm), .vcpus = 1 };

	for (unsigned int gen = 1; gen <= 4 * ROUNDS && !gm_failures(); gen++) {
		memset(w.board, 0, sizeof(*w.board));
		atomic_store(&w.done, false);
		gm_gmem_allocate(b->gmem, 0, 4 * LONG);
		fd_fill(b->vm, 0, b->f, GM_BASE, 1, FIRST, gen);
		w.op[0] = (struct gm_op){ .code = GM_OP_CALL,
					  .addr = (uintptr_t)guest_order,
					  .val = GM_BASE,
					  .nr = *(uint64_t *)b->hva };
		gm_parallel(3, window_thread, &w);
		GM_EXPECT(
			!w.board->bad,
			"round %u: the guest read the old page %lu times after the host had the new one",
			gen, w.board->bad);
	}
	fd_box_free(b);
}

/* Two slots of one file; the vCPU has a page of the first only. A hole over both flushes for it. */
FD_EACH_TDP(flush, "fd.punch_unmaps.flush_beside_cold_slot", .clause = "fd.punch_unmaps",
	    .text = "a hole over a slot that a running vCPU has mapped and one that nobody has")
{
	const struct fd_flavour *f = self->arg;
	struct fd_box b = { .f = f, .vm = fd_vm_new(f, 1, 2 * GM_2M), .size = 32 * PG };
	struct window w = {
		.b = &b, .len = 32 * PG, .board = board_of(b.vm), .vcpus = 1, .at_once = true
	};

	b.gmem = fd_gmem_new(b.vm, f, b.size);
	if (f->flags & GUEST_MEMFD_FLAG_MMAP)
		b.hva = fd_mmap(b.gmem, b.size);
	for (int i = 0; i < 2; i++)
		fd_slot_set(b.vm, f, GM_SLOT + i, GM_BASE + i * GM_2M, 16 * PG, b.gmem, i * 16 * PG,
			    b.hva);
	/* Any exit would flush by accident: often, and with nothing between the hole and the look. */
	for (unsigned int gen = 1; gen <= 12 && !gm_failures(); gen++) {
		memset(w.board, 0, sizeof(*w.board));
		fd_fill(b.vm, 0, f, GM_BASE, 1, FIRST, gen);
		w.op[0] = look_op(GM_BASE, 0);
		gm_parallel(2, window_thread, &w);
		GM_EXPECT(!w.op[0].ret, "round %u: after the hole the vCPU reads %s", gen,
			  gm_word_str(w.op[0].ret));
	}
	gm_guest_check_zero(b.vm, 0, GM_BASE, 16, "after the hole");
	gm_vm_free(b.vm);
	if (b.hva)
		munmap(b.hva, b.size);
	close(b.gmem);
}

/* A hole that ends where a slot begins is none of that slot's business. */
FD_EACH_TDP(
	touching, "fd.punch_unmaps.beside_slot", .clause = "fd.punch_unmaps",
	.text = "holes that end where a slot begins, and begin where one ends: its guest goes on")
{
	const struct fd_flavour *f = self->arg;
	struct gm_vm *vm = fd_vm_new(f, 1, GM_2M);
	int gmem = fd_gmem_new(vm, f, 48 * PG);

	fd_slot_set(vm, f, GM_SLOT, GM_BASE, 16 * PG, gmem, 16 * PG, NULL);
	fd_fill(vm, 0, f, GM_BASE, 16, FIRST, 1);
	gm_gmem_punch(gmem, 0, 16 * PG);
	gm_gmem_punch(gmem, 32 * PG, 16 * PG);
	fd_check(vm, 0, f, GM_BASE, 16, FIRST, 1, "after holes on both sides");
	/* Holes inside are counted apart: what the first ones left over would add up now. */
	gm_gmem_punch(gmem, 20 * PG, PG);
	gm_guest_check_zero(vm, 0, GM_BASE + 4 * PG, 1, "a hole inside");
	fd_check(vm, 0, f, GM_BASE + 5 * PG, 11, FIRST + 5, 1, "behind it");
	gm_gmem_punch(gmem, 16 * PG, 16 * PG);
	gm_guest_check_zero(vm, 0, GM_BASE, 16, "all of it");
	gm_vm_free(vm);
	close(gmem);
}
