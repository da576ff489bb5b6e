// SPDX-License-Identifier: GPL-2.0-only
/* A slot is deleted while a vCPU faults in it: no page stays mapped: fd.slot_flags. */
#include <sched.h>

#include "fd.h"

GM_FILE(.clause = "fd.slot_flags")

#define NPAGES 2048UL
#define ROUNDS 24U

static struct {
	uint64_t page; /* that is read next */
} walk __attribute__((aligned(4096)));

/* Faults on each page, without an exit, until the slot is deleted. */
__attribute__((target("general-regs-only"))) static uint64_t walk_on(uint64_t base, uint64_t nr,
								     uint64_t stride)
{
	volatile uint64_t *page = &walk.page;

	for (;;) {
		*(volatile uint64_t *)(base + *page * stride);
		*page = (*page + 1) % nr;
	}
	return 0;
}

struct deletion {
	struct gm_vm *vm;
	uint64_t gpa; /* of the slot */
	uint64_t at;  /* delete when the vCPU has reached this page */
	struct gm_exit ex;
	bool whole;
};

static void deletion_thread(unsigned int i, void *arg)
{
	struct deletion *d = arg;
	volatile uint64_t *page = addr_gva2hva(d->vm->kvm, (gva_t)&walk.page);
	struct gm_op op = { .code = GM_OP_CALL,
			    .addr = (uintptr_t)walk_on,
			    .val = d->gpa,
			    .nr = NPAGES,
			    .stride = PG };

	if (!i) {
		d->whole = __gm_run(d->vm, 0, &op, 1, &d->ex, NULL);
		return;
	}
	while (*page < d->at)
		sched_yield();
	gm_slot_delete(d->vm, GM_SLOT);
}

enum gone { GONE_FAULT = 1, GONE_MMIO, GONE_EITHER };

/*
 * Without a slot an access to a page with the private attribute is KVM_EXIT_MEMORY_FAULT, any other
 * is KVM_EXIT_MMIO. A fault that began while the page was private in its file may end as either.
 */
static void expect_gone(const struct gm_exit *ex, bool whole, enum gone gone, uint64_t gpa,
			uint64_t page, const char *when)
{
	bool fault = ex->ret && ex->err == EFAULT && ex->reason == KVM_EXIT_MEMORY_FAULT &&
		     ex->fault.gpa == gpa;
	bool mmio = !ex->ret && ex->reason == KVM_EXIT_MMIO;

	GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(gpa), .off = GM_AT(page * PG)),
		     !whole && ((fault && gone & GONE_FAULT) || (mmio && gone & GONE_MMIO)),
		     "%s, page %lu: expected %s%s%s, observed %s", when, page,
		     gone & GONE_FAULT ? "KVM_EXIT_MEMORY_FAULT of it" : "",
		     gone == GONE_EITHER ? " or " : "", gone & GONE_MMIO ? "KVM_EXIT_MMIO" : "",
		     whole ? "a read" : gm_exit_str(ex));
}

/* Another gpa each round, since KVM caches that a gfn has no slot: conv.before_slot tests that. */
static uint64_t gpa_of(unsigned int round)
{
	return GM_BASE + round * NPAGES * PG;
}

/* Binds all of the file, or of the memory. */
static void bind_it(struct gm_fixture *w, uint64_t gpa)
{
	gm_fixture_slot(w, GM_SLOT, gpa, NPAGES * PG, 0);
}

/*
 * A fault during the deletion must retry. If it maps a page instead, nothing removes that mapping,
 * and the pages that the vCPU read last are still mapped. The caller uses round `ROUNDS`.
 */
static void delete_under(struct gm_fixture *w, enum gone running, enum gone after)
{
	struct gm_vm *vm = w->vm;
	uint64_t *page = addr_gva2hva(vm->kvm, (gva_t)&walk.page);

	for (unsigned int i = 0; i < ROUNDS && !gm_failures(); i++) {
		struct deletion d = { .vm = vm, .gpa = gpa_of(i), .at = 8 + 5 * i };

		bind_it(w, d.gpa);
		*page = 0;
		gm_parallel(2, deletion_thread, &d);
		expect_gone(&d.ex, d.whole, running, d.gpa + *page * PG, *page,
			    "the running vCPU stops");
		for (uint64_t back = 0; back <= 3 && back <= *page; back++) {
			struct gm_op op = { .code = GM_OP_READ,
					    .addr = d.gpa + (*page - back) * PG };
			struct gm_exit ex;
			bool whole = __gm_run(vm, 0, &op, 1, &ex, NULL);

			expect_gone(&ex, whole, after, op.addr, *page - back, "after the deletion");
		}
	}
}

GM_CASE(delete_running, .name = "fd.slot_flags.delete_running", .flavours = FD_EACH_TDP_QUICK,
	.text = "the slot is deleted while a vCPU faults in page after page: it stops, and no page stays mapped")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, gpa_of(ROUNDS + 1) - GM_BASE,
					  .file_size = NPAGES * PG, .no_slot = true);

	if (fd_fault_flags(w) & KVM_MEMORY_EXIT_FLAG_PRIVATE)
		delete_under(w, GONE_FAULT, GONE_FAULT);
	else
		delete_under(w, w->provider ? GONE_EITHER : GONE_MMIO, GONE_MMIO);
	bind_it(w, gpa_of(ROUNDS));
	gm_guest_check_zero(w->vm, 0, gpa_of(ROUNDS), NPAGES, "the slot created again");
	fd_fixture_free(w);
}

GM_CASE(delete_plain, .name = "fd.slot_flags.delete_running.ordinary",
	.text = "the same with a slot of ordinary memory", .profile = "any", .needs = GM_NEEDS(TDP))
{
	struct gm_fixture *w =
		FD_ORDINARY(gpa_of(ROUNDS + 1) - GM_BASE, .mem_size = NPAGES * PG, .no_slot = true);

	delete_under(w, GONE_MMIO, GONE_MMIO);
	bind_it(w, gpa_of(ROUNDS));
	gm_guest_check_zero(w->vm, 0, gpa_of(ROUNDS), NPAGES, "the slot created again");
	gm_fixture_free(w);
}
