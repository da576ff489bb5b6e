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
	volatile uint64_t stop, looks, seen_by_host, bad;
};
static struct board board __attribute__((aligned(4096)));

#define GUEST __attribute__((target("general-regs-only"))) static uint64_t

/* Reads the first words of `nr` pages, `stride` apart. */
GUEST first_words(uint64_t addr, uint64_t nr, uint64_t stride)
{
	uint64_t all = 0;

	for (uint64_t i = 0; i < nr; i++)
		all |= *(volatile uint64_t *)(addr + i * stride);
	return all;
}

/* Reads until the host says stop, which is after the hole; then once more, with no exit between. */
GUEST guest_look(uint64_t addr, uint64_t nr, uint64_t stride)
{
	while (!board.stop) {
		first_words(addr, nr, stride);
		board.looks++;
	}
	return first_words(addr, nr, stride);
}

/* Once the host has seen the new page, the old one must not be there any more. */
GUEST guest_order(uint64_t addr, uint64_t old, uint64_t unused)
{
	while (!board.stop) {
		uint64_t host = board.seen_by_host;
		uint64_t mine = *(volatile uint64_t *)addr;

		if (host && mine == old)
			board.bad++;
		board.looks++;
	}
	return board.bad;
}

struct window {
	struct fd_box *b;
	struct board *board;
	uint64_t off, len; /* of the hole */
	struct gm_op op;
	atomic_bool done;
};

static struct board *board_of(struct gm_vm *vm)
{
	struct board *b = addr_gva2hva(vm->kvm, (gva_t)&board);

	memset(b, 0, sizeof(*b));
	return b;
}

static void wait_looks(struct board *b, uint64_t more)
{
	uint64_t from = b->looks;

	while (b->looks < from + more)
		sched_yield();
}

/* Thread 0 runs the vCPU, thread 1 punches, thread 2 (if any) looks through the host's mapping. */
static void window_thread(unsigned int i, void *arg)
{
	struct window *w = arg;
	volatile uint64_t *hva = (volatile uint64_t *)(w->b->hva + w->off);

	switch (i) {
	case 0:
		gm_run(w->b->vm, 0, &w->op, 1);
		break;
	case 1:
		wait_looks(w->board, 8);
		gm_gmem_punch(w->b->gmem, w->off, w->len);
		atomic_store(&w->done, true);
		wait_looks(w->board, 8);
		w->board->stop = 1;
		break;
	default:
		/* The first page of the hole goes first; the rest of it is what takes time. */
		while (*hva && !atomic_load(&w->done))
			;
		w->board->seen_by_host = 1;
		break;
	}
}

#define LONG (2048 * PG)
#define ROUNDS 3

/*
 * The first and the last page of a long hole are read without pause. Freeing what lies between
 * takes long: a page that comes back meanwhile is still the old one, and stays.
 */
FD_EACH_TDP(window, "fd.punch_unmaps.window", .clause = "fd.punch_unmaps",
	    .text = "a vCPU that reads both ends of a long hole while it is made: zero when it is")
{
	struct fd_box *b = fd_box_new(self->arg, 1, LONG);
	uint64_t end = LONG - PG;
	struct window w = { .b = b, .off = 0, .len = LONG, .board = board_of(b->vm) };

	fd_deadline(40);
	for (unsigned int gen = 1; gen <= ROUNDS && !gm_failures(); gen++) {
		w.op = (struct gm_op){ .code = GM_OP_CALL,
				       .addr = (uintptr_t)guest_look,
				       .val = GM_BASE,
				       .nr = 2,
				       .stride = end };
		memset(w.board, 0, sizeof(*w.board));
		gm_gmem_allocate(b->gmem, 0, LONG);
		fd_fill(b->vm, 0, b->f, GM_BASE, 1, FIRST, gen);
		fd_fill(b->vm, 0, b->f, GM_BASE + end, 1, FIRST + end / PG, gen);
		gm_parallel(2, window_thread, &w);
		GM_EXPECT(!w.op.ret,
			  "round %u: at its ends the vCPU reads words that together are %s", gen,
			  gm_word_str(w.op.ret));
		gm_guest_check_zero(b->vm, 0, GM_BASE, 1, "the first page of the hole");
		gm_guest_check_zero(b->vm, 0, GM_BASE + end, 1, "the last page of the hole");
	}
	fd_box_free(b);
}

GM_CASE(order, .name = "fd.punch_unmaps.host_after_guest", .clause = "fd.punch_unmaps",
	.profile = "P1", .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP),
	.text = "from the moment on that the host sees the new page no guest has the old one")
{
	struct fd_box *b = fd_box_new(&fd_p1, 1, LONG);
	struct window w = { .b = b, .off = 0, .len = LONG, .board = board_of(b->vm) };

	fd_deadline(40);
	for (unsigned int gen = 1; gen <= ROUNDS && !gm_failures(); gen++) {
		memset(w.board, 0, sizeof(*w.board));
		atomic_store(&w.done, false);
		gm_gmem_allocate(b->gmem, 0, LONG);
		fd_fill(b->vm, 0, b->f, GM_BASE, 1, FIRST, gen);
		w.op = (struct gm_op){ .code = GM_OP_CALL,
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
	struct window w = { .b = &b, .off = 0, .len = 32 * PG, .board = board_of(b.vm) };

	fd_deadline(40);
	b.gmem = gm_gmem_new(b.vm, b.size, f->flags);
	if (f->flags & GUEST_MEMFD_FLAG_MMAP)
		b.hva = fd_mmap(b.gmem, b.size);
	for (int i = 0; i < 2; i++)
		fd_slot_set(b.vm, f, GM_SLOT + i, GM_BASE + i * GM_2M, 16 * PG, b.gmem, i * 16 * PG,
			    b.hva);
	fd_fill(b.vm, 0, f, GM_BASE, 1, FIRST, 1);
	w.op = (struct gm_op){
		.code = GM_OP_CALL, .addr = (uintptr_t)guest_look, .val = GM_BASE, .nr = 1
	};
	gm_parallel(2, window_thread, &w);
	GM_EXPECT(!w.op.ret, "after the hole the vCPU reads %s", gm_word_str(w.op.ret));
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
	int gmem = gm_gmem_new(vm, 48 * PG, f->flags);

	/* Only what hangs for ever is this late. */
	fd_deadline(25);
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
	alarm(0);
	gm_vm_free(vm);
	close(gmem);
}
