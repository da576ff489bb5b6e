// SPDX-License-Identifier: GPL-2.0-only
/* A private access without private memory exits with its exact address: conv.fault_exit. */
#include <sys/mman.h>

#include "conv.h"

GM_FILE(.clause = "conv.fault_exit", .providers = GM_PROVIDERS(ATTRIBUTES))

#define PRIVATE KVM_MEMORY_EXIT_FLAG_PRIVATE

enum access { READ, WRITE, ATOMIC, FETCH };

static const char *const access_name[] = { "read", "write", "locked add", "fetch" };

static struct gm_op access_op(enum access how, uint64_t gpa)
{
	static const uint32_t code[] = {
		[READ] = GM_OP_READ,
		[WRITE] = GM_OP_WRITE,
		[ATOMIC] = GM_OP_ADD,
		[FETCH] = GM_OP_EXEC,
	};

	return (struct gm_op){ .code = code[how], .addr = gpa, .val = 1 };
}

/* Expects KVM_EXIT_MEMORY_FAULT (39) with the page's address for every kind of access to gpa. */
static void expect_exit_flags(struct gm_vm *vm, uint64_t gpa, uint64_t flags, const char *when)
{
	struct gm_page page = gm_vm_page(vm, gpa & -GM_PAGE_SIZE);
	struct gm_exit ex;

	for (enum access how = READ; how <= FETCH; how++) {
		struct gm_op op = access_op(how, gpa);

		memset(&vm->vcpu[0]->run->memory_fault, 0xee,
		       sizeof(vm->vcpu[0]->run->memory_fault));
		if (!GM_EXPECT_AT(
			    &page, !__gm_run(vm, 0, &op, 1, &ex, NULL),
			    "%s: the guest's %s at %#lx succeeded, expected KVM_EXIT_MEMORY_FAULT",
			    when, access_name[how], gpa))
			continue;
		GM_EXPECT_AT(
			&page,
			ex.ret == -1 && ex.err == EFAULT && ex.reason == KVM_EXIT_MEMORY_FAULT &&
				ex.fault.flags == flags && ex.fault.gpa == (gpa & -GM_PAGE_SIZE) &&
				ex.fault.size == GM_PAGE_SIZE,
			"%s, %s at %#lx: expected exit 39, KVM_RUN -1 EFAULT, gpa %#lx, size 0x1000, flags %#lx, observed %s",
			when, access_name[how], gpa, gpa & -GM_PAGE_SIZE, flags, gm_exit_str(&ex));
	}
}

static void expect_exit(struct gm_vm *vm, uint64_t gpa, const char *when)
{
	expect_exit_flags(vm, gpa, PRIVATE, when);
}

static void expect_mmio(struct gm_vm *vm, uint64_t gpa, const char *when)
{
	struct gm_op op = { .code = GM_OP_READ, .addr = gpa };
	struct gm_exit ex;

	GM_EXPECT(!__gm_run(vm, 0, &op, 1, &ex, NULL) && !ex.ret && ex.reason == KVM_EXIT_MMIO,
		  "%s, read at %#lx: expected KVM_EXIT_MMIO, observed %s", when, gpa,
		  gm_exit_str(&ex));
}

/*
 * Offsets in the first, the last and other pages of 2 MiB, also at the page's first and last word.
 */
static const uint64_t somewhere[] = { 0, GPA(1) + 8, GPA(255) + 2048, GPA(256) + 4088, GPA(511) };
#define NSOMEWHERE (sizeof(somewhere) / sizeof(somewhere[0]))

static void expect_exits(struct gm_vm *vm, uint64_t gpa, const char *when)
{
	for (size_t i = 0; i < NSOMEWHERE; i++)
		expect_exit(vm, gpa + somewhere[i], when);
}

/* Writes every page of 2 MiB while shared and while private. */
static void fill_2m(struct gm_fixture *w)
{
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, GFN(w->gpa), 512, 1);
	gm_batch_convert(&s, GFN(w->gpa), 512, true, true);
	gm_batch_fill(&s, GFN(w->gpa), 512, 1);
	gm_batch_flush(&s);
}

/* In place there are no private pages without a file, so these cases run for attributes only. */
GM_CASE(no_gmem, .name = "conv.fault_exit.slot_without_gmem",
	.text = "private access to a slot without guest_memfd")
{
	struct gm_fixture *w = GM_FIXTURE(.size = 2 * GM_2M, .no_gmem = true);
	uint64_t first = GFN(w->gpa);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, 1024, 1);
	gm_batch_flush(&s);
	gm_fixture_convert(w, first + 512, 512, true);
	expect_exits(w->vm, w->gpa + GM_2M, "no guest_memfd");
	/* The shared part does not change, nor does any page after converting back. */
	gm_fixture_check_guest(w, 0, first, 512, 1, "beside the private part");
	gm_fixture_check_host(w, first, 1024, 1, "while private");
	gm_fixture_convert(w, first + 512, 512, false);
	gm_fixture_check_guest(w, 0, first, 1024, 1, "after converting back");
	gm_fixture_free(w);
}

GM_CASE(one_page, .name = "conv.fault_exit.one_page",
	.text = "one private page in a slot without guest_memfd, its neighbours shared")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .no_gmem = true, .mem = GM_MEM_THP);
	uint64_t first = GFN(w->gpa);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, 512, 1);
	gm_batch_flush(&s);
	for (uint64_t at = 0; at < 512; at += 73) {
		gm_fixture_convert(w, first + at, 1, true);
		expect_exit(w->vm, GPA(first + at) + 16, "the only private page");
		if (at)
			gm_fixture_check_guest(w, 0, first, at, 8, "below it");
		gm_fixture_check_guest(w, 0, first + at + 1, 511 - at, 8, "above it");
		gm_fixture_convert(w, first + at, 1, false);
		gm_fixture_check_guest(w, 0, first, 512, 8, "after converting back");
	}
	gm_fixture_free(w);
}

GM_CASE(second, .name = "conv.fault_exit.second_page",
	.text = "eight bytes over a border: the exit has the private page")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .no_gmem = true);

	for (int which = 0; which < 2; which++) {
		uint64_t border = w->gpa + GPA(100),
			 private = which ? border : border - GM_PAGE_SIZE;

		gm_convert(w->vm, private, GM_PAGE_SIZE, true);
		for (enum access how = READ; how <= WRITE; how++) {
			struct gm_op op = access_op(how, border - 4);
			struct gm_exit ex;

			GM_EXPECT(
				!__gm_run(w->vm, 0, &op, 1, &ex, NULL) && ex.ret == -1 &&
					ex.err == EFAULT && ex.reason == KVM_EXIT_MEMORY_FAULT &&
					ex.fault.flags == PRIVATE && ex.fault.gpa == private &&
					ex.fault.size == GM_PAGE_SIZE,
				"%s over the border, the %s page private: expected exit 39, gpa %#lx, flags 0x8, observed %s",
				access_name[how], which ? "second" : "first", private,
				gm_exit_str(&ex));
		}
		gm_convert(w->vm, private, GM_PAGE_SIZE, false);
	}
	gm_fixture_free(w);
}

GM_CASE(no_slot, .name = "conv.fault_exit.no_slot",
	.text = "private access without a slot; a shared one is MMIO")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1, .extra_pages = 16);
	uint64_t gpa[] = { GM_BASE, GM_BASE + GM_1G - GM_2M, GM_BASE + 5 * GM_1G,
			   GPA(vm->kvm->max_gfn + 1) - GM_2M };

	for (size_t i = 0; i < sizeof(gpa) / sizeof(gpa[0]); i++) {
		gm_vm_map(vm, gpa[i], GM_2M, GM_2M);
		gm_convert(vm, gpa[i], GM_2M, true);
		expect_exits(vm, gpa[i], "no slot");
		gm_convert(vm, gpa[i], GM_2M, false);
		expect_mmio(vm, gpa[i] + 8, "shared, no slot");
	}
	gm_vm_free(vm);
}

/*
 * In place a gpa without the file is not private. All pages are shared when the slot is created
 * again: conv.before_slot.touched tests private pages touched meanwhile.
 */
static void slot_deleted(void)
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);

	fill_2m(w);
	gm_slot_delete(w->vm, GM_SLOT);
	if (w->provider->file_serves_shared) {
		for (size_t i = 0; i < NSOMEWHERE; i++)
			expect_mmio(w->vm, w->gpa + somewhere[i], "slot deleted");
		gm_fixture_convert(w, GFN(w->gpa), 512, false);
	} else {
		expect_exits(w->vm, w->gpa, "slot deleted");
	}
	gm_fixture_slot(w, GM_SLOT, w->gpa, w->size, 0);
	gm_fixture_check_all(w, 0, "the slot created again");
	gm_fixture_free(w);
}

GM_CASE(deleted, .name = "conv.fault_exit.slot_deleted",
	.text = "private access after the deletion of the slot, and after it is created again")
{
	slot_deleted();
}

GM_CASE(deleted_file, .name = "conv.fault_exit.slot_deleted",
	.text = "access to private pages after the deletion of the slot: MMIO; and after it is created again",
	.providers = GM_PROVIDERS(INPLACE))
{
	slot_deleted();
}

/* Both the host's mapping and the descriptor are references of the file. */
static void drop_file(struct gm_fixture *w)
{
	if (w->hva != w->mem->hva)
		GM_SETUP_OK(munmap(w->hva, w->file_size));
	w->hva = w->mem->hva;
	w->vm->file_map = NULL;
	close(w->gmem);
	w->gmem = -1;
}

/* Drops the last reference; before that the guest reads all pages with one duplicate left. */
static void drop_last(struct gm_fixture *w)
{
	int second = GM_SETUP_OK(dup(w->gmem));

	drop_file(w);
	gm_fixture_check_guest(w, 0, GFN(w->gpa), 512, 1, "one reference is left");
	close(second);
}

GM_CASE(closed, .name = "conv.fault_exit.gmem_closed",
	.text = "private access after the last reference to the guest_memfd is dropped")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t first = GFN(w->gpa);

	fill_2m(w);
	drop_last(w);
	/* Both mapped pages and pages never touched. */
	expect_exits(w->vm, w->gpa, "guest_memfd closed");
	gm_fixture_convert(w, first, 512, false);
	gm_fixture_check_guest(w, 0, first, 512, 1, "shared memory is still there");
	gm_fixture_convert(w, first + 5, 1, true);
	expect_exit(w->vm, GPA(first + 5), "private again");
	gm_fixture_free(w);
}

GM_CASE(closed_file, .name = "conv.fault_exit.gmem_closed",
	.text = "any access after the last reference to the guest_memfd is dropped: the exit has no PRIVATE flag",
	.providers = GM_PROVIDERS(INPLACE))
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);

	fill_2m(w);
	gm_fixture_convert(w, GFN(w->gpa) + 256, 255, false);
	drop_last(w);
	/* Both private and shared pages: without the file no page is private. */
	for (size_t i = 0; i < NSOMEWHERE; i++)
		expect_exit_flags(w->vm, w->gpa + somewhere[i], 0, "guest_memfd closed");
	gm_fixture_free(w);
}

/* In place the exit reports a missing file, and the VMM binds another. */
GM_CASE(write_again, .name = "conv.fault_exit.retry_after_exit",
	.text = "the VMM binds a new file for the page of the exit, and the access succeeds once",
	.providers = GM_PROVIDERS(INPLACE))
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	struct gm_op op = { .code = GM_OP_ADD, .addr = w->gpa + 8 * 4096 + 24, .val = 5 };
	struct gm_mbox *box = &w->vm->mbox[0];
	uint64_t init = 100;
	struct gm_exit ex;

	fill_2m(w);
	drop_file(w);
	gm_post(w->vm, 0, &op, 1);
	GM_EXPECT(gm_enter(w->vm, 0, &ex) == -1 && ex.err == EFAULT &&
			  ex.reason == KVM_EXIT_MEMORY_FAULT && !ex.fault.flags &&
			  ex.fault.gpa == (op.addr & -GM_PAGE_SIZE),
		  "expected KVM_EXIT_MEMORY_FAULT, observed %s", gm_exit_str(&ex));
	GM_EXPECT_EQ(box->done, 0, "operations done at the exit");
	gm_slot_delete(w->vm, GM_SLOT);
	gm_fixture_file(w);
	gm_fixture_slot(w, GM_SLOT, w->gpa, w->size, 0);
	memcpy(gm_hva(w->vm, op.addr), &init, sizeof(init));
	gm_convert(w->vm, ex.fault.gpa, ex.fault.size, true);
	GM_EXPECT(!gm_enter(w->vm, 0, &ex) && gm_arch_is_yield(w->vm->vcpu[0]),
		  "after the new file: %s", gm_exit_str(&ex));
	GM_EXPECT_EQ(box->op[0].ret, 100, "the word before the locked add of 5");
	gm_convert(w->vm, op.addr & -GM_PAGE_SIZE, GM_PAGE_SIZE, false);
	GM_EXPECT_EQ(*(volatile uint64_t *)gm_hva(w->vm, op.addr), 105,
		     "the word after the locked add of 5");
	gm_fixture_free(w);
}

GM_CASE(write_kept, .name = "conv.fault_exit.retry_after_exit",
	.text = "the VMM converts the page of the exit, and the access succeeds once")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .no_gmem = true);
	uint64_t first = GFN(w->gpa);
	struct gm_op op = { .code = GM_OP_ADD, .addr = w->gpa + 8 * 4096 + 24, .val = 5 };
	struct gm_mbox *box = &w->vm->mbox[0];
	struct gm_exit ex;
	struct gm_batch s;
	uint64_t *word = (uint64_t *)(w->hva + 8 * 4096 + 24);

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, 512, 1);
	gm_batch_flush(&s);
	gm_fixture_convert(w, first + 8, 1, true);
	*word = 100;
	gm_post(w->vm, 0, &op, 1);
	GM_EXPECT(gm_enter(w->vm, 0, &ex) == -1 && ex.err == EFAULT &&
			  ex.reason == KVM_EXIT_MEMORY_FAULT,
		  "expected KVM_EXIT_MEMORY_FAULT, observed %s", gm_exit_str(&ex));
	GM_EXPECT_EQ(box->done, 0, "operations done at the exit");
	GM_EXPECT_EQ(*word, 100, "shared memory at the exit");
	gm_convert(w->vm, ex.fault.gpa, ex.fault.size, false);
	GM_EXPECT(!gm_enter(w->vm, 0, &ex) && gm_arch_is_yield(w->vm->vcpu[0]),
		  "after the conversion: %s", gm_exit_str(&ex));
	GM_EXPECT_EQ(box->op[0].ret, 100, "the word before the locked add of 5");
	GM_EXPECT_EQ(*word, 105, "the word after the locked add of 5");
	gm_fixture_free(w);
}
