// SPDX-License-Identifier: GPL-2.0-only
/* The capabilities of in-place conversion: conv.inplace_caps. */
#include "gmem_huge.h"
#include "inplace/inplace.h"

GM_FILE(.clause = "conv.inplace_caps", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS)

static const struct {
	const char *name;
	unsigned long type;
} scopes[] = {
	{ "/dev/kvm", GM_SYSTEM_SCOPE },
	{ "a SW_PROTECTED VM", KVM_X86_SW_PROTECTED_VM },
	{ "an ordinary VM", KVM_X86_DEFAULT_VM },
};

static void expect_caps(const char *name, unsigned int nr, const long want[3])
{
	for (int i = 0; i < 3; i++)
		GM_EXPECT_EQ(gm_platform_cap(scopes[i].type, nr), want[i], "KVM_CAP_%s of %s", name,
			     scopes[i].name);
}

/* Not in released headers yet. Its number in posted series has another meaning in other kernels. */
#ifdef KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES
#define OWN_CAP KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES
#else
#define OWN_CAP 252 /* include/uapi/linux/kvm.h as merged */
#endif

GM_CASE(own_cap, .name = "conv.inplace_caps.attributes_of_files",
	.text = "GUEST_MEMFD_MEMORY_ATTRIBUTES: PRIVATE on /dev/kvm and with private memory, 0 on an ordinary VM")
{
	bool found = false;

	for (int i = 0; i < 3; i++)
		found |= gm_platform_cap(scopes[i].type, OWN_CAP) == PRIVATE;
#ifndef KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES
	if (!found)
		gm_skip("the headers do not have KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES",
			"build with KSRC= a tree that has in-place conversion");
#endif
	GM_EXPECT(found, "no scope has the capability");
	expect_caps("GUEST_MEMFD_MEMORY_ATTRIBUTES", OWN_CAP,
		    (const long[]){ PRIVATE, PRIVATE, 0 });
}

GM_CASE(vm_caps, .name = "conv.inplace_caps.attributes_of_vms",
	.text = "MEMORY_ATTRIBUTES is 0 on every scope")
{
	expect_caps("MEMORY_ATTRIBUTES", KVM_CAP_MEMORY_ATTRIBUTES, (const long[]){ 0, 0, 0 });
}

GM_CASE(flags_cap, .name = "conv.inplace_caps.file_flags",
	.text = "GUEST_MEMFD_FLAGS is 3 on every scope, with HUGETLB where there is private memory and the kernel has it, and a VM with private memory accepts each of these flags")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);
	/* Files of huge pages are for VMs with private memory. */
	long huge = gm_platform_has(GM_NEED_GMEM_HUGE) ? GM_GMEM_FLAG_HUGETLB : 0;

	expect_caps("GUEST_MEMFD_FLAGS", KVM_CAP_GUEST_MEMFD_FLAGS,
		    (const long[]){ 3 | huge, 3 | huge, 3 });
	for (uint64_t flags = 0; flags < 4; flags++) {
		int fd = __gm_gmem_new(vm, PG, flags);

		/* fd.create_args tests INIT_SHARED without MMAP. */
		if (flags != GUEST_MEMFD_FLAG_INIT_SHARED)
			GM_EXPECT(fd >= 0, "a file with flags %#lx: %s", flags,
				  gm_errno_name(errno));
		if (fd >= 0)
			close(fd);
	}
	gm_vm_free(vm);
}

/* The VM's ioctl: accepts no attribute, or is unknown, depending on the kernel's configuration. */
GM_CASE(attributes_of_vm, .name = "conv.inplace_caps.vm_ioctl",
	.text = "KVM_SET_MEMORY_ATTRIBUTES to PRIVATE is refused, and changes no page of a file",
	.flags = GM_REFUSAL)
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = GM_2M);
	struct kvm_memory_attributes attr = { .address = w->gpa, .size = GM_2M };
	int ret, err, want;

	ip_striped(w);
	ret = ioctl(w->vm->kvm->fd, KVM_SET_MEMORY_ATTRIBUTES, &attr);
	err = errno;
	GM_EXPECT(!ret || err == ENOTTY, "no attribute: expected success or ENOTTY, observed %s",
		  gm_errno_name(err));
	want = ret ? ENOTTY : EINVAL;
	attr.attributes = PRIVATE;
	GM_EXPECT_ERRNO(want, ioctl(w->vm->kvm->fd, KVM_SET_MEMORY_ATTRIBUTES, &attr));
	attr.size = PG;
	GM_EXPECT_ERRNO(want, ioctl(w->vm->kvm->fd, KVM_SET_MEMORY_ATTRIBUTES, &attr));
	attr.attributes = 0;
	ioctl(w->vm->kvm->fd, KVM_SET_MEMORY_ATTRIBUTES, &attr);
	ip_expect_all(w, "after the VM's ioctl");
	gm_promise(!__gm_gmem_convert(w->gmem, 0, GM_2M, true, NULL), "the file's own: %s",
		   gm_errno_name(errno));
	gm_fixture_free(w);
}
