// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which clauses of the contract were put to this kernel, and which were not.
 */
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "known.h"
#include "page.h"

enum coverage { FAILS, ERRS, KNOWN, HOLDS, SKIPS, NOT_SELECTED, NR };

static const struct {
	const char *word, *verdict, *text;
} kinds[NR] = {
	[FAILS] = { "fails", "FAIL", "fail" },
	[ERRS] = { "error", "ERROR", "could not be tested: ERROR" },
	[KNOWN] = { "known", WORD_XFAIL, "fail as is known" },
	[HOLDS] = { "holds", "PASS", "hold" },
	[SKIPS] = { "skipped", "SKIP", "were skipped: this kernel or machine lacks something" },
	[NOT_SELECTED] = { "not selected", "SKIP", "were not selected for this run" },
};

static bool is_of(const json_t *clause, const char *area, size_t len)
{
	const char *id = jstr(clause, "id");

	return !strncmp(id, area, len) && id[len] == '.';
}

/* The clauses of this architecture; those of its cases if the run does not have the contract. */
static json_t *clauses_of(const json_t *run)
{
	json_t *all = json_object_get(run, "clauses"), *list = json_array(), *seen = json_object();
	const json_t *c;
	size_t i;

	json_array_foreach(all, i, c)
		if (!strcmp(jstr(c, "arch"), "any") || !strcmp(jstr(c, "arch"), jstr(run, "arch")))
			json_array_append(list, (json_t *)c);
	json_array_foreach(json_object_get(run, "cases"), i, c) {
		const char *id = jstr(c, "clause");

		if (all || json_object_get(seen, id))
			continue;
		json_object_set_new(seen, id, json_true());
		json_array_append_new(
			list, json_pack("{s:s s:s}", "id", id, "text", jstr(c, "clause_text")));
	}
	json_decref(seen);
	return list;
}

/* The runner itself checks these around each case. */
static enum coverage leak_coverage(const json_t *run, const char *id)
{
	enum coverage found = HOLDS;
	const json_t *c, *leak;
	size_t i, k;

	json_array_foreach(json_object_get(run, "findings"), i, c)
		if (!strcmp(jstr(c, "clause"), id))
			return FAILS;
	json_array_foreach(json_object_get(run, "cases"), i, c) {
		json_array_foreach(json_object_get(c, "leaks"), k, leak) {
			if (strcmp(jstr(leak, "clause"), id))
				continue;
			if (page_is_bad(c))
				return FAILS;
			if (page_is(c, WORD_XFAIL))
				found = KNOWN;
		}
	}
	return found;
}

static enum coverage coverage_of(const struct run *run, const char *id)
{
	struct cell cell = runs_cell(run, id);

	if (!strncmp(id, "leak.", 5))
		return leak_coverage(run->root, id);
	return cell.nr[GM_FAILED] > cell.known ? FAILS
	       : cell.nr[GM_ERRORED]	       ? ERRS
	       : cell.known		       ? KNOWN
	       : cell.nr[GM_PASS]	       ? HOLDS
	       : cell.nr[GM_SKIPPED]	       ? SKIPS
					       : NOT_SELECTED;
}

static void write_clause(FILE *f, const struct run *run, const json_t *clause, enum coverage kind)
{
	struct cell cell = runs_cell(run, jstr(clause, "id"));
	unsigned int nr = 0;

	for (int i = 0; i < GM_VERDICT_NR; i++)
		nr += cell.nr[i];
	html(f, "<tr><th scope=\"row\" class=\"name\">$</th><td><span class=\"verdict $\">$</span>",
	     jstr(clause, "id"), kinds[kind].verdict, kinds[kind].word);
	if (nr)
		fprintf(f, "</td><td class=\"number\">%u</td>", nr);
	else
		fputs("</td><td></td>", f);
	html(f, "<td class=\"text\">$</td></tr>\n", jstr(clause, "text"));
}

static void write_area(FILE *f, const struct run *run, const json_t *clauses,
		       const enum coverage *kind, const char *area, size_t len)
{
	char *label = xprintf("Clauses of %.*s", (int)len, area);
	unsigned int nr = 0, of[NR] = { 0 };
	const json_t *c;
	size_t i;

	json_array_foreach(clauses, i, c) {
		if (is_of(c, area, len)) {
			of[kind[i]]++;
			nr++;
		}
	}
	fprintf(f, "<details><summary><b>%.*s</b>: %u of %u hold", (int)len, area, of[HOLDS], nr);
	for (int k = 0; k < NR; k++)
		if (of[k] && k != HOLDS)
			fprintf(f, ", %u %s", of[k], kinds[k].word);
	fputs("</summary>\n", f);
	html_table_begin(f, label, "wide");
	fputs("<thead><tr><th scope=\"col\">Clause</th><th scope=\"col\">Result</th>"
	      "<th scope=\"col\" class=\"number\">Cases</th><th scope=\"col\">Statement</th></tr></thead>\n"
	      "<tbody>\n",
	      f);
	json_array_foreach(clauses, i, c)
		if (is_of(c, area, len))
			write_clause(f, run, c, kind[i]);
	fputs("</tbody>\n", f);
	html_table_end(f);
	fputs("</details>\n", f);
	free(label);
}

void page_coverage(FILE *f, const json_t *root)
{
	const struct run run = { .root = (json_t *)root, .cases = json_object_get(root, "cases") };
	json_t *clauses = clauses_of(root), *areas = json_object();
	enum coverage *kind = xalloc((json_array_size(clauses) + 1) * sizeof(*kind));
	unsigned int of[NR] = { 0 };
	const json_t *c;
	size_t i, nr = json_array_size(clauses);

	json_array_foreach(clauses, i, c) {
		kind[i] = coverage_of(&run, jstr(c, "id"));
		of[kind[i]]++;
	}
	fprintf(f, "<p>%zu of %zu clauses%s were put to this kernel:</p>\n<ul>\n",
		nr - of[SKIPS] - of[NOT_SELECTED] - of[ERRS], nr,
		json_object_get(root, "clauses") ? " for this architecture" : "");
	for (int k = 0; k < NR; k++)
		if (of[k])
			fprintf(f, "<li>%u %s</li>\n", of[k], kinds[k].text);
	fputs("</ul>\n", f);
	json_array_foreach(clauses, i, c) {
		const char *id = jstr(c, "id");
		size_t len = strcspn(id, ".");
		char *area = xprintf("%.*s", (int)len, id);

		if (!json_object_get(areas, area)) {
			json_object_set_new(areas, area, json_true());
			write_area(f, &run, clauses, kind, id, len);
		}
		free(area);
	}
	json_decref(areas);
	json_decref(clauses);
	free(kind);
}
