// SPDX-License-Identifier: GPL-2.0-only
/*
 * Results of several runs side by side: a row for each clause, a column for each run.
 */
#include <stdlib.h>
#include <string.h>

#include "baseline.h"
#include "compare.h"
#include "runs.h"

static size_t widest(const struct strv *names)
{
	size_t wide = strlen("clause");

	for (size_t i = 0; i < names->n; i++)
		wide = strlen(names->v[i]) > wide ? strlen(names->v[i]) : wide;
	return wide;
}

/* Each column is as wide as its label; a line has no trailing blanks. */
static void row(const struct runs *s, FILE *out, int wide, const char *name, char **text)
{
	int pad = wide - (int)strlen(name);

	fputs(name, out);
	for (size_t k = 0; k < s->n; k++) {
		int column = strlen(s->v[k].label) > 16 ? (int)strlen(s->v[k].label) : 16;

		if (*text[k])
			fprintf(out, "%*s%s", pad + 2, "", text[k]);
		pad = *text[k] ? column - (int)strlen(text[k]) : pad + 2 + column;
	}
	fputc('\n', out);
}

static void table(const struct runs *s, FILE *out)
{
	struct strv clauses = runs_all(s, "clause");
	char **text = xalloc(s->n * sizeof(*text));
	int wide = widest(&clauses);

	for (size_t k = 0; k < s->n; k++)
		text[k] = s->v[k].label;
	row(s, out, wide, "clause", text);
	for (size_t i = 0; i < clauses.n; i++) {
		for (size_t k = 0; k < s->n; k++) {
			struct cell cell = runs_cell(&s->v[k], clauses.v[i]);

			text[k] = cell_text(&cell);
		}
		row(s, out, wide, clauses.v[i], text);
		for (size_t k = 0; k < s->n; k++)
			free(text[k]);
	}
	free(text);
	strv_free(&clauses);
}

/* Prints the cases that PASS in one run and FAIL or ERROR in another; returns their number. */
static size_t differences(const struct runs *s, FILE *out)
{
	struct strv names = runs_all(s, "name");
	size_t found = 0;

	for (size_t i = 0; i < names.n; i++) {
		if (!runs_differ(s, names.v[i]))
			continue;
		fprintf(out, "%s%s:", found++ ? "" : "\nhold in one run and not in another:\n",
			names.v[i]);
		for (size_t k = 0; k < s->n; k++) {
			int v = runs_verdict(&s->v[k], names.v[i]);

			if (v < GM_VERDICT_NR)
				fprintf(out, " %s on %s;", gm_verdict_word(v), s->v[k].label);
		}
		fputc('\n', out);
	}
	strv_free(&names);
	return found;
}

/* From the first of two runs to the second. */
static void changes(const struct runs *s, FILE *out)
{
	json_t *found = baseline_changes(s->v[0].cases, s->v[1].cases);
	char *text = baseline_text(found);

	if (*text)
		fprintf(out, "\nchanged from the first run to the second:\n%s", text);
	free(text);
	json_decref(found);
}

int compare(const struct strv *dirs, FILE *out)
{
	struct runs s;
	int ret = runs_load(&s, "--compare", dirs);

	if (ret)
		return ret;
	table(&s, out);
	ret = differences(&s, out) ? EXIT_FAILED : EXIT_HELD;
	if (s.n == 2 && runs_alike(s.v[0].root, s.v[1].root))
		changes(&s, out);
	if (fflush(out))
		ret = EXIT_USAGE;
	runs_free(&s);
	return ret;
}
