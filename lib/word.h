/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every word of memory under test holds: a value that names where it belongs and who wrote
 * it, so that a wrong page, a wrong half or a stale generation names itself in the failure.
 * Shared by guest and host; calls nothing.
 */
#ifndef GM_WORD_H
#define GM_WORD_H

#include <stdbool.h>
#include <stdint.h>

/* The two memories that one guest page can have, and who else may have written. */
enum gm_half {
	GM_HALF_NONE = 0,
	GM_HALF_SHARED = 1,  /* userspace_addr, or a shared guest_memfd page */
	GM_HALF_PRIVATE = 2, /* guest_memfd */
	GM_HALF_HOST = 3,    /* written by the host through its own mapping */
	GM_HALF_DEVICE = 4,  /* written by DMA */
	GM_HALF_GUEST = 6,   /* written by the guest into whichever half it saw */
	GM_HALF_SECRET = 5,  /* private, and searched for in everything the host gets */
};

/*
 * bit  0- 8  word number in the page (modulo 512)
 * bit  9-36  gfn, low 28 bits: 1 TiB of guest memory
 * bit 37-40  half
 * bit 41-56  generation
 * bit 57-63  0x55, so that no word is zero and none looks like a pointer
 */
#define GM_WORD_MAGIC 0x55ULL

static inline uint64_t gm_word(uint64_t gfn, enum gm_half half, unsigned int gen, unsigned int idx)
{
	return (idx & 0x1ffULL) | (gfn & 0xfffffffULL) << 9 | ((uint64_t)half & 0xf) << 37 |
	       ((uint64_t)gen & 0xffff) << 41 | GM_WORD_MAGIC << 57;
}

static inline bool gm_word_ok(uint64_t w)
{
	return w >> 57 == GM_WORD_MAGIC;
}
static inline unsigned int gm_word_idx(uint64_t w)
{
	return w & 0x1ff;
}
static inline uint64_t gm_word_gfn(uint64_t w)
{
	return w >> 9 & 0xfffffff;
}
static inline enum gm_half gm_word_half(uint64_t w)
{
	return w >> 37 & 0xf;
}
static inline unsigned int gm_word_gen(uint64_t w)
{
	return w >> 41 & 0xffff;
}

/* "private half of gfn 0x100003, generation 7, word 12", "zero", or hex. Host only (word.c). */
const char *gm_word_str(uint64_t w);

#endif
