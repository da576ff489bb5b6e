/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rig of the huge.* cases: the guest-memory fixture and the model of how its pages are mapped.
 * Each step goes through it, so that the kernel's ledger and the guest's words can be held against
 * both models after each step, number by number.
 */
#ifndef HUGE_RIG_H
#define HUGE_RIG_H

#include "batch.h"
#include "gm.h"
#include "pagesize.h"
#include "shape.h"

struct rig {
	struct gm_fixture *w; /* its slots come from rig_slot() */
	struct gm_shape *shape;
	uint64_t base, size; /* of the region: GM_BASE, a multiple of 1 GiB */
	struct gm_ledger start;
	unsigned int vcpus;
	unsigned int turn; /* the vCPU that does the next thing */
};

struct rig_args {
	enum gm_mem_kind kind;
	uint64_t mem_size;  /* of the host's memory; 0: as large as the region */
	uint64_t size;	    /* of the region, bytes; rounded up to 1 GiB */
	unsigned int vcpus; /* 0: one */
	bool no_gmem;	    /* slots without a private half */
	bool no_slot;	    /* the case sets its slots itself, with rig_slot() */
};

struct rig *rig_new(const struct rig_args *args);
#define RIG(...) rig_new(&(const struct rig_args){ __VA_ARGS__ })
void rig_free(struct rig *r);

/* A slot over mem at offset hva_off and over the guest_memfd at gmem_off; size 0 deletes it. */
void rig_slot(struct rig *r, uint32_t id, uint64_t gpa, uint64_t size, uint64_t hva_off,
	      uint64_t gmem_off);

/* One access every 2 MiB of the region (of every slot of it): writes a word of a new generation. */
void rig_touch_all(struct rig *r);
void rig_touch(struct rig *r, uint64_t gpa, uint64_t len, uint64_t stride);
/* Every page of the range gets a word of a new generation, in the half that it has now. */
void rig_write(struct rig *r, uint64_t gpa, uint64_t npages);
/* The first word of every page of the range is what its half must hold now. */
void rig_check(struct rig *r, uint64_t gpa, uint64_t npages, const char *when);
/* The pages from npages before gpa to npages behind it, as far as there are slots. */
void rig_check_around(struct rig *r, uint64_t gpa, uint64_t npages, const char *when);
/* One word every 2 MiB, at the first and at the last page. */
void rig_check_sparse(struct rig *r, const char *when);

/* By the host, or by the guest through its hypercall: both must do the same. */
void rig_convert(struct rig *r, uint64_t gpa, uint64_t npages, bool to_private);
void rig_guest_convert(struct rig *r, uint64_t gpa, uint64_t npages, bool to_private);

/* A hole in the file behind [gpa, gpa + npages), which lies at `off` of it. */
void rig_punch(struct rig *r, uint64_t gpa, uint64_t npages, uint64_t off);

/* The kernel's ledger is the model's, exactly; if not, shows both maps and ends the case. */
void rig_expect(struct rig *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "page 511 of GiB 1" */
const char *rig_page_name(struct rig *r, uint64_t gpa);
static inline uint64_t rig_gpa(uint64_t gib, uint64_t page)
{
	return GM_BASE + gib * GM_1G + page * GM_PAGE_SIZE;
}

#endif
