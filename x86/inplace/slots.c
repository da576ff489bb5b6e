// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots on files that convert: their flags, the memory behind them, and exits without the slot or
 * the file. conv.inplace_slot_flags, conv.inplace_uaddr, conv.inplace_emulated,
 * conv.inplace_no_slot, conv.inplace_file_gone, conv.inplace_ordinary, conv.inplace_two_files.
 */
#include <sys/mman.h>

#include "inplace.h"

GM_FILE(.provider = GM_PROVIDER_INPLACE, .profile = "P3", .needs = IP_NEEDS)

#define NPAGES 64UL
#define SIZE (NPAGES * PG)
#define PORT 0x99

/* All kinds of files, by flags. */
static const uint64_t kinds[] = { 0, GUEST_MEMFD_FLAG_MMAP,
				  GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED };

#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

/* A VM of the kind, and a file with these flags; userspace_addr is separate memory. */
static struct gm_fixture *any_file(enum gm_vm_kind kind, uint64_t flags)
{
	const struct gm_flavour f = { .kind = kind, .flags = flags };

	return GM_FIXTURE(.flavour = &f, .size = SIZE);
}

GM_CASE(slot_flags, .name = "conv.inplace_slot_flags.refused", .clause = "conv.inplace_slot_flags",
	.text = "READONLY and LOG_DIRTY on any file, for a new slot and for a live one: EINVAL",
	.flags = GM_REFUSAL)
{
	static const uint32_t flags[] = { KVM_MEM_READONLY, KVM_MEM_LOG_DIRTY_PAGES,
					  KVM_MEM_READONLY | KVM_MEM_LOG_DIRTY_PAGES };

	for (size_t k = 0; k < NKINDS; k++) {
		struct gm_fixture *w = any_file(GM_VM_SW_PROTECTED, kinds[k]);

		for (int private = 0; private < 2; private ++) {
			gm_fixture_convert(w, GFN(w->gpa), NPAGES / 2, private);
			gm_fixture_fill(w, 0, GFN(w->gpa), NPAGES);
			for (int i = 0; i < 3; i++) {
				GM_EXPECT_ERRNO(EINVAL,
						__gm_slot_set(w->vm, GM_SLOT, flags[i], GM_BASE,
							      SIZE, w->mem->hva, w->gmem, 0),
						"file %#lx, a live slot, flags %#x", kinds[k],
						flags[i]);
				GM_EXPECT_ERRNO(
					EINVAL,
					__gm_slot_set(w->vm, GM_SLOT + 1, flags[i], GM_BASE + GM_1G,
						      SIZE, w->mem->hva, w->gmem, 0),
					"file %#lx, another slot, flags %#x", kinds[k], flags[i]);
			}
			gm_fixture_check_guest(w, 0, GFN(w->gpa), NPAGES, 1, "after the refusals");
		}
		gm_slot_delete(w->vm, GM_SLOT);
		GM_EXPECT_ERRNO(EINVAL,
				__gm_slot_set(w->vm, GM_SLOT, KVM_MEM_READONLY, GM_BASE, SIZE,
					      w->mem->hva, w->gmem, 0),
				"file %#lx, a new slot", kinds[k]);
		GM_EXPECT_ERRNO(EINVAL,
				__gm_slot_set(w->vm, GM_SLOT, KVM_MEM_LOG_DIRTY_PAGES, GM_BASE,
					      SIZE, w->mem->hva, w->gmem, 0),
				"file %#lx, a new slot", kinds[k]);
		gm_promise(
			!__gm_slot_set(w->vm, GM_SLOT, 0, GM_BASE, SIZE, w->mem->hva, w->gmem, 0),
			"file %#lx, a new slot, no flags: %s", kinds[k], gm_errno_name(errno));
		gm_fixture_check_guest(w, 0, GFN(w->gpa), NPAGES, 1, "in the new slot");
		gm_fixture_free(w);
	}
}

/*
 * Expects that memory at userspace_addr was never touched: anonymous memory is allocated by touch.
 */
static void expect_untouched(const struct gm_mem *mem, uint64_t flags, const char *when)
{
	uint64_t touched = 0;

	for (uint64_t i = 0; i < NPAGES; i++)
		touched += ip_present(mem->hva + i * PG);
	GM_EXPECT_EQ(touched, 0, "%s: touched pages at userspace_addr, file %#lx", when, flags);
}

/* Also files without mmap(), which still have the guest's shared pages. */
GM_CASE(uaddr, .name = "conv.inplace_uaddr.never_used", .clause = "conv.inplace_uaddr",
	.text = "accesses to shared and private pages of any file never use userspace_addr, and content is kept")
{
	for (size_t k = 0; k < NKINDS; k++) {
		struct gm_fixture *w = any_file(GM_VM_SW_PROTECTED, kinds[k]);

		for (int turn = 0; turn < 4; turn++) {
			bool private = turn & 1;

			gm_fixture_convert(w, GFN(w->gpa), NPAGES, private);
			if (turn)
				gm_fixture_check_guest(w, 0, GFN(w->gpa), NPAGES, 1, "converted");
			gm_fixture_fill(w, 0, GFN(w->gpa), NPAGES);
			gm_fixture_check_guest(w, 0, GFN(w->gpa), NPAGES, 1, "written");
			expect_untouched(w->mem, kinds[k], private ? "private" : "shared");
		}
		/* A hole in the file zeroes pages of either state. */
		for (int private = 0; private < 2; private ++) {
			gm_fixture_convert(w, GFN(w->gpa), NPAGES, private);
			gm_fixture_fill(w, 0, GFN(w->gpa), NPAGES);
			gm_fixture_punch(w, GFN(w->gpa), NPAGES);
			gm_guest_check_zero(w->vm, 0, GM_BASE, NPAGES, "after a hole");
		}
		expect_untouched(w->mem, kinds[k], "at the end");
		gm_fixture_free(w);
	}
}

/* Writes and protection changes of the host at userspace_addr do not affect the guest. */
GM_CASE(uaddr_gone, .name = "conv.inplace_uaddr.unmapped", .clause = "conv.inplace_uaddr",
	.text = "the host writes or protects the memory at userspace_addr: the guest does not see it")
{
	struct gm_fixture *w = GM_FIXTURE(.size = SIZE, .uses_uaddr = true);

	gm_fixture_fill(w, 0, GFN(w->gpa), NPAGES);
	gm_host_fill(w->mem->hva, GFN(GM_BASE), NPAGES, GM_WRITER_HOST, 2);
	gm_fixture_check_guest(w, 0, GFN(w->gpa), NPAGES, 1,
			       "the host wrote at userspace_addr, shared");
	gm_fixture_convert(w, GFN(w->gpa), NPAGES / 2, true);
	gm_fixture_check_guest(w, 0, GFN(w->gpa), NPAGES, 1, "half private");
	GM_SETUP_OK(mprotect(w->mem->hva, SIZE, PROT_NONE));
	gm_fixture_convert(w, GFN(w->gpa), NPAGES, true);
	gm_fixture_convert(w, GFN(w->gpa), NPAGES, false);
	gm_fixture_check_guest(w, 0, GFN(w->gpa), NPAGES, 1, "no access at userspace_addr");
	gm_fixture_fill(w, 0, GFN(w->gpa), NPAGES);
	GM_SETUP_OK(mprotect(w->mem->hva, SIZE, PROT_READ | PROT_WRITE));
	gm_host_check(w->mem->hva, GFN(GM_BASE), NPAGES, GM_WRITER_HOST, 2, "what the host wrote");
	gm_fixture_free(w);
}

/* --- conv.inplace_emulated --- */

static uint64_t guest_outs(uint64_t from, uint64_t count, uint64_t unused)
{
	asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(PORT) : "memory");
	return count;
}

static uint64_t guest_ins(uint64_t to, uint64_t count, uint64_t unused)
{
	asm volatile("rep insb" : "+D"(to), "+c"(count) : "d"(PORT) : "memory");
	return count;
}

/*
 * Runs a string operation of 8 bytes. True at an exit other than its port I/O; false when it is
 * done. `seen` gets the bytes of OUTS.
 */
static bool string_io(struct gm_fixture *w, bool write, uint64_t gpa, uint64_t *seen,
		      struct gm_exit *ex)
{
	struct gm_op op = { .code = GM_OP_CALL,
			    .addr = (uintptr_t)(write ? guest_ins : guest_outs),
			    .val = gpa,
			    .nr = 8 };
	struct kvm_run *run = w->vm->vcpu[0]->run;
	unsigned int n = 0;

	gm_post(w->vm, 0, &op, 1);
	for (int i = 0; i < 32; i++) {
		if (gm_enter(w->vm, 0, ex) || run->exit_reason != KVM_EXIT_IO ||
		    run->io.port != PORT)
			return run->exit_reason != KVM_EXIT_IO;
		for (unsigned int k = 0; k < run->io.size * run->io.count; k++) {
			uint8_t *data = (uint8_t *)run + run->io.data_offset + k;

			if (write)
				*data = 0x42;
			else if (n < 8)
				((uint8_t *)seen)[n++] = *data;
		}
	}
	return true;
}

struct string_io {
	bool write; /* INS; else OUTS */
};

GM_CASES(emulated, struct string_io, v)
{
	bool write = v->write;
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE, .uaddr = GM_UADDR_SHARED);
	uint64_t page = 9, gpa = w->gpa + page * PG, seen = 0, word = 0;
	struct kvm_run *run = w->vm->vcpu[0]->run;
	struct gm_exit ex;

	ip_all_shared(w);
	/* For a shared page KVM accesses userspace_addr, which is a mapping of the file. */
	GM_EXPECT(!string_io(w, write, gpa, &seen, &ex), "a shared page: %s", gm_exit_str(&ex));
	GM_SETUP(ip_load(w->hva + page * PG, &word), "page %lu is not shared", page);
	GM_EXPECT(write ? word == 0x4242424242424242UL : word == seen,
		  "a shared page: %s in memory, %s out", gm_word_str(word), gm_word_str(seen));
	gm_fixture_host_write(w, ip_gfn(w, page), 1);
	ip_convert(w, page, 1, true, "the page");
	seen = 0;
	GM_EXPECT(
		string_io(w, write, gpa, &seen, &ex) && !ex.ret && ex.reason == KVM_EXIT_MMIO &&
			run->mmio.phys_addr == gpa && run->mmio.is_write == write,
		"a private page: expected KVM_EXIT_MMIO, a %s at %#lx, observed %s, a %s at %#llx",
		write ? "write" : "read", gpa, gm_exit_str(&ex),
		run->mmio.is_write ? "write" : "read", run->mmio.phys_addr);
	GM_EXPECT_EQ(seen, 0, "bytes of OUTS from the private page");
	/* The guest continues with its next batch; its memory must not have changed. */
	w->vm->stopped[0] = true;
	ip_expect_all(w, "after the emulated access");
	ip_convert(w, page, 1, false, "back");
	ip_expect_all(w, "shared again");
	gm_fixture_free(w);
}
GM_ROW(emulated, emulated_read, .name = "conv.inplace_emulated.outs",
       .clause = "conv.inplace_emulated",
       .text = "KVM emulates the guest's OUTS from a private page: an MMIO exit, and no content") = {
	.write = false,
};
GM_ROW(emulated, emulated_write, .name = "conv.inplace_emulated.ins",
       .clause = "conv.inplace_emulated",
       .text = "KVM emulates the guest's INS to a private page: an MMIO exit, and no change") = {
	.write = true,
};

/* --- conv.inplace_no_slot, conv.inplace_file_gone --- */

IP_CASES(slot_gone, v, "conv.inplace_no_slot.mmio",
	 "without a slot guest accesses to private and shared pages are MMIO",
	 .clause = "conv.inplace_no_slot")
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	struct kvm_run *run = w->vm->vcpu[0]->run;
	struct gm_exit ex;

	ip_striped(w);
	gm_slot_delete(w->vm, GM_SLOT);
	for (uint64_t page = 0; page < 8; page++) {
		struct gm_op op = { .code = page & 4 ? GM_OP_WRITE : GM_OP_READ,
				    .addr = w->gpa + page * PG + 16,
				    .val = 1 };
		bool done = __gm_run(w->vm, 0, &op, 1, &ex, NULL);

		GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(op.addr)),
			     !done && !ex.ret && ex.reason == KVM_EXIT_MMIO &&
				     run->mmio.phys_addr == op.addr && run->mmio.len == 8 &&
				     run->mmio.is_write == !!(page & 4),
			     "a %s %s without a slot: expected KVM_EXIT_MMIO, observed %s",
			     gm_model_private(w->model, ip_gfn(w, page)) ? "private" : "shared",
			     page & 4 ? "write" : "read", done ? "success" : gm_exit_str(&ex));
	}
	ip_expect_state(w, 0, NPAGES, "after the accesses");
	gm_fixture_free(w);
}

GM_CASE(file_gone, .name = "conv.inplace_file_gone.exit", .clause = "conv.inplace_file_gone",
	.text = "after the last reference to the file is dropped: EFAULT with KVM_EXIT_MEMORY_FAULT, flags 0 for both states")
{
	for (size_t k = 0; k < NKINDS; k++) {
		struct gm_fixture *w = any_file(GM_VM_SW_PROTECTED, kinds[k]);

		gm_fixture_convert(w, GFN(w->gpa), NPAGES, false);
		gm_fixture_convert(w, GFN(w->gpa), NPAGES / 2, true);
		gm_fixture_fill(w, 0, GFN(w->gpa), NPAGES);
		gm_fixture_close(w);
		for (uint64_t page = 0; page < NPAGES; page += 7)
			gm_guest_expect_fault(w->vm, 0, GM_BASE + page * PG, page & 1, 0, PG,
					      page < NPAGES / 2 ? "it was private"
								: "it was shared");
		expect_untouched(w->mem, kinds[k], "the file is closed");
		gm_fixture_free(w);
	}
}

/* --- conv.inplace_ordinary --- */

struct ordinary_file {
	uint64_t flags; /* of the guest_memfd */
};

GM_CASES(ordinary, struct ordinary_file, v)
{
	struct gm_fixture *w = any_file(GM_VM_DEFAULT, v->flags);
	bool runs = v->flags & GUEST_MEMFD_FLAG_INIT_SHARED;
	uint64_t gpa = GM_BASE, size = 4 * PG;

	if (runs) {
		gm_fixture_fill(w, 0, GFN(w->gpa), NPAGES);
		gm_fixture_check_guest(w, 0, GFN(w->gpa), NPAGES, 1, "shared pages");
		if (gm_platform_has(GM_NEED_PREFAULT))
			GM_EXPECT_OK(gm_prefault(w->vm, 0, &gpa, &size, 0));
	} else {
		for (uint64_t page = 0; page < NPAGES; page += 9)
			gm_guest_expect_fault(w->vm, 0, GM_BASE + page * PG, page & 1, 0, PG,
					      "private pages");
		if (gm_platform_has(GM_NEED_PREFAULT)) {
			struct kvm_run *run = w->vm->vcpu[0]->run;

			run->exit_reason = KVM_EXIT_UNKNOWN;
			GM_EXPECT_ERRNO(EFAULT, gm_prefault(w->vm, 0, &gpa, &size, 0));
			GM_EXPECT(run->exit_reason == KVM_EXIT_MEMORY_FAULT &&
					  run->memory_fault.gpa == GM_BASE,
				  "pre-fault: expected KVM_EXIT_MEMORY_FAULT, observed %u at %#llx",
				  run->exit_reason, run->memory_fault.gpa);
			GM_EXPECT_EQ(size, 4 * PG, "bytes left");
		}
	}
	for (int private = 0; private < 2; private ++)
		GM_EXPECT_ERRNO(EINVAL, __gm_gmem_convert(w->gmem, 0, SIZE, private, NULL));
	expect_untouched(w->mem, v->flags, "at the end");
	gm_fixture_free(w);
}
GM_ROW(ordinary, ordinary_plain, .name = "conv.inplace_ordinary.plain",
       .clause = "conv.inplace_ordinary",
       .text = "an ordinary VM on a file with flags 0: EFAULT with a memory-fault exit",
       .needs = GM_NEEDS(GMEM_DEFAULT, GMEM_MMAP, INIT_SHARED, TDP)) = { .flags = 0 };
GM_ROW(ordinary, ordinary_mmap, .name = "conv.inplace_ordinary.mmap",
       .clause = "conv.inplace_ordinary",
       .text = "an ordinary VM on a file with MMAP: EFAULT with a memory-fault exit",
       .needs = GM_NEEDS(GMEM_DEFAULT, GMEM_MMAP, INIT_SHARED,
			 TDP)) = { .flags = GUEST_MEMFD_FLAG_MMAP };
GM_ROW(ordinary, ordinary_shared, .name = "conv.inplace_ordinary.init_shared",
       .clause = "conv.inplace_ordinary", .text = "an ordinary VM on a file with INIT_SHARED runs",
       .needs = GM_NEEDS(GMEM_DEFAULT, GMEM_MMAP, INIT_SHARED,
			 TDP)) = { .flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED };

/* --- conv.inplace_two_files --- */

GM_CASE(two_files, .name = "conv.inplace_two_files.apart", .clause = "conv.inplace_two_files",
	.text = "two files in one VM, one starts private: a conversion of one does not affect the other")
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	int other = gm_gmem_new(w->vm, SIZE, GUEST_MEMFD_FLAG_MMAP);
	uint8_t *hva = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	uint64_t at = w->gpa + GM_1G, word;

	GM_GRANTED(hva != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_vm_map(w->vm, at, GM_2M, GM_2M);
	gm_slot_set(w->vm, GM_SLOT + 1, 0, at, SIZE, NULL, other, 0);
	ip_striped(w);
	gm_guest_fill(w->vm, 0, at, NPAGES, GM_WRITER_PRIVATE, 1);
	for (int turn = 0; turn < 4; turn++) {
		ip_convert(w, 3 * turn, 20, !(turn & 1), "the first file");
		for (uint64_t i = 0; i < NPAGES; i++)
			if (!GM_EXPECT(ip_load(hva + i * PG, &word) == (turn && i < 30),
				       "page %lu of the second file changed its state", i))
				break;
		gm_gmem_convert(other, 0, 30 * PG, false);
		gm_gmem_convert(other, 30 * PG, SIZE - 30 * PG, true);
		gm_guest_check(w->vm, 0, at, NPAGES, GM_WRITER_PRIVATE, 1, "the second file");
		ip_expect_all(w, "the first file");
	}
	munmap(hva, SIZE);
	gm_slot_delete(w->vm, GM_SLOT + 1);
	close(other);
	ip_expect_all(w, "without the second file");
	gm_fixture_free(w);
}
