// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU that reads a page without an exit may lose it at any time during a hole, and must not get
 * the old page again: fd.punch_unmaps.
 */
#include <stdatomic.h>

#include "fd.h"

GM_FILE(.clause = "fd.punch_unmaps", .flavours = FD_EACH_TDP)

/* State shared by host and guest, in guest memory. */
struct shared_state {
	volatile uint64_t stop, seen_by_host, bad;
	volatile uint64_t reads[2]; /* of each vCPU */
};
static struct shared_state shared __attribute__((aligned(4096)));

#define GUEST __attribute__((target("general-regs-only"))) static uint64_t

/* Reads until the host sets stop, after the hole; then once more, without an exit between. */
GUEST guest_look(uint64_t addr, uint64_t v, uint64_t unused)
{
	while (!shared.stop) {
		(void)*(volatile uint64_t *)addr;
		shared.reads[v]++;
	}
	return *(volatile uint64_t *)addr;
}

/* Once the host has seen the new page, the guest must not read the old one. */
GUEST guest_order(uint64_t addr, uint64_t old, uint64_t unused)
{
	while (!shared.stop) {
		uint64_t host = shared.seen_by_host;
		uint64_t mine = *(volatile uint64_t *)addr;

		if (host && mine == old)
			shared.bad++;
		shared.reads[0]++;
	}
	return shared.bad;
}

struct window {
	struct gm_fixture *w;
	struct shared_state *shared;
	uint64_t off, len; /* of the hole */
	unsigned int vcpus;
	bool at_once;	    /* the vCPU reads a last time right after the hole */
	struct gm_op op[2]; /* of each */
	atomic_bool done;
};

static struct shared_state *shared_reset(struct gm_vm *vm)
{
	struct shared_state *b = addr_gva2hva(vm->kvm, (gva_t)&shared);

	memset(b, 0, sizeof(*b));
	return b;
}

/* Waits for eight more reads of each vCPU. */
static void wait_reads(struct window *at)
{
	uint64_t from[2] = { at->shared->reads[0], at->shared->reads[1] };

	for (unsigned int v = 0; v < at->vcpus; v++)
		while (at->shared->reads[v] < from[v] + 8 && !at->shared->stop)
			sched_yield();
}

/* The first threads run a vCPU each, the next one punches, one more reads as the host. */
static void window_thread(unsigned int i, void *arg)
{
	struct window *at = arg;
	volatile uint64_t *hva = (volatile uint64_t *)(at->w->hva + at->off);

	if (i < at->vcpus) {
		gm_run(at->w->vm, i, &at->op[i], 1);
	} else if (i == at->vcpus) {
		wait_reads(at);
		gm_gmem_punch(at->w->gmem, at->off, at->len);
		if (at->at_once)
			at->shared->stop = 1;
		atomic_store(&at->done, true);
		wait_reads(at);
		at->shared->stop = 1;
	} else {
		/* The first page is removed first; the rest of the hole takes longer. */
		while (*hva && !atomic_load(&at->done))
			;
		at->shared->seen_by_host = 1;
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
 * Two vCPUs read the first and the last page of a long hole in a loop. Freeing the pages between
 * takes long: a fault meanwhile that still gets the old page would keep it mapped.
 */
GM_CASE(window, .name = "fd.punch_unmaps.window", .flavours = FD_EACH_TDP_QUICK,
	.text = "two vCPUs read the ends of a long hole while it is punched: zero after it")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, LONG, .vcpus = 2);
	uint64_t gpa[] = { GM_BASE, GM_BASE + LONG - PG };
	struct window at = { .w = w, .len = LONG, .shared = shared_reset(w->vm), .vcpus = 2 };

	for (unsigned int gen = 1; gen <= ROUNDS && !gm_failures(); gen++) {
		memset(at.shared, 0, sizeof(*at.shared));
		gm_gmem_allocate(w->gmem, 0, LONG);
		for (unsigned int v = 0; v < 2; v++) {
			gm_fixture_fill(w, 0, GFN(gpa[v]), 1);
			at.op[v] = look_op(gpa[v], v);
		}
		gm_parallel(3, window_thread, &at);
		for (unsigned int v = 0; v < 2; v++) {
			GM_EXPECT(!at.op[v].ret,
				  "round %u: the vCPU at the %s page reads %s after the hole", gen,
				  v ? "last" : "first", gm_word_str(at.op[v].ret));
			gm_guest_check_zero(w->vm, v, gpa[v], 1, "an end of the hole");
		}
	}
	fd_fixture_free(w);
}

GM_CASE(order, .name = "fd.punch_unmaps.host_after_guest", .flavours = FD_HOST_SEES_TDP,
	.text = "once the host sees the new page, no guest has the old one",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP))
{
	/* A longer hole and more rounds: host and guest must both read in a short window. */
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 4 * LONG);
	struct window at = { .w = w, .len = 4 * LONG, .shared = shared_reset(w->vm), .vcpus = 1 };

	for (unsigned int gen = 1; gen <= 4 * ROUNDS && !gm_failures(); gen++) {
		memset(at.shared, 0, sizeof(*at.shared));
		atomic_store(&at.done, false);
		gm_gmem_allocate(w->gmem, 0, 4 * LONG);
		gm_fixture_fill(w, 0, FIRST, 1);
		at.op[0] = (struct gm_op){ .code = GM_OP_CALL,
					   .addr = (uintptr_t)guest_order,
					   .val = GM_BASE,
					   .nr = *(uint64_t *)w->hva };
		gm_parallel(3, window_thread, &at);
		GM_EXPECT(
			!at.shared->bad,
			"round %u: the guest read the old page %lu times after the host had the new one",
			gen, at.shared->bad);
	}
	fd_fixture_free(w);
}

/*
 * Two slots of one file; the vCPU has mapped a page of the first only. A hole over both must flush.
 */
GM_CASE(flush, .name = "fd.punch_unmaps.flush_beside_cold_slot",
	.text = "a hole over a slot that a running vCPU has mapped and one that is not mapped")
{
	struct gm_fixture *w =
		FD_FIXTURE(self->flavour, 2 * GM_2M, .file_size = 32 * PG, .no_slot = true);
	struct window at = {
		.w = w, .len = 32 * PG, .shared = shared_reset(w->vm), .vcpus = 1, .at_once = true
	};

	for (int i = 0; i < 2; i++)
		gm_fixture_slot(w, GM_SLOT + i, GM_BASE + i * GM_2M, 16 * PG, i * 16 * PG);
	/* Any exit would flush, too: several rounds, with no exit between the hole and the read. */
	for (unsigned int gen = 1; gen <= 12 && !gm_failures(); gen++) {
		memset(at.shared, 0, sizeof(*at.shared));
		gm_fixture_fill(w, 0, FIRST, 1);
		at.op[0] = look_op(GM_BASE, 0);
		gm_parallel(2, window_thread, &at);
		GM_EXPECT(!at.op[0].ret, "round %u: after the hole the vCPU reads %s", gen,
			  gm_word_str(at.op[0].ret));
	}
	gm_guest_check_zero(w->vm, 0, GM_BASE, 16, "after the hole");
	fd_fixture_free(w);
}

/* A hole that ends where a slot begins must not affect it. */
GM_CASE(touching, .name = "fd.punch_unmaps.beside_slot",
	.text = "holes that end where a slot begins, and begin where it ends: its content stays")
{
	struct gm_fixture *w =
		FD_FIXTURE(self->flavour, GM_2M, .file_size = 48 * PG, .no_slot = true);

	gm_fixture_slot(w, GM_SLOT, GM_BASE, 16 * PG, 16 * PG);
	gm_fixture_fill(w, 0, FIRST, 16);
	gm_fixture_punch_file(w, 0, 16 * PG);
	gm_fixture_punch_file(w, 32 * PG, 16 * PG);
	gm_fixture_check_guest(w, 0, FIRST, 16, 1, "after holes on both sides");
	/* An unbalanced invalidation count of the first holes would block faults now. */
	gm_fixture_punch_file(w, 20 * PG, PG);
	gm_guest_check_zero(w->vm, 0, GM_BASE + 4 * PG, 1, "a hole inside");
	gm_fixture_check_guest(w, 0, FIRST + 5, 11, 1, "after it");
	gm_fixture_punch_file(w, 16 * PG, 16 * PG);
	gm_guest_check_zero(w->vm, 0, GM_BASE, 16, "a hole over all of it");
	fd_fixture_free(w);
}
