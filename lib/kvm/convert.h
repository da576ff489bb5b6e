/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Conversion: memory of a VM becomes private or shared, by whatever the VM's provider offers.
 *
 * One interface for all cases. A case never asks who converts: it reads the provider's contract
 * where that makes a difference for what must come out.
 */
#ifndef GM_CONVERT_H
#define GM_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "model.h"
#include "provider.h"
#include "vm.h"

/* What a provider promises. One file each under lib/kvm/provider/, one row in provider.h. */
struct gm_provider {
	enum gm_provider_id id;
	enum gm_vm_kind kind;
	/* Of the fixture's guest_memfd: all pages shared at first, or all private. */
	uint64_t flags_shared, flags_private;
	enum gm_content_rule content; /* over a conversion */
	/*
	 * The file serves shared accesses, too: the host's way to a shared page is a mapping of the
	 * file, and no guest access goes to userspace_addr. Else userspace_addr serves them.
	 */
	bool file_serves_shared;
	/* May refuse a conversion to private, with EAGAIN, while the host uses a page of it. */
	bool refuses_busy;
	/*
	 * [gpa, gpa + len), bytes, page aligned. 0, or -1 and errno. *done: the bytes before the page
	 * that the kernel named, len on success.
	 */
	int (*convert)(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private,
		       uint64_t *done);
};

extern const struct gm_provider gm_provider_attributes, gm_provider_inplace, gm_provider_pkvm;

/* NULL: the architecture has none such. */
const struct gm_provider *gm_provider_of(enum gm_provider_id id);
/* That of the running case; where it states none, the first that has VMs of this kind. */
const struct gm_provider *gm_provider_for(enum gm_vm_kind kind);

/*
 * What the VMM does, not what a guest asks. gm_convert() makes a refusal a miss of the clause and
 * ends the case; the twin returns it. `done` may be NULL.
 */
int __gm_convert_to(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private, uint64_t *done);
int __gm_convert(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private);
void gm_convert(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private);

/*
 * For conversions of pages that the host uses at the same time, on purpose: a host access that
 * overlaps holds a reference for a moment, and in-place conversion says EAGAIN meanwhile. A retry
 * resolves that; a reference that stays is still refused at the end. Bounded.
 */
#define GM_CONVERT_TRIES 10000U
int __gm_convert_retry(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private);

/* Default on_convert: does what the guest asks; 0, or -errno. */
int64_t gm_vm_convert_on_request(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
				 uint64_t attrs);
/* The same with __gm_convert_retry(). */
int64_t gm_vm_convert_on_request_retry(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa,
				       uint64_t npages, uint64_t attrs);

/* --- pKVM: the guest's own calls, arm64 only --- */

/* As a provider's convert(), by vCPU v. What the hypervisor refuses is EINVAL here. */
int gm_pkvm_convert(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t len, bool to_private,
		    uint64_t *done);

/* --- the ioctl of in-place conversion, on a guest_memfd --- */

/*
 * KVM_SET_MEMORY_ATTRIBUTES2, _IOWR(0xAE, 0xd2, 128 bytes): in no released header yet. Bytes of the
 * file; error_offset is written where the kernel refuses a page.
 */
struct gm_memory_attributes2 {
	uint64_t offset, size, attributes, flags, error_offset, reserved[11];
};

#define GM_SET_MEMORY_ATTRIBUTES2 0xc080aed2UL

/* -1 and errno. *error_offset (may be NULL): as the kernel left it, ~0 before the call. */
int __gm_gmem_convert(int gmem, uint64_t off, uint64_t len, bool to_private,
		      uint64_t *error_offset);
void gm_gmem_convert(int gmem, uint64_t off, uint64_t len, bool to_private);

#endif
