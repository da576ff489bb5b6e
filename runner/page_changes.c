// SPDX-License-Identifier: GPL-2.0-only
/*
 * What changed since another run.
 */
#include <string.h>

#include "html.h"
#include "page.h"

static const char *const kinds[] = { "newly failing", "newly skipping", "gone", "newly passing",
				     "new" };

static size_t count(const json_t *changes, const char *kind)
{
	const json_t *c;
	size_t i, nr = 0;

	json_array_foreach(changes, i, c)
		nr += !strcmp(jstr(c, "change"), kind);
	return nr;
}

/* What is worse than before is open, the rest is not. */
static void write_kind(FILE *f, const json_t *changes, const char *kind)
{
	size_t nr = count(changes, kind), i;
	const json_t *c;

	if (!nr)
		return;
	html(f, "<details$><summary><b>$</b>", strcmp(kind, "newly failing") ? "" : " open", kind);
	fprintf(f, " (%zu)</summary>\n<ul>\n", nr);
	json_array_foreach(changes, i, c) {
		const char *before = jstr(c, "before"), *after = jstr(c, "after");

		if (strcmp(jstr(c, "change"), kind))
			continue;
		html(f,
		     "<li><span class=\"name\">$</span> <span class=\"muted\">($$$)</span></li>\n",
		     jstr(c, "case"), before, *before && *after ? ", now " : "", after);
	}
	fputs("</ul></details>\n", f);
}

static void write_changes(FILE *f, const json_t *changes)
{
	if (!json_array_size(changes))
		fputs("<p>Nothing changed.</p>\n", f);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		write_kind(f, changes, kinds[i]);
}

void page_changes(FILE *f, const json_t *run)
{
	const json_t *baseline = json_object_get(run, "changes");
	const json_t *before = json_object_get(run, "before");

	if (baseline) {
		fputs("<h3>Since the baseline</h3>\n", f);
		write_changes(f, baseline);
	}
	if (before) {
		html(f, "<h3>Since the run before</h3>\n<p>$, Linux $, $.$</p>\n",
		     jstr(before, "run"), jstr(before, "kernel"), jstr(before, "start"),
		     json_is_true(json_object_get(before, "common"))
			     ? " The two did not select the same cases: those of both are compared."
			     : "");
		write_changes(f, json_object_get(before, "changes"));
	}
	if (!baseline && !before)
		html(f, "<p>$</p>\n",
		     strcmp(jstr(run, "state"), "running")
			     ? "There is no earlier run of this architecture in this folder."
			     : "Known at the end of the run.");
}
