/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the cases of conv.*. */
#ifndef GM_CONV_H
#define GM_CONV_H

#include <stdatomic.h>

#include "batch.h"
#include "fixture.h"
#include "gm.h"
#include "uffd.h"

/*
 * --- memory at userspace_addr whose faults wait (uffd.h), only for the provider ATTRIBUTES: in
 * place no fault uses that memory ---
 */

/* Provides the page of `unit` bytes at gpa, with shared words of generation gen. */
void uffd_give(int uffd, struct gm_fixture *w, uint64_t gpa, uint64_t unit, unsigned int gen);

/* A server for the faults and events of one slot's memory. */
struct uffd_server {
	struct gm_vm *vm;
	int uffd;
	uint8_t *hva; /* of the registered memory */
	uint64_t gpa; /* of its first page */
	/* Answers a fault at page `page` of the memory; it must wake the vCPU. */
	void (*answer)(struct uffd_server *s, uint64_t page);
	void *user;    /* of the case */
	bool converts; /* answer() converts the page: the vCPU enters again after a memory fault */
	/* results of the last access */
	unsigned int faults;	    /* messages that reported a fault */
	uint64_t page, fault_flags; /* of the last one: its page, UFFD_PAGEFAULT_FLAG_* */
	struct gm_op op;
	atomic_bool done;
};

/*
 * vCPU 0 reads the first word of the page of the memory, while another thread serves its faults.
 * Returns the word.
 */
uint64_t uffd_guest_read(struct uffd_server *s, uint64_t page);
/*
 * The same, and expects that the guest reads `want` and that it asked for this page and no other,
 * with UFFD_PAGEFAULT_FLAG_* bits `flags` (WRITE aside); asks false: that it did not ask.
 */
bool uffd_expect_read(struct uffd_server *s, uint64_t page, uint64_t want, bool asks,
		      uint64_t flags, const char *when);

/* Reads a word of each page on vCPU v. Returns the number of faults. */
static inline uint64_t touch_faults(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t size)
{
	uint64_t before = gm_vcpu_stat(vm, v, "pf_fixed");

	gm_guest_touch(vm, v, gpa, size, GM_PAGE_SIZE);
	return gm_vcpu_stat(vm, v, "pf_fixed") - before;
}

#endif
