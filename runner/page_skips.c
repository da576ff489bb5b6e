// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was skipped, by the remedy that would bring it back.
 */
#include <string.h>

#include "html.h"
#include "page.h"

/* The cases of one remedy, reason by reason. */
static void reasons(FILE *f, const json_t *cases, const char *remedy)
{
	json_t *seen = json_object();
	const json_t *c, *other;
	size_t i, k;

	json_array_foreach(cases, i, c) {
		const char *reason = jstr(c, "reason");

		if (!page_is(c, "SKIP") || strcmp(jstr(c, "remedy"), remedy) ||
		    json_object_get(seen, reason))
			continue;
		json_object_set_new(seen, reason, json_true());
		html(f, "<p>$</p>\n<ul>\n", *reason ? reason : "no reason given");
		json_array_foreach(cases, k, other)
			if (page_is(other, "SKIP") && !strcmp(jstr(other, "remedy"), remedy) &&
			    !strcmp(jstr(other, "reason"), reason))
				html(f, "<li class=\"name\">$</li>\n", jstr(other, "name"));
		fputs("</ul>\n", f);
	}
	json_decref(seen);
}

void page_skips(FILE *f, const json_t *run)
{
	const json_t *cases = json_object_get(run, "cases"), *c;
	json_t *remedies = json_object(), *nr;
	const char *remedy;
	size_t i;

	/* An object of jansson keeps the order in which its keys came. */
	json_array_foreach(cases, i, c) {
		if (!page_is(c, "SKIP"))
			continue;
		remedy = jstr(c, "remedy");
		json_object_set_new(remedies, remedy, json_integer(jint(remedies, remedy) + 1));
	}
	if (json_object_size(remedies))
		fputs("<p>Each group of cases would run with its remedy.</p>\n", f);
	else
		fputs("<p>None.</p>\n", f);
	json_object_foreach(remedies, remedy, nr)
	{
		long long cases_of = json_integer_value(nr);

		fprintf(f, "<details><summary><b>%lld %s:</b> ", cases_of,
			cases_of == 1 ? "case" : "cases");
		html(f, "$</summary>\n", *remedy ? remedy : "no remedy is known");
		reasons(f, cases, remedy);
		fputs("</details>\n", f);
	}
	json_decref(remedies);
}
