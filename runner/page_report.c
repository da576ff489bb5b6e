// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs side by side: a column for each, a row for each clause.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "html.h"
#include "page.h"

/* The heading of the columns: runs of one kernel differ in their number. */
static void columns(FILE *f, const struct runs *s, const char *first)
{
	html(f, "<thead><tr><th scope=\"col\">$</th>", first);
	for (size_t k = 0; k < s->n; k++) {
		fprintf(f, "<th scope=\"col\">%zu. ", k + 1);
		html(f, "$</th>", s->v[k].label);
	}
	fputs("</tr></thead>\n<tbody>\n", f);
}

static void row(FILE *f, const struct runs *s, const char *name, const char *key)
{
	html(f, "<tr><th scope=\"row\">$</th>", name);
	for (size_t k = 0; k < s->n; k++) {
		const json_t *value = json_object_get(s->v[k].root, key);

		if (!json_is_string(value))
			value = json_object_get(json_object_get(s->v[k].root, "lab"), key);
		html(f, "<td>$</td>", json_string_value(value) ?: "");
	}
	fputs("</tr>\n", f);
}

static void write_totals(FILE *f, const struct runs *s)
{
	static const char *const words[] = { "PASS", "FAIL", "ERROR", "XFAIL", "XPASS", "SKIP" };
	static const char *const keys[] = { "pass", "fail", "error", "xfail", "xpass", "skip" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		html(f, "<tr><th scope=\"row\">$</th>", words[i]);
		for (size_t k = 0; k < s->n; k++) {
			long long nr = jint(json_object_get(s->v[k].root, "totals"), keys[i]);

			html(f, "<td class=\"number $\">", nr ? words[i] : "");
			fprintf(f, "%lld</td>", nr);
		}
		fputs("</tr>\n", f);
	}
}

static void write_runs(FILE *f, const struct runs *s)
{
	html_table_begin(f, "The runs", "wide");
	columns(f, s, "Run");
	fputs("<tr><th scope=\"row\">Results</th>", f);
	for (size_t k = 0; k < s->n; k++)
		html(f, "<td>$</td>", s->v[k].path);
	fputs("</tr>\n", f);
	write_totals(f, s);
	row(f, s, "State", "state");
	row(f, s, "Start", "start");
	row(f, s, "Profile", "profile");
	row(f, s, "Suite", "version");
	row(f, s, "Accelerator", "accelerator");
	row(f, s, "CPU", "cpu");
	row(f, s, "Command line", "cmdline");
	row(f, s, "Debug options", "debug");
	fputs("</tbody>\n", f);
	html_table_end(f);
}

static bool same_cells(const struct runs *s, const char *clause)
{
	struct cell first = runs_cell(&s->v[0], clause);

	for (size_t k = 1; k < s->n; k++) {
		struct cell other = runs_cell(&s->v[k], clause);

		if (strcmp(cell_word(&first), cell_word(&other)))
			return false;
	}
	return true;
}

/* The statement of a clause, from the first run that has it. */
static const char *statement(const struct runs *s, const char *clause)
{
	const json_t *c;
	size_t i;

	for (size_t k = 0; k < s->n; k++)
		json_array_foreach(s->v[k].cases, i, c)
			if (!strcmp(jstr(c, "clause"), clause) && *jstr(c, "clause_text"))
				return jstr(c, "clause_text");
	return "";
}

static void write_clause(FILE *f, const struct runs *s, const char *clause, bool text)
{
	html(f, "<tr><th scope=\"row\"><span class=\"name\">$</span>", clause);
	if (text)
		html(f, "<br><span class=\"muted\">$</span>", statement(s, clause));
	fputs("</th>", f);
	for (size_t k = 0; k < s->n; k++) {
		struct cell cell = runs_cell(&s->v[k], clause);
		char *words = cell_text(&cell);

		html(f, "<td class=\"$\">$$</td>", cell_word(&cell),
		     !strcmp(cell_word(&cell), "XFAIL") ? "known " : "", words);
		free(words);
	}
	fputs("</tr>\n", f);
}

/* The clauses that are not the same in all runs, or all of them. */
static void write_clauses(FILE *f, const struct runs *s, const struct strv *clauses, bool all)
{
	size_t nr = 0;

	for (size_t i = 0; i < clauses->n; i++) {
		if (!all && same_cells(s, clauses->v[i]))
			continue;
		if (!nr++) {
			html_table_begin(f, all ? "All clauses" : "Clauses that differ",
					 all ? "grid" : "wide");
			columns(f, s, "Clause");
		}
		write_clause(f, s, clauses->v[i], !all);
	}
	if (!nr) {
		fputs("<p>None.</p>\n", f);
		return;
	}
	fputs("</tbody>\n", f);
	html_table_end(f);
}

static void write_cases(FILE *f, const struct runs *s)
{
	struct strv names = runs_all(s, "name");
	size_t nr = 0;

	for (size_t i = 0; i < names.n; i++) {
		if (!runs_differ(s, names.v[i]))
			continue;
		if (!nr++) {
			html_table_begin(f, "Cases that hold in one run and not in another",
					 "wide");
			columns(f, s, "Case");
		}
		html(f, "<tr><th scope=\"row\" class=\"name\">$</th>", names.v[i]);
		for (size_t k = 0; k < s->n; k++) {
			const json_t *c = json_object_get(s->v[k].by_name, names.v[i]);

			fputs("<td>", f);
			if (c)
				html_verdict(f, jstr(c, "verdict"));
			if (c && !page_is(c, "PASS"))
				html(f, " $", jstr(c, "reason"));
			fputs("</td>", f);
		}
		fputs("</tr>\n", f);
	}
	if (nr) {
		fputs("</tbody>\n", f);
		html_table_end(f);
	} else {
		fputs("<p>None.</p>\n", f);
	}
	strv_free(&names);
}

char *page_report(const struct runs *s)
{
	struct strv clauses = runs_all(s, "clause");
	char *text = NULL, *title;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	title = xprintf("%zu %s of kvm-gmem-tests side by side", s->n, s->n == 1 ? "run" : "runs");
	html_begin(f, title);
	html(f, "<header><h1>$</h1></header>\n<nav aria-label=\"Sections\"><ul>\n", title);
	fputs("<li><a href=\"#runs\">Runs</a></li>\n<li><a href=\"#cases\">Cases</a></li>\n"
	      "<li><a href=\"#differ\">Clauses that differ</a></li>\n<li><a href=\"#clauses\">All clauses</a></li>\n"
	      "</ul></nav>\n<main id=\"main\">\n<h2 id=\"runs\">Runs</h2>\n",
	      f);
	write_runs(f, s);
	fputs("<h2 id=\"cases\">Cases that hold in one run and not in another</h2>\n", f);
	write_cases(f, s);
	fputs("<h2 id=\"differ\">Clauses that differ</h2>\n", f);
	write_clauses(f, s, &clauses, false);
	fputs("<h2 id=\"clauses\">All clauses</h2>\n", f);
	write_clauses(f, s, &clauses, true);
	fputs("</main>\n", f);
	html_end(f);
	fclose(f);
	free(title);
	strv_free(&clauses);
	return text;
}

int page_report_write(const struct strv *paths, const char *file)
{
	struct runs s;
	int err = runs_load(&s, "--report", paths);
	char *text;

	if (err)
		return err;
	text = page_report(&s);
	err = file_replace(AT_FDCWD, file, text, false);
	if (err)
		complain("cannot write %s: %s; --output FILE names another file", file,
			 strerror(-err));
	free(text);
	runs_free(&s);
	return err ? EXIT_USAGE : 0;
}
