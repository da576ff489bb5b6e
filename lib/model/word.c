// SPDX-License-Identifier: GPL-2.0-only
/* Describes a word of memory under test, for messages. */
#include <stdio.h>

#include "word.h"

const char *gm_word_str(uint64_t w)
{
	static const char *const half[16] = {
		"no",	  "shared",	   "private", "host-written", "device-written",
		"secret", "guest-written",
	};
	static __thread char ring[4][96];
	static __thread unsigned int next;
	char *s = ring[next = (next + 1) % 4];

	if (!w)
		return "zero";
	if (!gm_word_ok(w))
		snprintf(s, sizeof(ring[0]), "%#llx (not written by the test)",
			 (unsigned long long)w);
	else
		snprintf(s, sizeof(ring[0]), "%s half of gfn %#llx, generation %u, word %u",
			 half[gm_word_half(w)] ? half[gm_word_half(w)] : "unknown",
			 (unsigned long long)gm_word_gfn(w), gm_word_gen(w), gm_word_idx(w));
	return s;
}
