// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compares two runs.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "baseline.h"
#include "known.h"
#include "protocol.h"

json_t *results_load(const char *option, const char *path)
{
	json_error_t err;
	struct stat st;
	json_t *root;
	char *file;

	file = !stat(path, &st) && S_ISDIR(st.st_mode) ? xprintf("%s/results.json", path)
						       : xstrdup(path);
	root = json_load_file(file, 0, &err);
	if (!json_is_array(json_object_get(root, "cases"))) {
		complain("%s %s: %s", option, file, root ? "has no results of a run" : err.text);
		json_decref(root);
		root = NULL;
	}
	free(file);
	return root;
}

enum outcome { NONE, PASSES, FAILS, FAILS_AS_KNOWN, SKIPS };

static enum outcome outcome_of(const json_t *c)
{
	const char *v = jstr(c, "verdict");

	if (!strcmp(v, gm_verdict_word(GM_PASS)) || !strcmp(v, WORD_XPASS))
		return PASSES;
	if (!strcmp(v, gm_verdict_word(GM_SKIPPED)))
		return SKIPS;
	if (!strcmp(v, WORD_XFAIL))
		return FAILS_AS_KNOWN;
	/* An ERROR that did not run says nothing about the case. */
	return *v && !json_is_false(json_object_get(c, "ran")) ? FAILS : NONE;
}

static json_t *by_name(const json_t *cases)
{
	json_t *names = json_object(), *c;
	size_t i;

	json_array_foreach(cases, i, c)
		json_object_set(names, jstr(c, "name"), c);
	return names;
}

static void add(json_t *changes, const char *name, const char *change, const json_t *before,
		const json_t *after)
{
	json_array_append_new(changes, json_pack("{s:s s:s s:s s:s}", "case", name, "change",
						 change, "before", jstr(before, "verdict"), "after",
						 jstr(after, "verdict")));
}

json_t *baseline_changes(const json_t *before, const json_t *after)
{
	static const char *const words[] = {
		[PASSES] = "newly passing",
		[FAILS] = "newly failing",
		[FAILS_AS_KNOWN] = "newly failing",
		[SKIPS] = "newly skipping",
	};
	json_t *changes = json_array(), *was = by_name(before), *is = by_name(after), *c;
	size_t i;

	json_array_foreach(after, i, c) {
		const json_t *old = json_object_get(was, jstr(c, "name"));
		enum outcome a = outcome_of(old), b = outcome_of(c);

		if (!old)
			add(changes, jstr(c, "name"), "new", NULL, c);
		else if (b != NONE && a != b && !(a == FAILS && b == FAILS_AS_KNOWN))
			add(changes, jstr(c, "name"), words[b], old, c);
	}
	json_array_foreach(before, i, c)
		if (!json_object_get(is, jstr(c, "name")))
			add(changes, jstr(c, "name"), "gone", c, NULL);
	json_decref(was);
	json_decref(is);
	return changes;
}

bool baseline_shrank(const json_t *changes)
{
	const json_t *c;
	size_t i;

	json_array_foreach(changes, i, c)
		if (!strcmp(jstr(c, "change"), "newly skipping") ||
		    !strcmp(jstr(c, "change"), "gone"))
			return true;
	return false;
}

char *baseline_text(const json_t *changes)
{
	char *text = NULL;
	const json_t *c;
	size_t size, i;
	FILE *f = open_memstream(&text, &size);

	json_array_foreach(changes, i, c) {
		const char *before = jstr(c, "before"), *after = jstr(c, "after");

		fprintf(f, "%s: %s (%s%s%s)\n", jstr(c, "change"), jstr(c, "case"), before,
			*before && *after ? ", now " : "", after);
	}
	fclose(f);
	return text;
}
