// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random numbers: the same seed gives the same numbers on every machine.
 *
 * Written from the published descriptions: splitmix64 (G. Steele, D. Lea, C. Flood, "Fast
 * splittable pseudorandom number generators", OOPSLA 2014), xoshiro256** (D. Blackman, S. Vigna,
 * "Scrambled linear pseudorandom number generators", 2018), FNV-1a (G. Fowler, L. C. Noll, P. Vo)
 * and the multiply-shift bound of D. Lemire ("Fast random integer generation in an interval",
 * 2019).
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "seed.h"

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint64_t gm_seed_derive(uint64_t run_seed, const char *name)
{
	uint64_t state = run_seed;
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3ULL;

	/* Scrambles the run's seed first, so that adjacent seeds give unrelated numbers. */
	state = splitmix64(&state) ^ hash;
	return splitmix64(&state);
}

void gm_rng_init(struct gm_rng *rng, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		rng->s[i] = splitmix64(&seed);
}

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

uint64_t gm_rng_next(struct gm_rng *rng)
{
	uint64_t *s = rng->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint64_t gm_rng_below(struct gm_rng *rng, uint64_t n)
{
	unsigned __int128 product;
	uint64_t floor;

	if (!n)
		return 0;

	/* Rejects the few values that would make some results more probable than others. */
	floor = -n % n;
	do {
		product = (unsigned __int128)gm_rng_next(rng) * n;
	} while ((uint64_t)product < floor);
	return product >> 64;
}

uint64_t gm_seed_fresh(void)
{
	struct timespec now;
	uint64_t seed;

	/* A machine that has just booted may have no entropy yet; use the clock, do not block. */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed))
		return seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = now.tv_sec * 1000000000ULL + now.tv_nsec;
	return seed ^ ((uint64_t)getpid() << 40);
}

int gm_seed_parse(const char *text, uint64_t *seed)
{
	char *end;

	/* strtoull() would accept a sign and blanks, and read a leading 0 as octal. */
	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	*seed = strtoull(text, &end, text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10);
	return errno || *end ? -1 : 0;
}

void gm_nth_order(uint64_t k, unsigned int nr, uint8_t *order)
{
	uint8_t rest[20];

	for (unsigned int i = 0; i < nr; i++)
		rest[i] = i;
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t pick = k % (nr - i);

		k /= nr - i;
		order[i] = rest[pick];
		memmove(rest + pick, rest + pick + 1, nr - i - pick - 1);
	}
}
