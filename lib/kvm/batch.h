/* SPDX-License-Identifier: GPL-2.0-only */
/* Batches of operations of one vCPU on a fixture's memory. Each read is compared with the model. */
#ifndef GM_BATCH_H
#define GM_BATCH_H

#include "fixture.h"

struct gm_batch_note {
	uint64_t gfn, n;
	bool to_private;
	unsigned int step;
	const char *when; /* or NULL */
};

struct gm_batch {
	struct gm_fixture *w;
	unsigned int v; /* the vCPU */
	/*
	 * The pages of this batch: in [lo, hi), the blocks of `block` pages whose number is `turn`
	 * modulo `share`. Other batches check the other pages.
	 */
	uint64_t lo, hi, block;
	unsigned int share, turn;
	unsigned int nr;
	struct gm_op op[GM_MBOX_OPS];
	struct gm_batch_note now, note[GM_MBOX_OPS]; /* the last conversion before each */
};

void gm_batch_init(struct gm_batch *s, struct gm_fixture *w, unsigned int v);
bool gm_batch_owns(const struct gm_batch *s, uint64_t gfn);
/* By the guest's hypercall, or (by_host) by the VMM after the queued operations have run. */
void gm_batch_convert(struct gm_batch *s, uint64_t gfn, uint64_t n, bool to_private, bool by_host);
/* The guest writes every stride-th word, with a new generation; the writer is the pages' state. */
void gm_batch_fill(struct gm_batch *s, uint64_t gfn, uint64_t n, unsigned int stride);
/* The same for only the first word of nr pages, `step` pages apart. */
void gm_batch_touch(struct gm_batch *s, uint64_t gfn, uint64_t nr, uint64_t step);
/* The guest checks every page of the range, words at least `stride` apart. */
void gm_batch_check(struct gm_batch *s, uint64_t gfn, uint64_t n, unsigned int stride);
/* The guest checks every word of the suspects of [gfn, gfn + n), see gm_model_suspects(). */
void gm_batch_check_suspects(struct gm_batch *s, uint64_t gfn, uint64_t n);
/* Runs the queue and checks the results: false if anything missed. */
bool gm_batch_run(struct gm_batch *s);
/* The same, and a miss ends the case. */
void gm_batch_flush(struct gm_batch *s);

#endif
