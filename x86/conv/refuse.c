// SPDX-License-Identifier: GPL-2.0-only
/*
 * Malformed conversions are refused and change nothing: conv.refuse_bad; which VMs have them:
 * conv.caps. These are arguments of the VM ioctl; conv.inplace_args has those of the file's.
 */
#include "conv.h"

GM_FILE(.clause = "conv.refuse_bad", .providers = GM_PROVIDERS(ATTRIBUTES))

static int set(struct gm_vm *vm, uint64_t address, uint64_t size, uint64_t attributes,
	       uint64_t flags)
{
	struct kvm_memory_attributes attr = {
		.address = address,
		.size = size,
		.attributes = attributes,
		.flags = flags,
	};

	return ioctl(vm->kvm->fd, KVM_SET_MEMORY_ATTRIBUTES, &attr);
}

/* A fixture with all pages written, one in three private. */
static struct gm_fixture *striped(void)
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t first = GFN(w->gpa);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, 512, 1);
	for (uint64_t i = 1; i + 3 < 512; i += 3)
		gm_batch_convert(&s, first + i, 1, true, true);
	gm_batch_fill(&s, first, 512, 1);
	gm_batch_flush(&s);
	return w;
}

static void expect_unchanged(struct gm_fixture *w)
{
	uint64_t first = GFN(w->gpa);

	gm_fixture_check_guest(w, 0, first, 512, 1, "after the refusals");
	gm_fixture_check_host(w, first, 512, 1, "after the refusals");
	gm_promise(!set(w->vm, w->gpa, GM_2M, KVM_MEMORY_ATTRIBUTE_PRIVATE, 0),
		   "a legal conversion to private: %s", gm_errno_name(errno));
	gm_model_convert(w->model, first, 512, true);
	gm_fixture_check_guest(w, 0, first, 512, 1, "after the legal conversion");
	gm_fixture_free(w);
}

GM_CASE(size, .name = "conv.refuse_bad.size",
	.text = "size 0, or with any bit below 4096 set: EINVAL", .flags = GM_REFUSAL)
{
	struct gm_fixture *w = striped();

	for (uint64_t attr = 0; attr <= KVM_MEMORY_ATTRIBUTE_PRIVATE;
	     attr += KVM_MEMORY_ATTRIBUTE_PRIVATE) {
		GM_EXPECT_ERRNO(EINVAL, set(w->vm, w->gpa, 0, attr, 0), "attributes %#lx", attr);
		GM_EXPECT_ERRNO(EINVAL, set(w->vm, 0, 0, attr, 0), "attributes %#lx", attr);
		for (int bit = 0; bit < 12; bit++) {
			GM_EXPECT_ERRNO(EINVAL, set(w->vm, w->gpa, 1UL << bit, attr, 0), "bit %d",
					bit);
			GM_EXPECT_ERRNO(EINVAL, set(w->vm, w->gpa, GM_2M | 1UL << bit, attr, 0),
					"bit %d", bit);
		}
		GM_EXPECT_ERRNO(EINVAL, set(w->vm, w->gpa, GM_2M - 1, attr, 0), "2 MiB - 1");
	}
	expect_unchanged(w);
}

GM_CASE(address, .name = "conv.refuse_bad.address",
	.text = "an address with any bit below 4096 set: EINVAL", .flags = GM_REFUSAL)
{
	struct gm_fixture *w = striped();

	for (uint64_t attr = 0; attr <= KVM_MEMORY_ATTRIBUTE_PRIVATE;
	     attr += KVM_MEMORY_ATTRIBUTE_PRIVATE) {
		for (int bit = 0; bit < 12; bit++) {
			GM_EXPECT_ERRNO(EINVAL,
					set(w->vm, w->gpa | 1UL << bit, GM_PAGE_SIZE, attr, 0),
					"bit %d", bit);
			/* The end is aligned: both ends must be. */
			GM_EXPECT_ERRNO(
				EINVAL,
				set(w->vm, w->gpa | 1UL << bit, GM_2M - (1UL << bit), attr, 0),
				"bit %d", bit);
		}
	}
	expect_unchanged(w);
}

GM_CASE(wrap, .name = "conv.refuse_bad.wrap", .text = "address + size beyond 2^64 - 4096: EINVAL",
	.flags = GM_REFUSAL)
{
	struct gm_fixture *w = striped();

	for (uint64_t attr = 0; attr <= KVM_MEMORY_ATTRIBUTE_PRIVATE;
	     attr += KVM_MEMORY_ATTRIBUTE_PRIVATE) {
		GM_EXPECT_ERRNO(EINVAL, set(w->vm, w->gpa, -w->gpa, attr, 0), "to exactly 2^64");
		GM_EXPECT_ERRNO(EINVAL, set(w->vm, w->gpa, -GM_PAGE_SIZE, attr, 0), "beyond");
		GM_EXPECT_ERRNO(EINVAL, set(w->vm, w->gpa + GM_2M, -GM_2M, attr, 0), "to the slot");
		GM_EXPECT_ERRNO(EINVAL, set(w->vm, -GM_PAGE_SIZE, GM_PAGE_SIZE, attr, 0),
				"the last page");
		GM_EXPECT_ERRNO(EINVAL, set(w->vm, -GM_PAGE_SIZE, 2 * GM_PAGE_SIZE, attr, 0),
				"from the last page");
		GM_EXPECT_ERRNO(EINVAL, set(w->vm, -GM_2M, w->gpa + GM_1G, attr, 0),
				"over the slot");
	}
	expect_unchanged(w);
}

GM_CASE(attributes, .name = "conv.refuse_bad.attributes",
	.text = "each attribute bit except PRIVATE, alone and with it: EINVAL", .flags = GM_REFUSAL)
{
	struct gm_fixture *w = striped();

	for (int bit = 0; bit < 64; bit++) {
		uint64_t attr = 1UL << bit;

		if (attr == KVM_MEMORY_ATTRIBUTE_PRIVATE)
			continue;
		GM_EXPECT_ERRNO(EINVAL, set(w->vm, w->gpa, GM_2M, attr, 0), "bit %d", bit);
		GM_EXPECT_ERRNO(
			EINVAL,
			set(w->vm, w->gpa, GM_PAGE_SIZE, attr | KVM_MEMORY_ATTRIBUTE_PRIVATE, 0),
			"bit %d", bit);
	}
	GM_EXPECT_ERRNO(EINVAL, set(w->vm, w->gpa, GM_2M, ~0UL, 0), "all bits");
	expect_unchanged(w);
}

GM_CASE(flags, .name = "conv.refuse_bad.flags", .text = "each bit of flags: EINVAL",
	.flags = GM_REFUSAL)
{
	struct gm_fixture *w = striped();

	for (int bit = 0; bit < 64; bit++) {
		GM_EXPECT_ERRNO(EINVAL,
				set(w->vm, w->gpa, GM_2M, KVM_MEMORY_ATTRIBUTE_PRIVATE, 1UL << bit),
				"bit %d", bit);
		GM_EXPECT_ERRNO(EINVAL, set(w->vm, w->gpa, GM_2M, 0, 1UL << bit), "bit %d", bit);
	}
	expect_unchanged(w);
}

GM_CASE(pointer, .name = "conv.refuse_bad.bad_pointer",
	.text = "an argument that cannot be read: EFAULT", .flags = GM_REFUSAL)
{
	struct gm_fixture *w = striped();

	GM_EXPECT_ERRNO(EFAULT, ioctl(w->vm->kvm->fd, KVM_SET_MEMORY_ATTRIBUTES, NULL));
	GM_EXPECT_ERRNO(EFAULT, ioctl(w->vm->kvm->fd, KVM_SET_MEMORY_ATTRIBUTES, (void *)-8UL));
	expect_unchanged(w);
}

GM_CASE(scopes, .name = "conv.caps.scopes", .clause = "conv.caps",
	.text = "the capabilities of /dev/kvm, an ordinary VM and a SW_PROTECTED VM")
{
	static const struct {
		const char *name;
		unsigned int nr;
		long system, vm, sw;
	} cap[] = {
		{ "MEMORY_ATTRIBUTES", KVM_CAP_MEMORY_ATTRIBUTES, 8, 0, 8 },
		{ "USER_MEMORY2", KVM_CAP_USER_MEMORY2, 1, 1, 1 },
		{ "MEMORY_FAULT_INFO", KVM_CAP_MEMORY_FAULT_INFO, 1, 1, 1 },
		{ "GUEST_MEMFD", KVM_CAP_GUEST_MEMFD, 1, 1, 1 },
		{ "EXIT_HYPERCALL", KVM_CAP_EXIT_HYPERCALL, 1 << 12, 1 << 12, 1 << 12 },
		/* Two address spaces (SMM) cannot share one set of attributes. */
		{ "MULTI_ADDRESS_SPACE", KVM_CAP_MULTI_ADDRESS_SPACE, -1, -1, 1 },
	};
	bool tdp = gm_platform_has(GM_NEED_TDP);

	for (size_t i = 0; i < sizeof(cap) / sizeof(cap[0]); i++) {
		if (cap[i].system >= 0)
			GM_EXPECT_EQ(gm_platform_cap(GM_SYSTEM_SCOPE, cap[i].nr), cap[i].system,
				     "KVM_CAP_%s of /dev/kvm", cap[i].name);
		if (cap[i].vm >= 0)
			GM_EXPECT_EQ(gm_platform_cap(KVM_X86_DEFAULT_VM, cap[i].nr), cap[i].vm,
				     "KVM_CAP_%s of an ordinary VM", cap[i].name);
		GM_EXPECT_EQ(gm_platform_cap(KVM_X86_SW_PROTECTED_VM, cap[i].nr), cap[i].sw,
			     "KVM_CAP_%s of a SW_PROTECTED VM", cap[i].name);
	}
	GM_EXPECT_EQ(gm_platform_cap(KVM_X86_SW_PROTECTED_VM, KVM_CAP_PRE_FAULT_MEMORY), tdp,
		     "KVM_CAP_PRE_FAULT_MEMORY of a SW_PROTECTED VM, two-dimensional paging %d",
		     tdp);
	GM_EXPECT(gm_platform_cap(GM_SYSTEM_SCOPE, KVM_CAP_VM_TYPES) & 1 << KVM_X86_SW_PROTECTED_VM,
		  "KVM_CAP_VM_TYPES does not include SW_PROTECTED");
	GM_EXPECT_EQ(gm_platform_cap(KVM_X86_SW_PROTECTED_VM, KVM_CAP_VM_TYPES),
		     gm_platform_cap(GM_SYSTEM_SCOPE, KVM_CAP_VM_TYPES),
		     "KVM_CAP_VM_TYPES of a SW_PROTECTED VM, and of /dev/kvm");
	/* PRIVATE (bit 3) is the only attribute. */
	GM_EXPECT_EQ(gm_platform_cap(GM_SYSTEM_SCOPE, KVM_CAP_MEMORY_ATTRIBUTES),
		     KVM_MEMORY_ATTRIBUTE_PRIVATE, "the attributes of /dev/kvm");
}

GM_CASE(prefault_works, .name = "conv.caps.prefault", .clause = "conv.caps",
	.text = "KVM_CAP_PRE_FAULT_MEMORY is the same for all VMs, and the call works exactly if it is 1",
	.providers = GM_PROVIDERS_HUGE)
{
	static const enum gm_vm_kind kind[] = { GM_VM_DEFAULT, GM_VM_SW_PROTECTED };
	static const unsigned long type[] = { KVM_X86_DEFAULT_VM, KVM_X86_SW_PROTECTED_VM };
	long all = gm_platform_cap(GM_SYSTEM_SCOPE, KVM_CAP_PRE_FAULT_MEMORY);

	GM_EXPECT_EQ(all, gm_platform_has(GM_NEED_TDP), "KVM_CAP_PRE_FAULT_MEMORY of /dev/kvm");
	for (int i = 0; i < 2; i++) {
		struct gm_vm *vm = GM_VM_NEW(.kind = kind[i], .vcpus = 1);
		struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, GM_2M);
		uint64_t gpa = GM_BASE, size = GM_2M;

		GM_EXPECT_EQ(gm_platform_cap(type[i], KVM_CAP_PRE_FAULT_MEMORY), all,
			     "KVM_CAP_PRE_FAULT_MEMORY of %s",
			     i ? "a SW_PROTECTED VM" : "an ordinary VM");
		gm_slot_set(vm, GM_SLOT, 0, GM_BASE, GM_2M, mem->hva, -1, 0);
		gm_vm_map(vm, GM_BASE, GM_2M, GM_2M);
		if (all)
			GM_EXPECT_OK(gm_prefault(vm, 0, &gpa, &size, 0));
		else
			GM_EXPECT_ERRNO(EOPNOTSUPP, gm_prefault(vm, 0, &gpa, &size, 0));
		GM_EXPECT_EQ(size, all ? 0 : GM_2M, "bytes left");
		gm_guest_check_zero(vm, 0, GM_BASE, 512, "prefaulted");
		gm_vm_free(vm);
		gm_mem_free(mem);
	}
}

GM_CASE(ordinary, .name = "conv.caps.ordinary_vm", .clause = "conv.caps",
	.text = "an ordinary VM refuses PRIVATE with EINVAL, and keeps its memory",
	.flags = GM_REFUSAL)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1);
	struct gm_vm *sw = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 0);
	struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, GM_2M);

	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, GM_2M, mem->hva, -1, 0);
	gm_vm_map(vm, GM_BASE, GM_2M, GM_2M);
	gm_guest_fill(vm, 0, GM_BASE, 512, GM_WRITER_SHARED, 1);
	GM_EXPECT_ERRNO(EINVAL, set(vm, GM_BASE, GM_PAGE_SIZE, KVM_MEMORY_ATTRIBUTE_PRIVATE, 0));
	GM_EXPECT_ERRNO(EINVAL, set(vm, GM_BASE, GM_2M, KVM_MEMORY_ATTRIBUTE_PRIVATE, 0));
	GM_EXPECT_ERRNO(EINVAL, set(vm, 0, GM_1G, KVM_MEMORY_ATTRIBUTE_PRIVATE, 0));
	gm_promise(!set(sw, GM_BASE, GM_2M, KVM_MEMORY_ATTRIBUTE_PRIVATE, 0),
		   "a SW_PROTECTED VM: %s", gm_errno_name(errno));
	gm_guest_check(vm, 0, GM_BASE, 512, GM_WRITER_SHARED, 1, "after the refusals");
	gm_vm_free(vm);
	gm_vm_free(sw);
	gm_mem_free(mem);
}
