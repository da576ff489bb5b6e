// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads runs and counts the verdicts of their clauses.
 */
#include <stdlib.h>
#include <string.h>

#include "baseline.h"
#include "known.h"
#include "runs.h"

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

static char *label_of(const json_t *root)
{
	return xprintf("%s %s%s", jstr(root, "arch"), jstr(root, "kernel"), mode_of(root));
}

bool runs_alike(const json_t *a, const json_t *b)
{
	return !strcmp(jstr(a, "arch"), jstr(b, "arch")) && !strcmp(mode_of(a), mode_of(b));
}

int runs_load(struct runs *s, const char *option, const struct strv *paths)
{
	json_t *c;
	size_t k;

	*s = (struct runs){ xalloc(paths->n * sizeof(*s->v)), 0 };
	for (size_t i = 0; i < paths->n; i++) {
		struct run *run = &s->v[i];

		run->path = paths->v[i];
		run->root = results_load(option, run->path);
		if (!run->root) {
			runs_free(s);
			return EXIT_USAGE;
		}
		run->cases = json_object_get(run->root, "cases");
		run->by_name = json_object();
		json_array_foreach(run->cases, k, c)
			json_object_set(run->by_name, jstr(c, "name"), c);
		run->label = label_of(run->root);
		s->n++;
	}
	return 0;
}

void runs_free(struct runs *s)
{
	for (size_t i = 0; i < s->n; i++) {
		json_decref(s->v[i].root);
		json_decref(s->v[i].by_name);
		free(s->v[i].label);
	}
	free(s->v);
	*s = (struct runs){ NULL, 0 };
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct strv runs_all(const struct runs *s, const char *field)
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

struct cell runs_cell(const struct run *s, const char *clause)
{
	struct cell cell = { 0 };
	json_t *c;
	size_t i;

	json_array_foreach(s->cases, i, c) {
		if (strcmp(jstr(c, "clause"), clause) || kind_of(c) >= GM_VERDICT_NR)
			continue;
		cell.nr[kind_of(c)]++;
		cell.known += !strcmp(jstr(c, "verdict"), WORD_XFAIL);
	}
	return cell;
}

char *cell_text(const struct cell *c)
{
	unsigned int ran = c->nr[GM_PASS] + c->nr[GM_FAILED] + c->nr[GM_ERRORED];

	for (int k = GM_FAILED; k <= GM_ERRORED; k++)
		if (c->nr[k])
			return xprintf("%s %u of %u", gm_verdict_word(k), c->nr[k], ran);
	if (c->nr[GM_PASS])
		return xprintf("holds %u", c->nr[GM_PASS]);
	return xstrdup(c->nr[GM_SKIPPED] ? "skipped" : "");
}

const char *cell_word(const struct cell *c)
{
	static const int order[] = { GM_FAILED, GM_ERRORED, GM_PASS, GM_SKIPPED };

	if (c->nr[GM_FAILED] && c->nr[GM_FAILED] == c->known && !c->nr[GM_ERRORED])
		return WORD_XFAIL;
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (c->nr[order[i]])
			return gm_verdict_word(order[i]);
	return "";
}

int runs_verdict(const struct run *s, const char *name)
{
	const json_t *c = json_object_get(s->by_name, name);

	return c ? kind_of(c) : GM_VERDICT_NR;
}

bool runs_differ(const struct runs *s, const char *name)
{
	bool held = false, broken = false;

	for (size_t k = 0; k < s->n; k++) {
		int v = runs_verdict(&s->v[k], name);

		held |= v == GM_PASS;
		broken |= v == GM_FAILED || v == GM_ERRORED;
	}
	return held && broken;
}
