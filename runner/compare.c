// SPDX-License-Identifier: GPL-2.0-only
/*
 * Results of several runs side by side: a row for each clause, a column for each run.
 */
#include <stdlib.h>
#include <string.h>

#include "baseline.h"
#include "compare.h"
#include "known.h"
#include "protocol.h"

struct run {
	json_t *root, *cases;
	char *label;
};

struct runs {
	struct run *v;
	size_t n;
};

/* How many cases have each verdict. */
struct cell {
	unsigned int nr[GM_VERDICT_NR];
};

static int kind_of(const json_t *c)
{
	const char *word = jstr(c, "verdict");

	return !strcmp(word, WORD_XFAIL)   ? GM_FAILED
	       : !strcmp(word, WORD_XPASS) ? GM_PASS
					   : (int)gm_verdict_find(word);
}

static const char *mode_of(const json_t *root)
{
	if (strcmp(jstr(root, "arch"), "arm64"))
		return "";
	return strstr(jstr(root, "cmdline"), "kvm-arm.mode=protected") ? " protected" : " plain";
}

/* "arm64 7.3.4 protected" */
static char *label_of(const json_t *root)
{
	return xprintf("%s %s%s", jstr(root, "arch"), jstr(root, "kernel"), mode_of(root));
}

/* Only between such runs a case that is missing in one of them has changed. */
static bool alike(const json_t *a, const json_t *b)
{
	return !strcmp(jstr(a, "arch"), jstr(b, "arch")) && !strcmp(mode_of(a), mode_of(b));
}

static int load(struct run *s, const char *path)
{
	s->root = results_load("--compare", path);
	if (!s->root)
		return EXIT_USAGE;
	s->cases = json_object_get(s->root, "cases");
	s->label = label_of(s->root);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The values of the field over all cases and runs: sorted, each one once. */
static struct strv all_of(const struct runs *s, const char *field)
{
	struct strv all = { 0 }, once = { 0 };
	json_t *c;
	size_t i;

	for (size_t k = 0; k < s->n; k++)
		json_array_foreach(s->v[k].cases, i, c)
			strv_add(&all, jstr(c, field));
	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), by_text);
	for (i = 0; i < all.n; i++)
		if (!i || strcmp(all.v[i], all.v[i - 1]))
			strv_add(&once, all.v[i]);
	strv_free(&all);
	return once;
}

static struct cell cell_of(const struct run *s, const char *clause)
{
	struct cell cell = { 0 };
	json_t *c;
	size_t i;

	json_array_foreach(s->cases, i, c)
		if (!strcmp(jstr(c, "clause"), clause) && kind_of(c) < GM_VERDICT_NR)
			cell.nr[kind_of(c)]++;
	return cell;
}

/* "holds 12", "FAIL 1 of 12", "ERROR 2 of 12", "skipped", "" where the run has no such case. */
static char *cell_text(const struct cell *c)
{
	unsigned int ran = c->nr[GM_PASS] + c->nr[GM_FAILED] + c->nr[GM_ERRORED];

	for (int k = GM_FAILED; k <= GM_ERRORED; k++)
		if (c->nr[k])
			return xprintf("%s %u of %u", gm_verdict_word(k), c->nr[k], ran);
	if (c->nr[GM_PASS])
		return xprintf("holds %u", c->nr[GM_PASS]);
	return xstrdup(c->nr[GM_SKIPPED] ? "skipped" : "");
}

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
	struct strv clauses = all_of(s, "clause");
	char **text = xalloc(s->n * sizeof(*text));
	int wide = widest(&clauses);

	for (size_t k = 0; k < s->n; k++)
		text[k] = s->v[k].label;
	row(s, out, wide, "clause", text);
	for (size_t i = 0; i < clauses.n; i++) {
		for (size_t k = 0; k < s->n; k++) {
			struct cell cell = cell_of(&s->v[k], clauses.v[i]);

			text[k] = cell_text(&cell);
		}
		row(s, out, wide, clauses.v[i], text);
		for (size_t k = 0; k < s->n; k++)
			free(text[k]);
	}
	free(text);
	strv_free(&clauses);
}

static int verdict_in(const struct run *s, const char *name)
{
	json_t *c;
	size_t i;

	json_array_foreach(s->cases, i, c)
		if (!strcmp(jstr(c, "name"), name))
			return kind_of(c);
	return GM_VERDICT_NR;
}

/* Prints the cases that PASS in one run and FAIL or ERROR in another; returns their number. */
static size_t differences(const struct runs *s, FILE *out)
{
	struct strv names = all_of(s, "name");
	size_t found = 0;

	for (size_t i = 0; i < names.n; i++) {
		bool held = false, broken = false;

		for (size_t k = 0; k < s->n; k++) {
			int v = verdict_in(&s->v[k], names.v[i]);

			held |= v == GM_PASS;
			broken |= v == GM_FAILED || v == GM_ERRORED;
		}
		if (!held || !broken)
			continue;
		fprintf(out, "%s%s:", found++ ? "" : "\nhold in one run and not in another:\n",
			names.v[i]);
		for (size_t k = 0; k < s->n; k++) {
			int v = verdict_in(&s->v[k], names.v[i]);

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
	struct runs s = { xalloc(dirs->n * sizeof(*s.v)), dirs->n };
	int ret = 0;

	for (size_t i = 0; i < dirs->n && !ret; i++)
		ret = load(&s.v[i], dirs->v[i]);
	if (!ret) {
		table(&s, out);
		ret = differences(&s, out) ? EXIT_FAILED : EXIT_HELD;
		if (s.n == 2 && alike(s.v[0].root, s.v[1].root))
			changes(&s, out);
		if (fflush(out))
			ret = EXIT_USAGE;
	}
	for (size_t i = 0; i < dirs->n; i++) {
		json_decref(s.v[i].root);
		free(s.v[i].label);
	}
	free(s.v);
	return ret;
}
