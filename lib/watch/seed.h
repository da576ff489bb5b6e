/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One 64-bit seed for a whole run, and from it the same numbers for the same case, always.
 *
 * The streams depend on the seed and on the name alone: not on the architecture, the word size,
 * the order of the cases or the other cases of the run. They never change once published, since a
 * seed in an old report must still give the operations that it gave then.
 */
#ifndef GM_SEED_H
#define GM_SEED_H

#include <stdint.h>

/* xoshiro256** 1.0 by D. Blackman and S. Vigna (2018): four words of state, not all zero. */
struct gm_rng {
	uint64_t s[4];
};

/* The seed of the thing called `name` (a case, a round, a thread) in a run with this seed. */
uint64_t gm_seed_derive(uint64_t run_seed, const char *name);

/* Any seed is a good one, zero included. */
void gm_rng_init(struct gm_rng *rng, uint64_t seed);

uint64_t gm_rng_next(struct gm_rng *rng);

/* Uniform in [0, n), without modulo bias; 0 when n is 0. */
uint64_t gm_rng_below(struct gm_rng *rng, uint64_t n);

/* 64 bits that nobody could guess, for a run that was given no seed. */
uint64_t gm_seed_fresh(void);

/* Decimal or 0x hexadecimal, the whole string. 0, or -1 when it is no 64-bit number. */
int gm_seed_parse(const char *text, uint64_t *seed);

#endif
