/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a platform can offer, by name. The probes behind the names are asked by platform.c; here
 * they are only words, so that declarations can be listed without opening anything.
 */
#ifndef GM_NEED_H
#define GM_NEED_H

#include <stdint.h>

#include "each.h"
#include "need_table.h"

typedef uint64_t gm_needs;

enum gm_need {
#define X(id, ...) GM_NEED_##id,
	GM_NEED_LIST(X)
#undef X
		GM_NEED_NR,
};

#define __GM_NEED_BIT(id) (1ULL << GM_NEED_##id)
/* The set of those ids of need_table.h: GM_NEEDS(KVM, SW_PROTECTED). */
#define GM_NEEDS(...) GM_EACH(__GM_NEED_BIT, __VA_ARGS__)

const char *gm_need_name(enum gm_need n);
const char *gm_need_text(enum gm_need n);

#endif
