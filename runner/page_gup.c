// SPDX-License-Identifier: GPL-2.0-only
/*
 * The GUP matrix: for each probe and each state of a page, the result of the first request.
 *
 * A case gup.PROBE.STATE notes "cell: " and that result: the errno or signal, "reached", "nothing" moved,
 * "ok" if nothing could be moved.
 */
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "known.h"
#include "page.h"

/* The order of the columns; other states come after these. */
static const char *const first_states[] = {
	"private", "converted.inplace",	   "none",    "none_attr", "attr",
	"shared",  "shared_again.inplace", "ordinary"
};

/* Of a case, "" if it notes nothing. */
static const char *said(const json_t *c)
{
	static const char cell[] = "cell: ";
	const json_t *note;
	size_t i;

	json_array_foreach(json_object_get(c, "notes"), i, note)
		if (!strncmp(json_string_value(note) ?: "", cell, strlen(cell)))
			return json_string_value(note) + strlen(cell);
	return "";
}

/* Many probes on one kind of ordinary memory: a row each, not a column. To be freed. */
static void split(const char *name, char **probe, char **state)
{
	const char *a = name + strlen("gup."), *b = strchr(a, '.');

	if (!strncmp(a, "ordinary.", 9)) {
		*probe = xprintf("ordinary: %s", b + 1);
		*state = xstrdup("ordinary");
	} else {
		*probe = xprintf("%.*s", (int)(b - a), a);
		*state = xstrdup(b + 1);
	}
}

static bool has_state(const json_t *table, const char *state)
{
	const char *probe;
	json_t *row;

	json_object_foreach((json_t *)table, probe,
			    row) if (json_object_get(row, state)) return true;
	return false;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The columns, to be freed. */
static struct strv states_of(const json_t *table)
{
	json_t *rest = json_object(), *row, *c;
	const char *probe, *state;
	struct strv states = { 0 };
	size_t known;

	for (size_t i = 0; i < ARRAY_SIZE(first_states); i++)
		if (has_state(table, first_states[i]))
			strv_add(&states, first_states[i]);
	known = states.n;
	json_object_foreach((json_t *)table, probe, row) json_object_foreach(row, state, c)
		json_object_set_new(rest, state, json_true());
	for (size_t i = 0; i < known; i++)
		json_object_del(rest, states.v[i]);
	json_object_foreach(rest, state, c) strv_add(&states, state);
	if (states.n > known)
		qsort(states.v + known, states.n - known, sizeof(*states.v), by_text);
	json_decref(rest);
	return states;
}

/* The class of a cell is its meaning; its text says it, too. */
static void write_cell(FILE *f, const json_t *c)
{
	const char *text = said(c);

	if (!c)
		fputs("<td></td>", f);
	else if (page_is(c, "PASS") || page_is(c, WORD_XPASS))
		html(f, "<td class=\"$\">$</td>",
		     !*text || !strcmp(text, "reached") || !strcmp(text, "ok") ? "reached"
									       : "refused",
		     *text ? text : "ok");
	else if (page_is(c, "SKIP"))
		fputs("<td class=\"SKIP\">-</td>", f);
	else
		html(f, "<td class=\"$\">$ $</td>", jstr(c, "verdict"), jstr(c, "verdict"),
		     page_is(c, "ERROR") ? "" : text);
}

static void write_table(FILE *f, const json_t *table)
{
	struct strv states = states_of(table);
	const char *probe;
	json_t *row;

	html_table_begin(f, "GUP matrix", "grid");
	fputs("<thead><tr><th scope=\"col\">Probe</th>", f);
	for (size_t i = 0; i < states.n; i++)
		html(f, "<th scope=\"col\">$</th>", states.v[i]);
	fputs("</tr></thead>\n<tbody>\n", f);
	json_object_foreach((json_t *)table, probe, row)
	{
		html(f, "<tr><th scope=\"row\" class=\"name\">$</th>", probe);
		for (size_t i = 0; i < states.n; i++)
			write_cell(f, json_object_get(row, states.v[i]));
		fputs("</tr>\n", f);
	}
	fputs("</tbody>\n", f);
	html_table_end(f);
	strv_free(&states);
}

void page_gup(FILE *f, const json_t *run)
{
	json_t *table = json_object(), *row, *c;
	size_t i;

	json_array_foreach(json_object_get(run, "cases"), i, c) {
		const char *name = jstr(c, "name");
		char *probe, *state;

		if (strncmp(name, "gup.", 4) || !strchr(name + 4, '.'))
			continue;
		split(name, &probe, &state);
		row = json_object_get(table, probe);
		if (!row) {
			row = json_object();
			json_object_set_new(table, probe, row);
		}
		json_object_set(row, state, c);
		free(probe);
		free(state);
	}
	if (json_object_size(table)) {
		fputs("<p>Each row is a way to a page, each column a state of the page. A cell has the errno or "
		      "signal of the first request: <span class=\"verdict refused\">refused</span> as promised, "
		      "<span class=\"verdict reached\">reached</span> as it may be, "
		      "<span class=\"verdict FAIL\">FAIL</span> the promise is broken, "
		      "<span class=\"verdict SKIP\">-</span> no such path here, empty: no such question, or not "
		      "in this run.</p>\n",
		      f);
		write_table(f, table);
	} else {
		fputs("<p>No case of the area gup was selected.</p>\n", f);
	}
	json_decref(table);
}
