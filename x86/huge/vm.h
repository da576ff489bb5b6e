/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM of the huge.* cases: the guest-memory fixture and the model of how its pages are mapped.
 * All steps use it, so that the kernel's page counts and the guest's words can be compared exactly
 * with both models after each step.
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
	unsigned int turn; /* the vCPU of the next step */
};

struct huge_vm_args {
	enum gm_mem_kind kind;
	uint64_t mem_size;  /* of the host's memory; 0: as large as the region */
	uint64_t size;	    /* of the region, bytes; rounded up to 1 GiB */
	unsigned int vcpus; /* 0: one */
	bool no_gmem;	    /* slots without guest_memfd */
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
/* Writes a word of a new generation to every page of the range, in its current state. */
void huge_write(struct huge_vm *r, uint64_t gpa, uint64_t npages);
/* Checks the first word of every page of the range against the model. */
void huge_check(struct huge_vm *r, uint64_t gpa, uint64_t npages, const char *when);
/* Checks the pages from npages before gpa to npages after it, if they have slots. */
void huge_check_around(struct huge_vm *r, uint64_t gpa, uint64_t npages, const char *when);
/* Checks a word of the first and the last page of every 2 MiB. */
void huge_check_sparse(struct huge_vm *r, const char *when);

/* Converts by the host, or by the guest's hypercall: both must have the same effect. */
void huge_convert(struct huge_vm *r, uint64_t gpa, uint64_t npages, bool to_private);
void huge_guest_convert(struct huge_vm *r, uint64_t gpa, uint64_t npages, bool to_private);

/* Punches a hole of npages at `off` of the file, which is mapped at gpa. */
void huge_punch(struct huge_vm *r, uint64_t gpa, uint64_t npages, uint64_t off);

/*
 * Expects that the kernel's page counts equal the model's; else shows both maps and ends the case.
 */
void huge_expect(struct huge_vm *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "page 511 of GiB 1" */
const char *huge_page_name(struct huge_vm *r, uint64_t gpa);
static inline uint64_t huge_gpa(uint64_t gib, uint64_t page)
{
	return GM_BASE + gib * GM_1G + page * GM_PAGE_SIZE;
}

#endif
