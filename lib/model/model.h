/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guest memory must look like: for each page its state and what each of its memories (one or
 * two, by the content rule) holds. Told what was done, it says what a guest or a host must read now; it asks no kernel.
 *
 * Pages are gfns in [first, first + npages). Every call demands that its range lies inside;
 * gm_model_clip() cuts one down. Pages of different threads are different memory: threads that
 * keep to pages of their own need no lock, those that share pages bring one.
 */
#ifndef GM_MODEL_H
#define GM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "word.h"

/* What one half of one page holds: the words of (page, half, gen), or zeros for GM_HALF_NONE. */
struct gm_content {
	uint8_t half;	 /* enum gm_half: who wrote it */
	uint16_t stride; /* only words 0, stride, 2 * stride... are known; 1: all */
	uint16_t gen;
};

/* What becomes of a page's content when the page is converted. */
enum gm_content_rule {
	GM_CONTENT_TWO_MEMORIES, /* a private and a shared memory, each keeps its own */
	GM_CONTENT_ONE_MEMORY,	 /* one memory, kept */
};

struct gm_model;

/* All pages shared, all memory zero. Aborts when out of memory. */
struct gm_model *gm_model_new(uint64_t first, uint64_t npages, enum gm_content_rule rule);
void gm_model_free(struct gm_model *m);
uint64_t gm_model_first(const struct gm_model *m);
uint64_t gm_model_npages(const struct gm_model *m);
bool gm_model_has(const struct gm_model *m, uint64_t gfn);
/* Cuts [*gfn, *gfn + *n) down to what the model has; false if that is nothing. */
bool gm_model_clip(const struct gm_model *m, uint64_t *gfn, uint64_t *n);

/* --- what was done --- */

void gm_model_convert(struct gm_model *m, uint64_t gfn, uint64_t n, bool to_private);
/* The guest wrote (half, gen) into whichever half it sees; every stride-th word of each page. */
void gm_model_guest_wrote(struct gm_model *m, uint64_t gfn, uint64_t n, enum gm_half half,
			  unsigned int gen, unsigned int stride);
/* The host wrote into what serves shared accesses, whatever the guest sees. */
void gm_model_host_wrote(struct gm_model *m, uint64_t gfn, uint64_t n, enum gm_half half,
			 unsigned int gen);
/* A hole was punched into the guest_memfd. */
void gm_model_punched(struct gm_model *m, uint64_t gfn, uint64_t n);
/* The memory that serves shared accesses was replaced by zeros. */
void gm_model_dropped(struct gm_model *m, uint64_t gfn, uint64_t n);

/* --- what must be --- */

bool gm_model_private(const struct gm_model *m, uint64_t gfn);
struct gm_content gm_model_guest(const struct gm_model *m, uint64_t gfn);
/* Of the memory that private, or shared, accesses reach: with one memory they are the same. */
struct gm_content gm_model_memory(const struct gm_model *m, uint64_t gfn, bool private_half);
enum gm_content_rule gm_model_rule(const struct gm_model *m);
/* Pages from gfn, at most max, that one check covers: same state and same content for the guest. */
uint64_t gm_model_run(const struct gm_model *m, uint64_t gfn, uint64_t max);
uint64_t gm_model_private_pages(const struct gm_model *m);

/*
 * The pages that would show an off-by-one, a wrong level or a lost border after something was
 * done to [gfn, gfn + n): the first, the last, the middle and the neighbours, the same pages one
 * 2 MiB and one 1 GiB away in both directions, and both sides of each 2 MiB and 1 GiB border that
 * the range touches. Sorted, each once; at most GM_MODEL_SUSPECTS. Gives how many.
 */
#define GM_MODEL_SUSPECTS 64
size_t gm_model_suspects(const struct gm_model *m, uint64_t gfn, uint64_t n,
			 uint64_t out[GM_MODEL_SUSPECTS]);

#endif
