/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of guest memory: for each page its state and the content of its one or two memories (see
 * enum gm_content_rule). The caller reports operations, and gets what a guest or the host must
 * read. The model does not use the kernel.
 *
 * Pages are gfns in [first, first + npages). The range of every call must lie inside;
 * gm_model_clip() cuts one down. Threads that use different pages need no lock; threads that share
 * pages must lock.
 */
#ifndef GM_MODEL_H
#define GM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "word.h"

/* The content of one memory of a page: the words of (page, writer, gen); GM_WRITER_NONE: zeros. */
struct gm_content {
	uint8_t writer;	 /* enum gm_writer: the writer */
	uint16_t stride; /* only words 0, stride, 2 * stride... are known; 1: all */
	uint16_t gen;
};

/* What a conversion does to the content of a page. */
enum gm_content_rule {
	GM_CONTENT_TWO_MEMORIES, /* separate private and shared memory, each keeps its content */
	GM_CONTENT_ONE_MEMORY,	 /* one memory, which keeps its content */
};

struct gm_model;

/* All pages shared, all memory zero. Aborts when out of memory. */
struct gm_model *gm_model_new(uint64_t first, uint64_t npages, enum gm_content_rule rule);
void gm_model_free(struct gm_model *m);
uint64_t gm_model_first(const struct gm_model *m);
uint64_t gm_model_npages(const struct gm_model *m);
bool gm_model_has(const struct gm_model *m, uint64_t gfn);
/* Cuts [*gfn, *gfn + *n) down to the pages of the model; false if none is left. */
bool gm_model_clip(const struct gm_model *m, uint64_t *gfn, uint64_t *n);

/* --- operations --- */

void gm_model_convert(struct gm_model *m, uint64_t gfn, uint64_t n, bool to_private);
/*
 * The guest wrote every stride-th word (0: every word) of the pages, in the memory of their state.
 */
void gm_model_guest_wrote(struct gm_model *m, uint64_t gfn, uint64_t n, enum gm_writer writer,
			  unsigned int gen, unsigned int stride);
/* The host wrote to the memory that shared accesses reach, in any state of the page. */
void gm_model_host_wrote(struct gm_model *m, uint64_t gfn, uint64_t n, enum gm_writer writer,
			 unsigned int gen);
/* PUNCH_HOLE on the memory that private accesses reach. */
void gm_model_punched(struct gm_model *m, uint64_t gfn, uint64_t n);
/* The memory that shared accesses reach was replaced by zeros. */
void gm_model_dropped(struct gm_model *m, uint64_t gfn, uint64_t n);

/* --- expected state and content --- */

bool gm_model_private(const struct gm_model *m, uint64_t gfn);
struct gm_content gm_model_guest(const struct gm_model *m, uint64_t gfn);
/* The content that private, or shared, accesses reach; the same if there is one memory. */
struct gm_content gm_model_memory(const struct gm_model *m, uint64_t gfn, bool private);
enum gm_content_rule gm_model_rule(const struct gm_model *m);
/*
 * How many pages from gfn on, at most max, have the same state and the same content for the guest.
 */
uint64_t gm_model_run(const struct gm_model *m, uint64_t gfn, uint64_t max);
uint64_t gm_model_private_pages(const struct gm_model *m);

/*
 * The pages on which an off-by-one or a wrong level shows after an operation on [gfn, gfn + n): the
 * first, the last, the middle and the adjacent ones; most of these 2 MiB and 1 GiB away in both
 * directions; and both sides of the first and last 2 MiB and 1 GiB borders of the range. Sorted,
 * without duplicates, at most GM_MODEL_SUSPECTS. Returns how many.
 */
#define GM_MODEL_SUSPECTS 64
size_t gm_model_suspects(const struct gm_model *m, uint64_t gfn, uint64_t n,
			 uint64_t out[GM_MODEL_SUSPECTS]);

#endif
