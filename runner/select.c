// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selects cases. A filter that matches nothing is an error, not an empty run.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "select.h"

/*
 * Whether any glob matches and no "!glob" does. Without a glob that has no "!", everything matches.
 */
static bool globs_match(const struct strv *globs, const char *text)
{
	bool any = false, in = false;

	for (size_t i = 0; i < globs->n; i++) {
		const char *glob = globs->v[i];

		if (*glob == '!') {
			if (!fnmatch(glob + 1, text, 0))
				return false;
			continue;
		}
		any = true;
		in = in || !fnmatch(glob, text, 0);
	}
	return in || !any;
}

bool is_required(const struct options *opt, const char *name, const char *clause)
{
	if (opt->strict)
		return true;
	for (size_t i = 0; i < opt->require.n; i++)
		if (!fnmatch(opt->require.v[i], name, 0) || !fnmatch(opt->require.v[i], clause, 0))
			return true;
	return false;
}

/*
 * The quick profile runs one sampled case in four: those whose rank in the catalogue is the seed
 * modulo 4. Four seeds in a row reach all of them.
 */
#define SAMPLE 4

static bool in_sample(const struct options *opt, size_t rank)
{
	return opt->full || rank % SAMPLE == opt->seed % SAMPLE;
}

static bool is_glob(const char *s)
{
	return s[strcspn(s, "*?[")];
}

/* Each glob must match at least one case; otherwise prints the one that does not. */
static int check_globs(const struct catalogue *cat, const struct strv *globs, const char *option,
		       bool names, bool clauses, bool only_selected)
{
	for (size_t i = 0; i < globs->n; i++) {
		const char *glob = globs->v[i] + (globs->v[i][0] == '!');
		bool found = false, as_prefix = false;
		char *prefix = xprintf("%s.*", glob);

		for (size_t j = 0; j < cat->n && !found; j++) {
			const struct test_case *c = &cat->v[j];

			if (only_selected && !c->selected)
				continue;
			found = (names && !fnmatch(glob, c->name, 0)) ||
				(clauses && !fnmatch(glob, c->clause, 0));
			as_prefix = as_prefix || (names && !fnmatch(prefix, c->name, 0)) ||
				    (clauses && !fnmatch(prefix, c->clause, 0));
		}
		free(prefix);
		if (found)
			continue;
		if (clauses && !strncmp(glob, "leak.", 5))
			complain("%s '%s' matches no case: every case is checked for leaks", option,
				 glob);
		else if (as_prefix)
			complain("%s '%s' matches nothing; did you mean '%s.*'?", option, glob,
				 glob);
		else
			complain("%s '%s' matches nothing%s; --list prints the names", option, glob,
				 only_selected ? " in this selection" : "");
		return EXIT_USAGE;
	}
	return 0;
}

/* Reads names, one a line; ignores blank lines and # comments. */
static int read_names(struct strv *names, const char *file)
{
	FILE *f = fopen(file, "re");
	size_t size = 0;
	char *line = NULL;

	if (!f) {
		complain("--case-list %s: %s", file, strerror(errno));
		return EXIT_USAGE;
	}
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, " \t\r\n#")] = '\0';
		if (*line)
			strv_add(names, line);
	}
	free(line);
	fclose(f);
	if (names->n)
		return 0;
	complain("--case-list %s: has no names", file);
	return EXIT_USAGE;
}

static int read_failed(struct strv *names, const char *results)
{
	char *file = xprintf("%s/latest/results.json", results);
	json_t *doc = json_load_file(file, 0, NULL);
	json_t *rec;
	size_t i;

	json_array_foreach(json_object_get(doc, "cases"), i, rec) {
		const char *verdict = jstr(rec, "verdict");

		if (!strcmp(verdict, gm_verdict_word(GM_FAILED)) ||
		    !strcmp(verdict, gm_verdict_word(GM_ERRORED)))
			strv_add(names, jstr(rec, "name"));
	}
	if (!doc)
		complain("--failed: no earlier results in %s; run without it first", file);
	else if (!names->n)
		complain("--failed: no FAIL or ERROR in %s/latest", results);
	json_decref(doc);
	free(file);
	return names->n ? 0 : EXIT_USAGE;
}

/* Selects the named cases. An unknown name is an error; --failed may name cases that are gone. */
static int select_names(struct catalogue *cat, const struct strv *names, const char *option)
{
	size_t found = 0;

	for (size_t i = 0; i < names->n; i++) {
		bool known = false;

		for (size_t j = 0; j < cat->n && !known; j++) {
			known = !strcmp(cat->v[j].name, names->v[i]);
			cat->v[j].selected = cat->v[j].selected || known;
		}
		found += known;
		if (!known && strcmp(option, "--failed")) {
			complain("%s: no case is called %s; --list prints the names", option,
				 names->v[i]);
			return EXIT_USAGE;
		}
	}
	if (found)
		return 0;
	complain("%s: none of these cases exists any more", option);
	return EXIT_USAGE;
}

int select_cases(struct catalogue *cat, const struct options *opt)
{
	struct strv names = { 0 };
	size_t left = 0, long_ones = 0, sampled = 0, unsampled = 0;
	int ret;

	ret = check_globs(cat, &opt->filters, "--filter", true, false, false);
	if (!ret)
		ret = check_globs(cat, &opt->clauses, "--clause", false, true, false);
	if (!ret && opt->case_list)
		ret = read_names(&names, opt->case_list);
	if (!ret && opt->failed)
		ret = read_failed(&names, opt->results);
	if (!ret && names.n)
		ret = select_names(cat, &names, opt->failed ? "--failed" : opt->case_list);
	if (ret)
		goto out;

	for (size_t i = 0; i < cat->n; i++) {
		struct test_case *c = &cat->v[i];
		bool by_name = names.n, sample = true;

		if (c->flags & GM_SAMPLED)
			sample = in_sample(opt, sampled++);
		c->left_out = false;
		if (names.n && !c->selected)
			continue;
		/* A case that is named in full runs even if it is in the full profile only. */
		for (size_t j = 0; j < opt->filters.n && !by_name; j++)
			by_name =
				!is_glob(opt->filters.v[j]) && !strcmp(opt->filters.v[j], c->name);
		c->selected = globs_match(&opt->filters, c->name) &&
			      globs_match(&opt->clauses, c->clause);
		if (c->selected && (c->flags & GM_FULL_ONLY) && !opt->full && !by_name) {
			c->selected = false;
			long_ones++;
		}
		if (c->selected && !sample && !by_name) {
			c->selected = false;
			c->left_out = true;
			unsampled++;
		}
		left += c->selected;
	}
	/* A filter that leaves only cases outside the sample means these. */
	for (size_t i = 0; i < cat->n && !left && unsampled; i++)
		cat->v[i].selected = cat->v[i].left_out;
	if (!left)
		left = unsampled;
	if (!left) {
		complain(long_ones ? "these cases are in the full profile only: add --profile full"
				   : "no case matches all filters; --list prints the names");
		ret = EXIT_USAGE;
	} else if (!opt->case_list) {
		/* A list may be the rest of a run, without the required cases. */
		ret = check_globs(cat, &opt->require, "--require", true, true, true);
	}
out:
	strv_free(&names);
	return ret;
}
