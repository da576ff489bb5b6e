/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Conversion: makes memory of a VM private or shared, by the VM's conversion provider.
 *
 * One interface for all cases. A case does not test for a provider: where the expected result
 * depends on the provider, it reads the fields of struct gm_provider.
 */
#ifndef GM_CONVERT_H
#define GM_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "model.h"
#include "provider.h"
#include "vm.h"

/*
 * A conversion provider: a file in lib/kvm/provider/ (pKVM: lib/kvm/arm64/), a row in provider.h.
 */
struct gm_provider {
	enum gm_provider_id id;
	enum gm_vm_kind kind;
	/* Flags of a guest_memfd whose pages are all shared at first, or all private. */
	uint64_t flags_shared, flags_private;
	enum gm_content_rule content; /* what a conversion does to the content */
	/*
	 * True: shared memory is in the file, too. The host accesses it by a mapping of the file,
	 * and the guest never accesses userspace_addr. False: shared memory is at userspace_addr.
	 */
	bool file_serves_shared;
	/*
	 * The size of the file's pages, in bytes: a file is a multiple of it, and so are holes. All
	 * pages of a new file are private. 0: single pages.
	 */
	uint64_t file_page;
	/* A conversion to private may be EAGAIN while the host uses one of the pages. */
	bool refuses_busy;
	/*
	 * Converts [gpa, gpa + len), page aligned. 0, or -1 and errno. *done: len on success, else
	 * the bytes before the page that the kernel reports, if it reports one.
	 */
	int (*convert)(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private,
		       uint64_t *done);
};

extern const struct gm_provider gm_provider_attributes, gm_provider_inplace, gm_provider_pkvm,
	gm_provider_huge_file;

/* NULL: not on this architecture. */
const struct gm_provider *gm_provider_of(enum gm_provider_id id);
/* The running case's provider; if it has none for this kind of VM, the first one for this kind. */
const struct gm_provider *gm_provider_for(enum gm_vm_kind kind);

/*
 * Conversion by the VMM. If it fails, gm_convert() is a miss and ends the case; __gm_convert() and
 * __gm_convert_to() return -1 and errno. `done` may be NULL.
 */
int __gm_convert_to(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private, uint64_t *done);
int __gm_convert(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private);
void gm_convert(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private);

/*
 * For conversions of pages that the host accesses at the same time: such an access holds a short
 * reference, which makes in-place conversion EAGAIN. Retries on EAGAIN, at most GM_CONVERT_TRIES
 * times: with a long-term reference it still fails.
 */
#define GM_CONVERT_TRIES 10000U
int __gm_convert_retry(struct gm_vm *vm, uint64_t gpa, uint64_t len, bool to_private);

/* The default on_convert: converts as the guest requests; 0, or -errno. */
int64_t gm_vm_convert_on_request(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
				 uint64_t attrs);
/* The same with __gm_convert_retry(). */
int64_t gm_vm_convert_on_request_retry(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa,
				       uint64_t npages, uint64_t attrs);

/* --- pKVM: hypercalls of the guest, arm64 only --- */

/* As a provider's convert(), by vCPU v. EINVAL if the hypervisor refuses a page. */
int gm_pkvm_convert(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t len, bool to_private,
		    uint64_t *done);

/* --- the ioctl of in-place conversion, on a guest_memfd --- */

/*
 * KVM_SET_MEMORY_ATTRIBUTES2, _IOWR(0xAE, 0xd2, 128 bytes): in no released header yet. Offsets and
 * size are bytes of the file; the kernel writes error_offset if it refuses a page.
 */
struct gm_memory_attributes2 {
	uint64_t offset, size, attributes, flags, error_offset, reserved[11];
};

#define GM_SET_MEMORY_ATTRIBUTES2 0xc080aed2UL

/* 0, or -1 and errno. *error_offset (may be NULL): the kernel's value; ~0 if it wrote none. */
int __gm_gmem_convert(int gmem, uint64_t off, uint64_t len, bool to_private,
		      uint64_t *error_offset);
void gm_gmem_convert(int gmem, uint64_t off, uint64_t len, bool to_private);

#endif
