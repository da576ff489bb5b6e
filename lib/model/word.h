/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The value of every word of memory under test: it encodes the page, the writer and the generation,
 * so that a failure can name a wrong page, a wrong memory or stale data. Used by guest and host;
 * calls no function of the library.
 */
#ifndef GM_WORD_H
#define GM_WORD_H

#include <stdbool.h>
#include <stdint.h>

#include "page.h"

/* The writer: the guest, by the memory that it has written to, or another one. */
enum gm_writer {
	GM_WRITER_NONE = 0,
	GM_WRITER_SHARED = 1,  /* userspace_addr, or a shared guest_memfd page */
	GM_WRITER_PRIVATE = 2, /* guest_memfd */
	GM_WRITER_HOST = 3,    /* written by the host through its own mapping */
	GM_WRITER_DEVICE = 4,  /* written by DMA */
	GM_WRITER_GUEST = 6,   /* written by the guest, in either memory */
	GM_WRITER_SECRET = 5,  /* private; searched for in all data that the host can read */
};

/*
 * bit  0-36  guest address / 8: 1 TiB of guest memory. The low bits, 9 with pages of 4 KiB and 13
 *            with 64 KiB, are the word's number in its page, the others the gfn
 * bit 37-40  writer (enum gm_writer)
 * bit 41-56  generation
 * bit 57-63  0x55, so that no word is zero and none looks like a pointer
 */
#define GM_WORD_MAGIC 0x55ULL

#define GM_WORD_AT ((1ULL << 37) - 1)

/* The word at this guest address. Guest code must use this one, not gm_word(). */
static inline uint64_t gm_word_at(uint64_t addr, enum gm_writer writer, unsigned int gen)
{
	return (addr / 8 & GM_WORD_AT) | ((uint64_t)writer & 0xf) << 37 |
	       ((uint64_t)gen & 0xffff) << 41 | GM_WORD_MAGIC << 57;
}

/* Word idx, modulo the words of a page, of the page gfn. */
static inline uint64_t gm_word(uint64_t gfn, enum gm_writer writer, unsigned int gen,
			       unsigned int idx)
{
	return gm_word_at((gfn * GM_PAGE_WORDS + idx % GM_PAGE_WORDS) * 8, writer, gen);
}

static inline bool gm_word_ok(uint64_t w)
{
	return w >> 57 == GM_WORD_MAGIC;
}
static inline unsigned int gm_word_idx(uint64_t w)
{
	return (w & GM_WORD_AT) % GM_PAGE_WORDS;
}
static inline uint64_t gm_word_gfn(uint64_t w)
{
	return (w & GM_WORD_AT) / GM_PAGE_WORDS;
}
static inline enum gm_writer gm_word_writer(uint64_t w)
{
	return w >> 37 & 0xf;
}
static inline unsigned int gm_word_gen(uint64_t w)
{
	return w >> 41 & 0xffff;
}

/* "private writer of gfn 0x100003, generation 7, word 12", "zero", or hex. Host only (word.c). */
const char *gm_word_str(uint64_t w);

#endif
