// SPDX-License-Identifier: GPL-2.0-only
/* A slot that is deleted under a vCPU that faults in it: nothing of it stays mapped: fd.slot_flags. */
#include <sched.h>

#include "fd.h"

GM_FILE(.clause = "fd.slot_flags")

#define NPAGES 2048UL
#define ROUNDS 24U

static struct {
	uint64_t page; /* the next one that is read */
} walk __attribute__((aligned(4096)));

/* A fault for every page, and no exit, until one has no slot behind it. */
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
	uint64_t at;  /* the page that the vCPU is to reach first */
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
 * Nothing is there: a page that is private by an attribute of the VM is reported, any other is a
 * device's. A fault that began while it was private in its file may end as the one or as the other.
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
		     whole ? "that it was read" : gm_exit_str(ex));
}

/*
 * Each time elsewhere in the guest: where there was no slot a guest has KVM remember that, and how it
 * forgets is the question of conv.before_slot.
 */
static uint64_t gpa_of(unsigned int round)
{
	return GM_BASE + round * NPAGES * PG;
}

/* All of the file, or of the memory. */
static void bind_it(struct gm_fixture *w, uint64_t gpa)
{
	gm_fixture_slot(w, GM_SLOT, gpa, NPAGES * PG, 0);
}

/*
 * A fault that meets the slot half deleted must wait. If it maps the page, nobody takes that mapping
 * back: what the vCPU read last before it stopped would still be there. Round `ROUNDS` is left to the
 * caller.
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
	.text = "the slot is deleted while a vCPU faults in page after page: it stops, and none is left")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, gpa_of(ROUNDS + 1) - GM_BASE,
					  .file_size = NPAGES * PG, .no_slot = true);

	if (fd_fault_flags(w) & KVM_MEMORY_EXIT_FLAG_PRIVATE)
		delete_under(w, GONE_FAULT, GONE_FAULT);
	else
		delete_under(w, w->provider ? GONE_EITHER : GONE_MMIO, GONE_MMIO);
	bind_it(w, gpa_of(ROUNDS));
	gm_guest_check_zero(w->vm, 0, gpa_of(ROUNDS), NPAGES, "the slot made again");
	fd_fixture_free(w);
}

GM_CASE(delete_plain, .name = "fd.slot_flags.delete_running.ordinary",
	.text = "the same of a slot that has ordinary memory", .profile = "any",
	.needs = GM_NEEDS(TDP))
{
	struct gm_fixture *w =
		FD_ORDINARY(gpa_of(ROUNDS + 1) - GM_BASE, .mem_size = NPAGES * PG, .no_slot = true);

	delete_under(w, GONE_MMIO, GONE_MMIO);
	bind_it(w, gpa_of(ROUNDS));
	gm_guest_check_zero(w->vm, 0, gpa_of(ROUNDS), NPAGES, "the slot made again");
	gm_fixture_free(w);
}
