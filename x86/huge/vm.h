/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM of the huge.* cases: the guest-memory fixture and the model of how its pages are mapped.
 * Each step goes through it, so that the kernel's counts of pages and the guest's words can be held against
 * both models after each step, number by number.
 */
#ifndef HUGE_VM_H
#define HUGE_VM_H

#include "batch.h"
#include "gm.h"
#include "pagesize.h"
#include "shape.h"

struct huge_vm {
	struct gm_fixture *w; /* its slots come from huge_slot() */
	struct gm_shape *shape;
	uint64_t base, size; /* of the region: GM_BASE, a multiple of 1 GiB */
	struct gm_page_counts start;
	unsigned int vcpus;
	unsigned int turn; /* the vCPU that does the next thing */
};

struct huge_vm_args {
	enum gm_mem_kind kind;
	uint64_t mem_size;  /* of the host's memory; 0: as large as the region */
	uint64_t size;	    /* of the region, bytes; rounded up to 1 GiB */
	unsigned int vcpus; /* 0: one */
	bool no_gmem;	    /* slots without a private half */
	bool no_slot;	    /* the case sets its slots itself, with huge_slot() */
};

struct huge_vm *huge_vm_new(const struct huge_vm_args *args);
#define HUGE_VM(...) huge_vm_new(&(const struct huge_vm_args){ __VA_ARGS__ })
void huge_vm_free(struct huge_vm *r);

/* A slot over mem at offset hva_off and over the guest_memfd at gmem_off; size 0 deletes it. */
void huge_slot(struct huge_vm *r, uint32_t id, uint64_t gpa, uint64_t size, uint64_t hva_off,
	       uint64_t gmem_off);

/* One access every 2 MiB of the region (of every slot of it): writes a word of a new generation. */
void huge_touch_all(struct huge_vm *r);
void huge_touch(struct huge_vm *r, uint64_t gpa, uint64_t len, uint64_t stride);
/* Every page of the range gets a word of a new generation, in the half that it has now. */
void huge_write(struct huge_vm *r, uint64_t gpa, uint64_t npages);
/* The first word of every page of the range is what its half must hold now. */
void huge_check(struct huge_vm *r, uint64_t gpa, uint64_t npages, const char *when);
/* The pages from npages before gpa to npages behind it, as far as there are slots. */
void huge_check_around(struct huge_vm *r, uint64_t gpa, uint64_t npages, const char *when);
/* One word every 2 MiB, at the first and at the last page. */
void huge_check_sparse(struct huge_vm *r, const char *when);

/* By the host, or by the guest through its hypercall: both must do the same. */
void huge_convert(struct huge_vm *r, uint64_t gpa, uint64_t npages, bool to_private);
void huge_guest_convert(struct huge_vm *r, uint64_t gpa, uint64_t npages, bool to_private);

/* A hole in the file behind [gpa, gpa + npages), which lies at `off` of it. */
void huge_punch(struct huge_vm *r, uint64_t gpa, uint64_t npages, uint64_t off);

/* The kernel's counts of pages are the model's, exactly; if not, shows both maps and ends the case. */
void huge_expect(struct huge_vm *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "page 511 of GiB 1" */
const char *huge_page_name(struct huge_vm *r, uint64_t gpa);
static inline uint64_t huge_gpa(uint64_t gib, uint64_t page)
{
	return GM_BASE + gib * GM_1G + page * GM_PAGE_SIZE;
}

#endif
