// SPDX-License-Identifier: GPL-2.0-only
/*
 * TAP version 13 that TAP and KTAP readers read alike.
 *
 * An ERROR is "not ok N name # ERROR reason": the kernel's KTAP document (dev-tools/ktap.rst) has
 * that directive, and readers that do not know it see "not ok". An XFAIL is "not ok N name # TODO
 * text", which is no failure for a TAP reader; KTAP readers that ignore TODO count a failure. Only a skip's directive has the
 * word SKIP, since some readers take any line with that word for a skip.
 */
#include <stdlib.h>
#include <string.h>

#include "picture.h"
#include "sink.h"

struct out {
	FILE *f;
	const char *prefix;
};

/*
 * The kernel's own parser (tools/testing/kunit) stops reading at these texts, wherever in a line
 * they are, and a quoted console may have them. A second blank inside keeps the parser reading.
 */
static char *break_stops(const char *text)
{
	static const char *const stops[] = {
		"List of all partitions:",
		"Kernel panic - not syncing: VFS:",
		"reboot: System halted",
	};
	char *line = xstrdup(text), *at;

	for (size_t i = 0; i < ARRAY_SIZE(stops); i++) {
		while ((at = strstr(line, stops[i]))) {
			int upto = at - line + strcspn(stops[i], " ");
			char *wider = xprintf("%.*s %s", upto, line, line + upto);

			free(line);
			line = wider;
		}
	}
	return line;
}

static void put_line(void *arg, const char *line)
{
	struct out *o = arg;
	char *text = break_stops(line);

	fprintf(o->f, "%s%s\n", o->prefix, text);
	free(text);
}

static void put(FILE *f, const char *prefix, const char *text)
{
	struct out o = { f, prefix };

	each_line(text, put_line, &o);
}

/*
 * Prints a text as the rest of a result line: in one line, and without '#', which starts a
 * directive.
 */
static void put_directive(FILE *f, const char *text)
{
	char *line = break_stops(text);

	for (char *s = line; *s; s++)
		fputc(*s == '\n' || *s == '\t' ? ' ' : *s == '#' ? '=' : *s, f);
	fputc('\n', f);
	free(line);
}

void tap_header(FILE *f, const struct state *st)
{
	char *remarks = state_remarks(st);
	const json_t *s = st->start;

	fprintf(f, "TAP version 13\n1..%zu\n", st->n);
	fprintf(f, "# seed %s\n", jstr(s, "seed"));
	fprintf(f, "# kvm-gmem-tests %s, kernel %s, %s, profile %s, time limits x%g\n",
		jstr(s, "version"), jstr(s, "kernel"), jstr(s, "arch"), jstr(s, "profile"),
		state_time_scale(st));
	put(f, "# ", remarks);
	free(remarks);
}

static void put_passing_notes(FILE *f, const struct record *rec)
{
	const json_t *note;
	size_t i;

	json_array_foreach(json_object_get(rec->end, "notes"), i, note)
		if (!picture_has(json_string_value(note)))
			put(f, "#   ", json_string_value(note));
}

static void put_known(FILE *f, const struct known_row *row)
{
	fprintf(f, "#   known: %s (%s, %s, until %s; %s:%d)\n", row->text, row->link, row->owner,
		row->expires, row->file, row->nr);
}

void tap_case(FILE *f, const struct state *st, const struct record *rec, size_t nr, bool verbose)
{
	const char *verdict = record_verdict(rec);
	char *block;

	if (!strcmp(verdict, gm_verdict_word(GM_SKIPPED))) {
		/* No reason on this line: some readers take it for a part of the name. */
		fprintf(f, "ok %zu %s # SKIP\n", nr, rec->name);
		put(f, "#   reason: ", record_reason(rec));
		if (!rec->skip || rec->skip->first == rec)
			put(f, "#   remedy: ", jstr(rec->end, "remedy"));
		return;
	}
	if (!strcmp(verdict, gm_verdict_word(GM_PASS))) {
		fprintf(f, "ok %zu %s # time=%.0fms\n", nr, rec->name, rec->time * 1000);
		if (verbose)
			put_passing_notes(f, rec);
		return;
	}
	if (!strcmp(verdict, WORD_XPASS)) {
		fprintf(f, "ok %zu %s # TODO passes, time=%.0fms\n", nr, rec->name,
			rec->time * 1000);
		put_known(f, rec->known);
		return;
	}
	if (!strcmp(verdict, WORD_XFAIL)) {
		fprintf(f, "not ok %zu %s # TODO ", nr, rec->name);
		put_directive(f, rec->known->text);
		put_known(f, rec->known);
	} else if (!strcmp(verdict, gm_verdict_word(GM_FAILED))) {
		fprintf(f, "not ok %zu %s # time=%.0fms\n", nr, rec->name, rec->time * 1000);
	} else {
		fprintf(f, "not ok %zu %s # ERROR ", nr, rec->name);
		put_directive(f, record_reason(rec));
	}
	block = state_block(st, rec);
	put(f, "#   ", block);
	free(block);
}

/* Each reason once, with the number of cases that skipped for it. */
static void put_skips(FILE *f, const struct state *st)
{
	for (size_t i = 0; i < st->nr_skips; i++) {
		const struct skip *skip = &st->skips[i];
		char *text =
			xprintf("%u skipped: %s%s%s%s", skip->nr, skip->reason,
				*skip->remedy ? " (" : "", skip->remedy, *skip->remedy ? ")" : "");

		fputs("# ", f);
		put_directive(f, text);
		free(text);
	}
}

void tap_totals(FILE *f, const struct state *st)
{
	struct totals t = state_totals_now(st);
	char *deaths = state_deaths(st), *warnings = state_known_warnings(st);
	char *changes = state_changes(st);
	const json_t *finding;
	size_t i;

	put_skips(f, st);
	put(f, "# ", deaths);
	free(deaths);
	put(f, "# warning: ", warnings);
	free(warnings);
	put(f, "# ", changes);
	free(changes);
	if (st->interrupted && *st->interrupted)
		fprintf(f, "# interrupted by %s\n", st->interrupted);
	json_array_foreach(st->findings, i, finding) {
		fprintf(f, "# %s\n", jstr(finding, "clause"));
		put(f, "#   ", jstr(finding, "text"));
	}
	if (st->lost) {
		put(f, "# the machine was lost: ", st->lost);
		put(f, "#   console: ", st->console);
	}
	if (json_array_size(st->findings))
		fputs("Bail out! the run has leaks that no single case can be blamed for\n", f);
	else if (st->lost)
		fputs("Bail out! the machine was lost\n", f);
	fprintf(f, "# Totals: pass:%u fail:%u xfail:%u xpass:%u skip:%u error:%u\n", t.pass, t.fail,
		t.xfail, t.xpass, t.skip, t.error);
}

void tap_document(FILE *f, const struct state *st, bool verbose)
{
	size_t nr = 1;

	tap_header(f, st);
	for (size_t i = 0; i < st->nr_order; i++)
		tap_case(f, st, st->order[i], nr++, verbose);
	for (size_t i = 0; i < st->n; i++)
		if (!st->v[i].settled)
			tap_case(f, st, &st->v[i], nr++, verbose);
	tap_totals(f, st);
}
