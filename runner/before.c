// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds the run before this one, and what changed since.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "baseline.h"
#include "before.h"
#include "runs.h"

/* Folders with broken or other results that are looked at: a large file takes a slow machine long. */
#define MAX_TRIES 8

/* "results/a" is "results" and "a"; "a" is "." and "a". Both to be freed. */
static void split(const char *dir, char **base, char **leaf)
{
	const char *slash;
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	for (slash = dir + len; slash > dir && slash[-1] != '/';)
		slash--;
	*base = slash == dir ? xstrdup(".") : xprintf("%.*s", (int)(slash - dir), dir);
	*leaf = xprintf("%.*s", (int)(dir + len - slash), slash);
}

/* The runner names a folder by its time: a later one sorts after it. */
static int is_run(const struct dirent *de)
{
	return strlen(de->d_name) > 16 && strspn(de->d_name, "0123456789T") == 15 &&
	       de->d_name[15] == 'Z';
}

static json_t *load(const char *base, const char *leaf)
{
	char *file = xprintf("%s/%s/results.json", base, leaf);
	json_t *root = json_load_file(file, 0, NULL);

	free(file);
	return root;
}

static bool fits(const json_t *run, const json_t *other)
{
	return json_is_array(json_object_get(other, "cases")) &&
	       strcmp(jstr(other, "state"), "running") && runs_alike(run, other);
}

/* Those of the cases that are in `names`. */
static json_t *only(const json_t *cases, const json_t *names)
{
	json_t *list = json_array(), *c;
	size_t i;

	json_array_foreach(cases, i, c)
		if (json_object_get(names, jstr(c, "name")))
			json_array_append(list, c);
	return list;
}

static json_t *names_of(const json_t *cases)
{
	json_t *names = json_object(), *c;
	size_t i;

	json_array_foreach(cases, i, c)
		json_object_set_new(names, jstr(c, "name"), json_true());
	return names;
}

static json_t *compare_with(const json_t *run, const json_t *old, const char *leaf)
{
	json_t *is = json_object_get(run, "cases"), *was = json_object_get(old, "cases");
	bool common = !json_equal(json_object_get(run, "args"), json_object_get(old, "args"));
	json_t *names = names_of(was), *changes, *a, *b;

	if (common) {
		b = only(is, names);
		json_decref(names);
		names = names_of(b);
		a = only(was, names);
	} else {
		a = json_incref(was);
		b = json_incref(is);
	}
	changes = baseline_changes(a, b);
	json_decref(a);
	json_decref(b);
	json_decref(names);
	return json_pack("{s:s s:s s:s s:b s:o}", "run", leaf, "start", jstr(old, "start"),
			 "kernel", jstr(old, "kernel"), "common", common, "changes", changes);
}

json_t *before_compare(const char *dir, const json_t *run)
{
	char *base, *leaf;
	struct dirent **names = NULL;
	json_t *found = NULL;
	int n, tries = 0;

	split(dir, &base, &leaf);
	n = scandir(base, &names, is_run, versionsort);
	for (int i = n - 1; i >= 0; i--) {
		const char *name = names[i]->d_name;
		json_t *old;

		if (!found && tries < MAX_TRIES && strverscmp(name, leaf) < 0) {
			old = load(base, name);
			tries++;
			if (fits(run, old))
				found = compare_with(run, old, name);
			json_decref(old);
		}
		free(names[i]);
	}
	free(names);
	free(base);
	free(leaf);
	return found;
}
