// SPDX-License-Identifier: GPL-2.0-only
/* The names of needs. */
#include <stddef.h>

#include "need.h"

static const struct {
	const char *name;
	const char *text;
} needs[GM_NEED_NR] = {
#define X(id, name, text, ...) { name, text },
	GM_NEED_LIST(X)
#undef X
};

_Static_assert(GM_NEED_NR <= 64, "gm_needs is a 64-bit set");

const char *gm_need_name(enum gm_need n)
{
	return (unsigned int)n < GM_NEED_NR ? needs[n].name : "unknown";
}

const char *gm_need_text(enum gm_need n)
{
	return (unsigned int)n < GM_NEED_NR ? needs[n].text : "unknown";
}
