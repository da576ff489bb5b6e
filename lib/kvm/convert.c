// SPDX-License-Identifier: GPL-2.0-only
/* Conversion by the provider of the VM. */
#include <sched.h>

#include "convert.h"
#include "main.h"

static const struct gm_provider *const all[GM_PROVIDER_NR] = {
#ifdef __x86_64__
	[GM_PROVIDER_ATTRIBUTES] = &gm_provider_attributes,
	[GM_PROVIDER_INPLACE] = &gm_provider_inplace,
	[GM_PROVIDER_HUGE_FILE] = &gm_provider_huge_file,
#else
	[GM_PROVIDER_PKVM] = &gm_provider_pkvm,
#endif
};

const struct gm_provider *gm_provider_of(enum gm_provider_id id)
{
	return all[id];
}

const struct gm_provider *gm_provider_for(enum gm_vm_kind kind)
{
	const struct gm_provider *mine = all[gm_case_provider()];

	if (mine && mine->kind == kind)
		return mine;
	for (int i = 0; i < GM_PROVIDER_NR; i++)
		if (all[i] && all[i]->kind == kind)
			return all[i];
	return NULL;
}

int __gm_convert_to(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private, uint64_t *done)
{
	uint64_t mine;

	GM_SETUP(vm->provider, "no conversion provider for a VM of kind %d", vm->args.kind);
	return vm->provider->convert(vm, gpa, len, to_private, done ? done : &mine);
}

int __gm_convert(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private)
{
	return __gm_convert_to(vm, gpa, len, to_private, NULL);
}

int __gm_convert_retry(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private)
{
	int ret;

	for (unsigned int i = 0; i < GM_CONVERT_TRIES; i++) {
		ret = __gm_convert(vm, gpa, len, to_private);
		if (!ret || errno != EAGAIN || !to_private || !vm->provider->refuses_busy)
			return ret;
		sched_yield();
	}
	return ret;
}

void gm_convert(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private)
{
	uint64_t done = 0;

	GM_GRANTED(!__gm_convert_to(vm, gpa, len, to_private, &done),
		   "conversion of %#lx+%#lx to %s by %s: %s at %#lx", gpa, len,
		   to_private ? "private" : "shared", gm_provider_name(vm->provider->id),
		   gm_errno_name(errno), gpa + done);
}

int64_t gm_vm_convert_on_request(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
				 uint64_t attrs)
{
	return __gm_convert(vm, gpa, npages * GM_PAGE_SIZE, attrs & GM_MAP_PRIVATE) ? -errno : 0;
}

int64_t gm_vm_convert_on_request_retry(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa,
				       uint64_t npages, uint64_t attrs)
{
	return __gm_convert_retry(vm, gpa, npages * GM_PAGE_SIZE, attrs & GM_MAP_PRIVATE) ? -errno
											  : 0;
}
