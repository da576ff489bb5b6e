// SPDX-License-Identifier: GPL-2.0-only
/* Finds the nearest word by edit distance. */
#include <string.h>

#include "suggest.h"

#define TOO_FAR 4

/* Number of letters to change, add, drop or swap with the next. */
static size_t distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	size_t d[40][40];

	if (la >= 40 || lb >= 40)
		return 40;
	for (size_t i = 0; i <= la; i++) {
		for (size_t j = 0; j <= lb; j++) {
			size_t best;

			if (!i || !j) {
				d[i][j] = i + j;
				continue;
			}
			best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[la][lb];
}

const char *gm_suggest(const char *word, const char *(*name_at)(size_t i))
{
	size_t best_d = TOO_FAR, len = strlen(word);
	const char *best = NULL, *name;

	for (size_t i = 0; (name = name_at(i)); i++) {
		size_t d = len > 3 && !strncmp(name, word, len) ? 1 : distance(word, name);

		if (d < best_d) {
			best_d = d;
			best = name;
		}
	}
	return best;
}
