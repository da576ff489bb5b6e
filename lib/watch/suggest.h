/* SPDX-License-Identifier: GPL-2.0-only */
/* "Did you mean": the known word nearest to a mistyped one. */
#ifndef GM_SUGGEST_H
#define GM_SUGGEST_H

#include <stddef.h>

/*
 * Of the words name_at(0), name_at(1), ... until NULL: the one that begins with `word`, or that
 * differs from it in at most three letters. NULL if not found.
 */
const char *gm_suggest(const char *word, const char *(*name_at)(size_t i));

#endif
