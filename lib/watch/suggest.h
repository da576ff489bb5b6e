/* SPDX-License-Identifier: GPL-2.0-only */
/* "Did you mean": the known word that a mistyped one is nearest to. */
#ifndef GM_SUGGEST_H
#define GM_SUGGEST_H

#include <stddef.h>

/*
 * Of the words that name_at(0), name_at(1), ... gives, up to a NULL, the one that `word` begins, or that
 * is at most three letters away from it. NULL: none is.
 */
const char *gm_suggest(const char *word, const char *(*name_at)(size_t i));

#endif
