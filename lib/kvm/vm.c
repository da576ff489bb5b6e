// SPDX-License-Identifier: GPL-2.0-only
/* VMs and their slots, over the KVM selftests framework. */
#include "convert.h"
#include "underway.h"
#include "vm.h"

static struct gm_slot *slot_find(struct gm_vm *vm, uint32_t id)
{
	for (int i = 0; i < GM_MAX_SLOTS; i++)
		if (vm->slot[i].used && vm->slot[i].id == id)
			return &vm->slot[i];
	return NULL;
}

struct gm_slot *gm_slot_at(struct gm_vm *vm, uint64_t gpa)
{
	for (int i = 0; i < GM_MAX_SLOTS; i++)
		if (vm->slot[i].used && gpa - vm->slot[i].gpa < vm->slot[i].size)
			return &vm->slot[i];
	return NULL;
}

__attribute__((weak)) unsigned long gm_arch_shape_type(enum gm_vm_kind kind)
{
	return gm_arch_vm_type(kind);
}

/*
 * The guest's image is the test program, and the framework has 2 MiB for it and all else: a program
 * grows with every case, so its pages come on top. Of further pages the framework allocates only
 * those of their page tables, two for each 512 (vm_nr_pages_required()): so ask for more.
 */
static uint64_t image_pages(void)
{
	extern const char __executable_start[], end[];

	return ((end - __executable_start) / getpagesize() + 1) * 256;
}

/* A dirty ring must be there before the first vCPU. */
static struct kvm_vm *create(struct vm_shape shape, struct gm_vm *vm)
{
	const struct gm_vm_args *args = &vm->args;
	uint64_t pages = args->extra_pages + image_pages();
	struct kvm_vm *kvm;

	if (!args->dirty_ring)
		return __vm_create_with_vcpus(shape, args->vcpus, pages, gm_guest_main, vm->vcpu);
	kvm = __vm_create(shape, args->vcpus, pages);
	vm_enable_dirty_ring(kvm, args->dirty_ring);
	for (unsigned int i = 0; i < args->vcpus; i++)
		vm->vcpu[i] = vm_vcpu_add(kvm, i, gm_guest_main);
	kvm_arch_vm_finalize_vcpus(kvm);
	return kvm;
}

struct gm_vm *gm_vm_new(const struct gm_vm_args *args)
{
	struct vm_shape shape = { .mode = VM_MODE_DEFAULT, .type = gm_arch_shape_type(args->kind) };
	struct gm_vm *vm = calloc(1, sizeof(*vm));

	GM_SETUP(vm, "out of memory");
	GM_SETUP(args->vcpus <= GM_MAX_VCPUS, "%u vCPUs, %d at most", args->vcpus, GM_MAX_VCPUS);
	vm->args = *args;
	vm->provider = gm_provider_for(args->kind);
	vm->vcpus = args->vcpus;
	if (!args->vcpus) {
		vm->kvm = ____vm_create(shape);
		return vm;
	}
	vm->kvm = create(shape, vm);
	/* A pKVM guest converts by hypercalls that do not exit to user space. */
	if (!args->no_exit_hypercall && args->kind != GM_VM_PROTECTED)
		gm_arch_enable_conversion_exits(vm->kvm);
	vm->mbox = addr_gva2hva(vm->kvm, (gva_t)gm_mbox);
	gm_guest_page_size = GM_PAGE_SIZE;
	sync_global_to_guest(vm->kvm, gm_guest_page_size);
	for (unsigned int i = 0; i < vm->vcpus; i++) {
		vcpu_args_set(vm->vcpu[i], 2, (u64)i, (u64)(args->kind == GM_VM_PROTECTED));
		vm->start[i] = gm_arch_vcpu_start(vm->vcpu[i]);
	}
	return vm;
}

void gm_vm_free(struct gm_vm *vm)
{
	kvm_vm_free(vm->kvm);
	for (unsigned int i = 0; i < vm->vcpus; i++)
		free(vm->start[i]);
	free(vm);
}

int __gm_gmem_new(struct gm_vm *vm, uint64_t size, uint64_t flags)
{
	return __vm_create_guest_memfd(vm->kvm, size, flags);
}

int gm_gmem_new(struct gm_vm *vm, uint64_t size, uint64_t flags)
{
	int fd = __gm_gmem_new(vm, size, flags);

	GM_GRANTED(fd >= 0, "KVM_CREATE_GUEST_MEMFD size %#lx flags %#lx: %s", size, flags,
		   gm_errno_name(errno));
	return fd;
}

int __gm_slot_set(struct gm_vm *vm, uint32_t id, uint32_t flags, uint64_t gpa, uint64_t size,
		  void *hva, int gmem, uint64_t gmem_off)
{
	struct kvm_userspace_memory_region2 region = {
		.slot = id,
		.flags = flags | (gmem >= 0 ? KVM_MEM_GUEST_MEMFD : 0),
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
		.guest_memfd = gmem,
		.guest_memfd_offset = gmem_off,
	};
	struct gm_slot *s = slot_find(vm, id);
	int ret = GM_CALL("KVM_SET_USER_MEMORY_REGION2",
			  ioctl(vm->kvm->fd, KVM_SET_USER_MEMORY_REGION2, &region));

	if (ret)
		return ret;
	for (int i = 0; !s && i < GM_MAX_SLOTS; i++)
		if (!vm->slot[i].used)
			s = &vm->slot[i];
	GM_SETUP(s, "more than %d slots", GM_MAX_SLOTS);
	*s = (struct gm_slot){ id, region.flags, gpa, size, hva, gmem, gmem_off, size != 0 };
	return 0;
}

void gm_slot_set(struct gm_vm *vm, uint32_t id, uint32_t flags, uint64_t gpa, uint64_t size,
		 void *hva, int gmem, uint64_t gmem_off)
{
	int ret = __gm_slot_set(vm, id, flags, gpa, size, hva, gmem, gmem_off);

	GM_GRANTED(!ret, "slot %u: gpa %#lx size %#lx flags %#x: %s", id, gpa, size, flags,
		   gm_errno_name(errno));
}

void gm_slot_delete(struct gm_vm *vm, uint32_t id)
{
	gm_slot_set(vm, id, 0, 0, 0, NULL, -1, 0);
}

void gm_vm_map(struct gm_vm *vm, uint64_t gpa, uint64_t size, uint64_t pagesize)
{
	gm_arch_map(vm->kvm, gpa, size, pagesize);
}

uint8_t *gm_hva(struct gm_vm *vm, uint64_t gpa)
{
	struct gm_slot *s = gm_slot_at(vm, gpa);

	if (!s)
		return NULL;
	if (vm->file_map && s->gmem == vm->file_map_of)
		return vm->file_map + s->gmem_off + (gpa - s->gpa);
	return s->hva ? s->hva + (gpa - s->gpa) : NULL;
}

struct gm_page gm_vm_page(struct gm_vm *vm, uint64_t gpa)
{
	struct gm_slot *s = gm_slot_at(vm, gpa);
	struct gm_page p = *GM_PAGE(.gpa = GM_AT(gpa), .gva = GM_AT(gpa));

	if (s && s->gmem >= 0)
		p.off = GM_AT(s->gmem_off + (gpa - s->gpa));
	if (gm_hva(vm, gpa))
		p.hva = GM_AT((uintptr_t)gm_hva(vm, gpa));
	return p;
}
