/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM of the huge_file.* cases, and the model of how KVM maps a file of huge pages: a huge page
 * by one entry while all of it is private, else by single pages. All steps use it, so that the
 * kernel's page counts can be compared exactly after each of them.
 *
 * Pages are counted in the file, in single pages from its first.
 */
#ifndef HUGE_FILE_HUGE_FILE_H
#define HUGE_FILE_HUGE_FILE_H

#include "gm.h"
#include "fixture.h"
#include "gmem_huge.h"
#include "pagesize.h"
#include "pool.h"

#define PG GM_PAGE_SIZE
#define HF_NEEDS GM_NEEDS(PAGE_STATS, TDP)
#define HF_SLOTS 8

struct hf_slot {
	uint64_t first, n; /* pages of the file; n 0: no such slot */
	uint64_t gfn;
};

struct hf_vm {
	struct gm_fixture *w;
	uint64_t page;	 /* bytes of a huge page: GM_2M or GM_1G */
	uint64_t in_one; /* single pages of a huge page */
	uint64_t n;	 /* huge pages of the file */
	struct hf_slot slot[HF_SLOTS];
	struct gm_page_counts start;
	struct gm_page_counts now; /* what has been mapped, and which faults did it, since start */
	uint8_t *mapped;	   /* by page: enum gm_size of the entry that maps it */
	bool *private;		   /* by page */
	uint64_t *shared;	   /* by huge page: its shared pages */
	bool *poisoned;		   /* by huge page: one of its pages is */
	struct gm_pool pool;	   /* before the file was made */
};

/* A VM of `vcpus` on a new file of n huge pages, all private, in one slot at GM_BASE. */
struct hf_vm *hf_new(uint64_t page, uint64_t n, unsigned int vcpus);
/*
 * The same without the slot: the case calls hf_slot(). The guest's memory is twice as long as the
 * file.
 */
struct hf_vm *hf_new_no_slot(uint64_t page, uint64_t n, unsigned int vcpus);
/* Frees all, and expects that the pool has all pages back. */
void hf_free(struct hf_vm *h);

/*
 * Slot GM_SLOT + i: n pages of the file from `first` on, `at` pages after the guest's first one.
 * hf_slot_delete() takes it away again.
 */
void hf_slot(struct hf_vm *h, unsigned int i, uint64_t at, uint64_t n, uint64_t first);
void hf_slot_delete(struct hf_vm *h, unsigned int i);
/* The gfn of page p, which is in a slot. */
uint64_t hf_gfn(const struct hf_vm *h, uint64_t p);
static inline uint64_t hf_gpa(const struct hf_vm *h, uint64_t p)
{
	return GPA(hf_gfn(h, p));
}

/* vCPU v writes a word of a new generation to each of n pages, from p on. */
void hf_write(struct hf_vm *h, unsigned int v, uint64_t p, uint64_t n);
/* The same for only the first word of nr pages of one slot, `step` pages apart. */
void hf_touch(struct hf_vm *h, unsigned int v, uint64_t p, uint64_t nr, uint64_t step);
/* The guest checks all words of the pages. */
void hf_check(struct hf_vm *h, uint64_t p, uint64_t n, const char *when);
/* One call for all of them, whatever slots they are in. */
void hf_convert(struct hf_vm *h, uint64_t p, uint64_t n, bool to_private);
/* The same as vCPU v's hypercall; the pages are in one slot. */
void hf_guest_convert(struct hf_vm *h, unsigned int v, uint64_t p, uint64_t n, bool to_private);
/* KVM_PRE_FAULT_MEMORY, until all pages, which are in one slot, are mapped. */
void hf_prefault(struct hf_vm *h, unsigned int v, uint64_t p, uint64_t n);
/* A hole of nr huge pages. */
void hf_punch(struct hf_vm *h, uint64_t huge, uint64_t nr);
/* What a hole of the huge page does to the mappings; the case makes it itself. */
void hf_unmapped(struct hf_vm *h, uint64_t huge);
/* What poison of the page does to the mappings; the case poisons it itself. */
void hf_poisoned(struct hf_vm *h, uint64_t p);
/* What a conversion does to the model; the case does it itself. */
void hf_converted(struct hf_vm *h, uint64_t p, uint64_t n, bool to_private);
/* The model of a guest's access that the case does itself. */
void hf_touched(struct hf_vm *h, uint64_t p);
/* Takes the kernel's number of faults, after a race in which nobody can know it. */
void hf_forget_faults(struct hf_vm *h);
/* Expects that the kernel's page counts and faults equal the model's. */
bool hf_expect(struct hf_vm *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Expects that the file has `allocated` huge pages of the pool, and has reserved the others. */
bool hf_expect_pool(struct hf_vm *h, uint64_t allocated, const char *when);

#endif
