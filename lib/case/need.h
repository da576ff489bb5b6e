/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Needs: what a case needs from the platform, by name. Only names, so that cases can be listed
 * without opening anything; platform.c has the probes.
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
/* A set of ids of need_table.h: GM_NEEDS(KVM, SW_PROTECTED). */
#define GM_NEEDS(...) GM_EACH(__GM_NEED_BIT, __VA_ARGS__)

const char *gm_need_name(enum gm_need n);
const char *gm_need_text(enum gm_need n);

#endif
