// SPDX-License-Identifier: GPL-2.0-only
/* A slot that is deleted under a vCPU that faults in it: nothing of it stays mapped: fd.slot_flags. */
#include <sched.h>

#include "fd.h"

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
	uint64_t at; /* the page that the vCPU is to reach first */
	struct gm_exit ex;
	bool whole;
};

static void deletion_thread(unsigned int i, void *arg)
{
	struct deletion *d = arg;
	volatile uint64_t *page = addr_gva2hva(d->vm->kvm, (gva_t)&walk.page);
	struct gm_op op = { .code = GM_OP_CALL,
			    .addr = (uintptr_t)walk_on,
			    .val = GM_BASE,
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

/* Nothing is there: a private page is reported, a shared one is a device's. */
static void expect_gone(struct gm_vm *vm, const struct gm_exit *ex, bool whole, bool private,
			uint64_t page, const char *when)
{
	uint64_t gpa = GM_BASE + page * PG;
	bool right = private ? ex->ret && ex->err == EFAULT &&
				       ex->reason == KVM_EXIT_MEMORY_FAULT && ex->fault.gpa == gpa
			     : !ex->ret && ex->reason == KVM_EXIT_MMIO;

	GM_EXPECT_AT(GM_PAGE(.gpa = gpa, .off = gpa - GM_BASE), !whole && right,
		     "%s, page %lu: expected %s, observed %s", when, page,
		     private ? "KVM_EXIT_MEMORY_FAULT of it" : "KVM_EXIT_MMIO",
		     whole ? "that it was read" : gm_exit_str(ex));
}

/*
 * A fault that meets the slot half deleted must wait. If it maps the page, nobody takes that mapping
 * back: what the vCPU read last before it stopped would still be there.
 */
static void delete_under(struct gm_vm *vm, bool private, void (*again)(void *), void *arg)
{
	uint64_t *page = addr_gva2hva(vm->kvm, (gva_t)&walk.page);

	for (unsigned int i = 0; i < ROUNDS && !gm_failures(); i++) {
		struct deletion d = { .vm = vm, .at = 8 + 5 * i };

		again(arg);
		*page = 0;
		gm_parallel(2, deletion_thread, &d);
		expect_gone(vm, &d.ex, d.whole, private, *page, "the running vCPU stops");
		for (uint64_t back = 0; back <= 3 && back <= *page; back++) {
			struct gm_op op = { .code = GM_OP_READ,
					    .addr = GM_BASE + (*page - back) * PG };
			struct gm_exit ex;
			bool whole = __gm_run(vm, 0, &op, 1, &ex, NULL);

			expect_gone(vm, &ex, whole, private, *page - back, "after the deletion");
		}
	}
}

static void bind_again(void *arg)
{
	struct fd_box *b = arg;

	GM_SETUP(!__fd_slot_set(b->vm, GM_SLOT, GM_BASE, NPAGES * PG, b->gmem, 0),
		 "the slot cannot be made: %s", gm_errno_name(errno));
}

FD_EACH_TDP_QUICK(
	delete_running, "fd.slot_flags.delete_running", .clause = "fd.slot_flags",
	.text = "the slot is deleted while a vCPU faults in page after page: it stops, and none is left")
{
	struct fd_box *b = fd_box_new(self->arg, 1, NPAGES * PG);

	gm_slot_delete(b->vm, GM_SLOT);
	delete_under(b->vm, b->f->fault & KVM_MEMORY_EXIT_FLAG_PRIVATE, bind_again, b);
	bind_again(b);
	gm_guest_check_zero(b->vm, 0, GM_BASE, NPAGES, "the slot made again");
	fd_box_free(b);
}

static void plain_again(void *arg)
{
	fd_plain_bind(arg);
}

GM_CASE(delete_plain, .name = "fd.slot_flags.delete_running.ordinary", .clause = "fd.slot_flags",
	.text = "the same of a slot that has ordinary memory", .profile = "any",
	.needs = GM_NEEDS(TDP))
{
	struct fd_plain p = fd_plain_new(1, NPAGES);

	gm_slot_delete(p.vm, GM_SLOT);
	delete_under(p.vm, false, plain_again, &p);
	plain_again(&p);
	gm_guest_check_zero(p.vm, 0, GM_BASE, NPAGES, "the slot made again");
	fd_plain_free(&p);
}
