/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM of the huge_file.* cases, and the model of how KVM maps a file of huge pages: a huge page
 * by one entry while all of it is private, else by single pages. All steps use it, so that the
 * kernel's page counts can be compared exactly after each of them.
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

struct hf_vm {
	struct gm_fixture *w;
	uint64_t page;	 /* bytes of a huge page: GM_2M or GM_1G */
	uint64_t in_one; /* single pages of a huge page */
	uint64_t n;	 /* huge pages of the region */
	bool never_huge; /* gpa and file offset differ modulo a huge page */
	uint64_t fixed;	 /* faults so far that installed an entry */
	struct gm_page_counts start;
	bool *whole;	     /* by huge page: mapped by one entry */
	uint64_t *shared;    /* by huge page: its shared pages */
	bool *small;	     /* by page: mapped by an entry of its own */
	bool *private;	     /* by page */
	struct gm_pool pool; /* before the file was made */
};

/* A VM of `vcpus` on a new file of n huge pages, all private, in one slot at GM_BASE. */
struct hf_vm *hf_new(uint64_t page, uint64_t n, unsigned int vcpus);
/* The same without the slot: the case calls hf_slot(). */
struct hf_vm *hf_new_no_slot(uint64_t page, uint64_t n, unsigned int vcpus);
/* Frees all, and expects that the pool has all pages back. */
void hf_free(struct hf_vm *h);

/* Page p of the file, counted from the region's first. */
static inline uint64_t hf_gfn(const struct hf_vm *h, uint64_t p)
{
	return GFN(h->w->gpa) + p;
}

/* vCPU v writes a word of a new generation to each of n pages, from p on. */
void hf_write(struct hf_vm *h, unsigned int v, uint64_t p, uint64_t n);
/* The guest checks all words of the pages. */
void hf_check(struct hf_vm *h, uint64_t p, uint64_t n, const char *when);
void hf_convert(struct hf_vm *h, uint64_t p, uint64_t n, bool to_private);
/* What a hole of the huge page does to the mappings; the case punches it. */
void hf_unmapped(struct hf_vm *h, uint64_t huge);
/* Expects that the kernel's page counts and faults equal the model's. */
bool hf_expect(struct hf_vm *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
