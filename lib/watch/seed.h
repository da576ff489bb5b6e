/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random numbers of a case, from one 64-bit seed for the whole run.
 *
 * They depend only on the seed and on the name: not on the architecture, the word size, the order
 * of the cases or the other cases of the run. Do not change them: a seed in an old report must
 * still give the same operations.
 */
#ifndef GM_SEED_H
#define GM_SEED_H

#include <stdint.h>

/* xoshiro256** 1.0 by D. Blackman and S. Vigna (2018): four words of state, not all zero. */
struct gm_rng {
	uint64_t s[4];
};

/* The seed for `name` (a case, a round, a thread) in a run with this seed. */
uint64_t gm_seed_derive(uint64_t run_seed, const char *name);

/* Any seed is valid, zero included. */
void gm_rng_init(struct gm_rng *rng, uint64_t seed);

uint64_t gm_rng_next(struct gm_rng *rng);

/* Uniform in [0, n), without modulo bias; 0 when n is 0. */
uint64_t gm_rng_below(struct gm_rng *rng, uint64_t n);

/* Permutation number k, from 0 to nr! - 1, of 0 to nr - 1; 0 is the ascending one, nr at most 20. */
void gm_nth_order(uint64_t k, unsigned int nr, uint8_t *order);

/* A random seed, for a run without a given seed. */
uint64_t gm_seed_fresh(void);

/* Decimal or 0x hexadecimal, the whole string. 0, or -1 if it is not a 64-bit number. */
int gm_seed_parse(const char *text, uint64_t *seed);

#endif
