/* SPDX-License-Identifier: GPL-2.0-only */
/* Batches of operations of one vCPU on a fixture's memory, whose every read the model judges. */
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
	 * Whose pages these are: [lo, hi), and of these the blocks of `block` pages whose number
	 * is `turn` modulo `share`. Pages of other owners are checked by their own batch.
	 */
	uint64_t lo, hi, block;
	unsigned int share, turn;
	unsigned int nr;
	struct gm_op op[GM_MBOX_OPS];
	struct gm_batch_note now, note[GM_MBOX_OPS]; /* the last conversion before each */
};

void gm_batch_init(struct gm_batch *s, struct gm_fixture *w, unsigned int v);
bool gm_batch_owns(const struct gm_batch *s, uint64_t gfn);
/* By the guest's hypercall, or (by_host) by the VMM once the guest has done what is queued. */
void gm_batch_convert(struct gm_batch *s, uint64_t gfn, uint64_t n, bool to_private, bool by_host);
/* A fresh generation, every stride-th word; tagged with the half that the guest sees. */
void gm_batch_fill(struct gm_batch *s, uint64_t gfn, uint64_t n, unsigned int stride);
/* One word of a fresh generation at the start of nr pages, `step` pages apart. */
void gm_batch_touch(struct gm_batch *s, uint64_t gfn, uint64_t nr, uint64_t step);
/* Every page of the range against the model, at least `stride` words apart. */
void gm_batch_check(struct gm_batch *s, uint64_t gfn, uint64_t n, unsigned int stride);
/* Whole words of the suspects of [gfn, gfn + n). */
void gm_batch_check_suspects(struct gm_batch *s, uint64_t gfn, uint64_t n);
/* Runs what is queued and judges it: false if the guest read anything wrong. */
bool gm_batch_run(struct gm_batch *s);
/* The same, and a miss ends the case. */
void gm_batch_flush(struct gm_batch *s);

#endif
