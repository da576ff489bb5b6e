// SPDX-License-Identifier: GPL-2.0-only
/*
 * What failed: the clause, what was expected and observed, and how to run it again. What is known to
 * fail.
 */
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "known.h"
#include "page.h"
#include "picture.h"

/* More than these make a page that nobody reads; results.json has them all. */
#define MAX_OPEN 10
#define MAX_CASES 200
#define MAX_MISSES 25
#define MAX_NOTES 60
#define MAX_TAIL_LINES 40

static void preformatted(FILE *f, const char *label, const char *text)
{
	html(f, "<h4>$</h4>\n", label);
	html(f, "<pre class=\"wrap\">$</pre>\n", text);
}

/* "WHERE: expected A, observed B" as a pair; any other text as it is. */
static void miss(FILE *f, const char *text)
{
	static const char expected[] = "expected ", observed[] = ", observed ";
	const char *a = strstr(text, expected), *b = a ? strstr(a, observed) : NULL, *from, *end;

	if (!b) {
		html(f, "<span>$</span>", text);
		return;
	}
	from = a + strlen(expected);
	for (end = a; end > text && strchr(": ", end[-1]);)
		end--;
	if (end > text) {
		char *where = xprintf("%.*s", (int)(end - text), text);

		html(f, "<span>$</span>", where);
		free(where);
	}
	{
		char *what = xprintf("%.*s", (int)(b - from), from);

		html(f,
		     "<dl class=\"pair\"><dt>expected</dt><dd>$</dd><dt>observed</dt><dd>$</dd></dl>",
		     what, b + strlen(observed));
		free(what);
	}
}

static void misses(FILE *f, const json_t *c)
{
	const json_t *list = json_object_get(c, "fails"), *item;
	size_t i;

	if (!json_array_size(list))
		return;
	fputs("<h4>Misses</h4>\n<ul class=\"misses\">\n", f);
	json_array_foreach(list, i, item) {
		if (i == MAX_MISSES) {
			fprintf(f, "<li>%zu more in the log</li>\n", json_array_size(list) - i);
			break;
		}
		html(f, "<li><code class=\"muted\">$</code> ", jstr(item, "at"));
		miss(f, jstr(item, "text"));
		fputs("</li>\n", f);
	}
	fputs("</ul>\n", f);
}

static void leaks(FILE *f, const json_t *c)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(c, "leaks"), i, item) {
		char *label = xprintf("Left behind: %s", jstr(item, "clause"));

		preformatted(f, label, jstr(item, "text"));
		free(label);
	}
}

static void notes(FILE *f, const json_t *c)
{
	const json_t *list = json_object_get(c, "notes"), *note;
	size_t i, nr = 0;

	json_array_foreach(list, i, note)
		nr += !picture_has(json_string_value(note) ?: "");
	if (!nr)
		return;
	fprintf(f, "<details><summary>Notes (%zu)</summary>\n<pre class=\"wrap\">", nr);
	nr = 0;
	json_array_foreach(list, i, note) {
		if (picture_has(json_string_value(note) ?: "") || nr++ >= MAX_NOTES)
			continue;
		html(f, "$\n", json_string_value(note) ?: "");
	}
	fputs("</pre></details>\n", f);
}

static void kernel_log(FILE *f, const json_t *c)
{
	const json_t *list = json_object_get(c, "klog"), *line;
	size_t i;

	if (!json_array_size(list))
		return;
	fputs("<details open><summary>Last lines of the kernel log</summary>\n<pre class=\"wrap\">",
	      f);
	json_array_foreach(list, i, line)
		html(f, "$\n", json_string_value(line) ?: "");
	fputs("</pre></details>\n", f);
}

static void tries(FILE *f, const json_t *c)
{
	long long runs = jint(c, "runs"), bad = jint(c, "failed_runs");

	if (json_is_true(json_object_get(c, "flaky")))
		fprintf(f, "<p><b>Flaky:</b> fails %lld of %lld tries.</p>\n", bad, runs);
	else if (runs > 1)
		fprintf(f, "<p>Fails %lld of %lld times.</p>\n", bad, runs);
}

/* The last lines of a text that may be long. */
static const char *last_lines(const char *text, int lines)
{
	const char *s = text + strlen(text);

	while (s > text)
		if (*--s == '\n' && s[1] && !lines--)
			return s + 1;
	return text;
}

static void failure(FILE *f, const json_t *c)
{
	fputs("<article id=\"case-", f);
	html_id(f, jstr(c, "name"));
	fputs("\">\n<h3>", f);
	html_verdict(f, jstr(c, "verdict"));
	html(f, " <span class=\"name\">$</span></h3>\n", jstr(c, "name"));
	html(f, "<p><span class=\"name\">$</span> <b>$</b><br>\n", jstr(c, "clause"),
	     jstr(c, "clause_text"));
	html(f, "Case: $</p>\n", jstr(c, "text"));
	if (*jstr(c, "reason"))
		html(f, "<pre class=\"wrap\">$</pre>\n", jstr(c, "reason"));
	tries(f, c);
	misses(f, c);
	leaks(f, c);
	if (*jstr(c, "remedy"))
		html(f, "<p>Remedy: $</p>\n", jstr(c, "remedy"));
	notes(f, c);
	page_map(f, c);
	kernel_log(f, c);
	if (*jstr(c, "tail"))
		preformatted(f, "Last output", last_lines(jstr(c, "tail"), MAX_TAIL_LINES));
	preformatted(f, "Again", jstr(c, "rerun"));
	html(f, "<p class=\"muted\">Seed $", jstr(c, "seed"));
	if (!json_is_false(json_object_get(c, "ran")))
		html(f, ", <a href=\"$\">log of $</a>", jstr(c, "log"), jstr(c, "name"));
	fputs("</p>\n</article>\n", f);
}

/* One that never ran has nothing to show but its name. */
static bool never_ran(const json_t *c)
{
	return json_is_false(json_object_get(c, "ran")) &&
	       !json_array_size(json_object_get(c, "fails"));
}

static void not_run(FILE *f, const json_t *cases)
{
	size_t i, nr = 0;
	const json_t *c;

	json_array_foreach(cases, i, c)
		nr += page_is_bad(c) && never_ran(c);
	if (!nr)
		return;
	fprintf(f, "<details><summary>Not run: %zu cases</summary>\n<ul>\n", nr);
	json_array_foreach(cases, i, c)
		if (page_is_bad(c) && never_ran(c))
			html(f, "<li><span class=\"name\">$</span>: $</li>\n", jstr(c, "name"),
			     jstr(c, "reason"));
	fputs("</ul></details>\n", f);
}

void page_failures(FILE *f, const json_t *run)
{
	const json_t *cases = json_object_get(run, "cases"), *c;
	size_t i, nr = 0;

	json_array_foreach(cases, i, c) {
		if (!page_is_bad(c) || never_ran(c))
			continue;
		if (nr == MAX_OPEN)
			fputs("<details><summary>More failures</summary>\n", f);
		if (nr++ < MAX_CASES)
			failure(f, c);
		else
			html(f, "<p><span class=\"name\">$</span>: $</p>\n", jstr(c, "name"),
			     jstr(c, "reason"));
	}
	if (nr > MAX_OPEN)
		fputs("</details>\n", f);
	if (!nr)
		fputs("<p>None.</p>\n", f);
	not_run(f, cases);
}

void page_known(FILE *f, const json_t *run)
{
	const json_t *c;
	size_t i, nr = 0;

	json_array_foreach(json_object_get(run, "cases"), i, c) {
		const json_t *known = json_object_get(c, "known");

		if (!page_is(c, WORD_XFAIL) && !page_is(c, WORD_XPASS))
			continue;
		if (!nr++) {
			html_table_begin(f, "Known failures", "wide");
			fputs("<thead><tr><th scope=\"col\">Verdict</th><th scope=\"col\">Case</th>"
			      "<th scope=\"col\">What is wrong</th><th scope=\"col\">Until</th>"
			      "<th scope=\"col\">Who, where</th></tr></thead>\n<tbody>\n",
			      f);
		}
		fputs("<tr><td>", f);
		html_verdict(f, jstr(c, "verdict"));
		html(f, "</td><th scope=\"row\" class=\"name\">$</th><td class=\"text\">$",
		     jstr(c, "name"), jstr(known, "text"));
		if (page_is(c, WORD_XPASS))
			fputs(" <b>It passes now: remove the row.</b>", f);
		html(f, "</td><td>$</td><td>$<br>$</td></tr>\n", jstr(known, "expires"),
		     jstr(known, "owner"), jstr(known, "link"));
	}
	if (nr) {
		fputs("</tbody>\n", f);
		html_table_end(f);
	} else {
		fputs("<p>None.</p>\n", f);
	}
}
