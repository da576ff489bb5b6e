// SPDX-License-Identifier: GPL-2.0-only
/* Describes a word of memory under test, for messages. */
#include <stdio.h>

#include "word.h"

const char *gm_word_str(uint64_t w)
{
	static const char *const writer[16] = {
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
		snprintf(s, sizeof(ring[0]), "%s writer of gfn %#llx, generation %u, word %u",
			 writer[gm_word_writer(w)] ? writer[gm_word_writer(w)] : "unknown",
			 (unsigned long long)gm_word_gfn(w), gm_word_gen(w), gm_word_idx(w));
	return s;
}
