// SPDX-License-Identifier: GPL-2.0-only
/*
 * The text of a failure: the clause, what was observed, and the command that runs it again.
 */
#include <stdlib.h>
#include <string.h>

#include "picture.h"
#include "state.h"

/* Enough for two maps of three GiB side by side, and the notes before them. */
#define MAX_NOTES_SHOWN 48

struct out {
	FILE *f;
	const char *first, *more; /* before the first line, and before the others */
};

static void put_line(void *arg, const char *line)
{
	struct out *o = arg;

	fprintf(o->f, "%s%s\n", o->first, line);
	o->first = o->more;
}

static void put(FILE *f, const char *label, const char *text)
{
	struct out o = { f, label, "  " };

	each_line(text, put_line, &o);
}

static void put_pairs(FILE *f, const json_t *list, const char *label, const char *key)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		char *head = xprintf("%s%s: ", label, jstr(item, key));

		put(f, head, jstr(item, "text"));
		free(head);
	}
}

char *state_block(const struct state *st, const struct record *rec)
{
	const json_t *notes = json_object_get(rec->end, "notes"), *note;
	char *text = NULL, *again, *log;
	size_t size, i, shown = 0;
	FILE *f = open_memstream(&text, &size);

	fprintf(f, "clause %s%s%s\n", rec->clause, *jstr(rec->decl, "clause_text") ? ": " : "",
		jstr(rec->decl, "clause_text"));
	put(f, "case: ", jstr(rec->decl, "text"));
	put(f, "", record_reason(rec));
	put_pairs(f, json_object_get(rec->end, "fails"), "miss ", "at");
	put_pairs(f, json_object_get(rec->end, "leaks"), "left behind, ", "clause");
	json_array_foreach(notes, i, note) {
		/* logs/NAME.svg has these. */
		if (picture_has(json_string_value(note)))
			continue;
		if (shown++ < MAX_NOTES_SHOWN)
			put(f, "note: ", json_string_value(note));
	}
	if (shown > MAX_NOTES_SHOWN)
		fprintf(f, "note: %zu more in the log and in results.json\n",
			shown - MAX_NOTES_SHOWN);
	put(f, "remedy: ", jstr(rec->end, "remedy"));
	if (*jstr(rec->end, "tail"))
		put(f, "last output:\n  ", jstr(rec->end, "tail"));
	if (record_flaky(rec))
		fprintf(f, "flaky: fails %u of %u tries\n", rec->bad_runs, rec->runs);
	else if (rec->runs > 1 && rec->tries)
		fprintf(f, "fails each of %u tries\n", rec->runs);
	else if (rec->runs > 1)
		fprintf(f, "in %u of %u rounds\n", rec->bad_runs, rec->runs);
	if (st->dir) {
		log = record_log(rec);
		fprintf(f, "log: %s/%s\n", st->dir, log);
		if (json_array_size(notes) > shown)
			fprintf(f, "map: %s/logs/%s.svg\n", st->dir, rec->name);
		free(log);
	}
	fprintf(f, "seed: %s\n", record_seed(st, rec));
	again = state_rerun(st, rec);
	fprintf(f, "again: %s\n", again);
	free(again);
	fclose(f);
	return text;
}
