// SPDX-License-Identifier: GPL-2.0-only
/*
 * The live view on a terminal: what runs now, what failed, and a summary at the end.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sink.h"

#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define BOLD "\033[1m"
#define OFF "\033[0m"

#define NOT_RUN "not run: " /* the reason of a case that did not run begins with this */
#define MANY 5

void view_init(struct view *v, const struct state *st, bool verbose)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool dumb = !term || !*term || !strcmp(term, "dumb");

	memset(v, 0, sizeof(*v));
	v->st = st;
	v->live = !dumb;
	v->colour = !dumb && !(no_color && *no_color);
	v->verbose = verbose;
}

static const char *paint(const struct view *v, const char *colour)
{
	return v->colour ? colour : "";
}

static void wipe(struct view *v)
{
	if (v->line_shown)
		fputs("\r\033[K", stdout);
	v->line_shown = false;
}

static void put_line(void *arg, const char *line)
{
	printf("%s%s\n", (const char *)arg, line);
}

void view_header(struct view *v)
{
	char *remarks = state_remarks(v->st);
	const json_t *s = v->st->start;

	printf("kvm-gmem-tests %s: %zu cases, kernel %s, %s, profile %s, time limits x%g\n",
	       jstr(s, "version"), v->st->n, jstr(s, "kernel"), jstr(s, "arch"), jstr(s, "profile"),
	       state_time_scale(v->st));
	printf("seed %s\n", jstr(s, "seed"));
	if (v->st->dir)
		printf("results %s\n", v->st->dir);
	fputs(remarks, stdout);
	free(remarks);
	fflush(stdout);
}

/* Prints the held skips as one line, unless cases skipped for the same reason before. */
static void print_held_skips(struct view *v)
{
	const struct skip *skip = v->held;
	unsigned int nr = v->nr_held;

	v->held = NULL;
	v->nr_held = 0;
	if (!skip || nr < skip->nr)
		return;
	wipe(v);
	printf("%sSKIP%s  ", paint(v, YELLOW), paint(v, OFF));
	if (nr > 1)
		printf("%u cases: %s", nr, skip->reason);
	else
		printf("%s: %s", skip->first->name, skip->reason);
	if (*skip->remedy)
		printf(" (%s)", skip->remedy);
	putchar('\n');
}

static void hold_skip(struct view *v, const struct record *rec)
{
	if (v->held != rec->skip)
		print_held_skips(v);
	v->held = rec->skip;
	v->nr_held++;
	v->held_since = now();
	if (v->verbose) {
		wipe(v);
		printf("%sSKIP%s  %s\n", paint(v, YELLOW), paint(v, OFF), rec->name);
	}
}

void view_case(struct view *v, const struct record *rec)
{
	const char *verdict = record_verdict(rec);
	char *block;

	/* The summary names or counts these. */
	if (!strncmp(record_reason(rec), NOT_RUN, strlen(NOT_RUN)))
		return;
	if (rec->skip) {
		hold_skip(v, rec);
		return;
	}
	print_held_skips(v);
	wipe(v);
	if (rec->known) {
		printf("%s%-5s%s %s: %s\n", paint(v, YELLOW), verdict, paint(v, OFF), rec->name,
		       rec->known->text);
	} else if (!strcmp(verdict, gm_verdict_word(GM_PASS))) {
		if (v->verbose)
			printf("%sPASS%s  %s (%.1f s)\n", paint(v, GREEN), paint(v, OFF), rec->name,
			       rec->time);
	} else {
		printf("%s%-5s%s %s%s%s\n", paint(v, RED), verdict, paint(v, OFF), paint(v, BOLD),
		       rec->name, paint(v, OFF));
		block = state_block(v->st, rec);
		each_line(block, put_line, "      ");
		free(block);
	}
	v->last = 0;
	view_tick(v);
}

void view_tick(struct view *v)
{
	const struct state *st = v->st;
	struct winsize ws = { .ws_col = 80 };
	const struct record *longest = NULL;
	struct totals t = st->totals;
	unsigned int running = 0;
	char *line, *what, *more;
	size_t done = 0;

	if (v->held && now() > v->held_since + 0.2)
		print_held_skips(v);
	if (!v->live || !st->start || now() < v->last + 0.2)
		return;
	v->last = now();
	for (size_t i = 0; i < st->n; i++) {
		const struct record *rec = &st->v[i];

		done += rec->end && !rec->running;
		running += rec->running;
		if (rec->running && (!longest || rec->since < longest->since))
			longest = rec;
	}
	what = longest ? xprintf("  %s %.0fs", longest->name, now() - longest->since) : xstrdup("");
	more = running > 1 ? xprintf(" +%u", running - 1) : xstrdup("");
	line = xprintf("[%zu/%zu] fail %u error %u skip %u%s%s", done, st->n, t.fail, t.error,
		       t.skip, what, more);
	/* Cut the line to the terminal's width: a wrapped line could not be erased. */
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col > 1 && strlen(line) >= ws.ws_col)
		line[ws.ws_col - 1] = '\0';
	wipe(v);
	fputs(line, stdout);
	fflush(stdout);
	v->line_shown = true;
	free(line);
	free(what);
	free(more);
}

/* How many cases have this reason, if it is a reason for not having run; else 0. */
static unsigned int not_run(const struct state *st, const char *reason)
{
	unsigned int same = 0;

	if (strncmp(reason, NOT_RUN, strlen(NOT_RUN)))
		return 0;
	for (size_t i = 0; i < st->n; i++)
		same += !strcmp(record_reason(&st->v[i]), reason);
	return same;
}

static void list_known(struct view *v, const char *verdict, unsigned int nr)
{
	if (!nr)
		return;
	printf("\n%s%s%s (%u)\n", paint(v, YELLOW), verdict, paint(v, OFF), nr);
	for (size_t i = 0; i < v->st->n; i++) {
		const struct record *rec = &v->st->v[i];

		if (!strcmp(record_verdict(rec), verdict))
			printf("  %s: %s (%s)\n", rec->name, rec->known->text, rec->known->link);
	}
}

static void list_bad(struct view *v, const char *verdict, unsigned int nr)
{
	const char *printed = "";

	if (!nr)
		return;
	printf("\n%s%s%s (%u)\n", paint(v, RED), verdict, paint(v, OFF), nr);
	for (size_t i = 0; i < v->st->n; i++) {
		const struct record *rec = &v->st->v[i];
		unsigned int same = not_run(v->st, record_reason(rec));

		if (strcmp(record_verdict(rec), verdict))
			continue;
		/*
		 * The cases that an interrupt or a lost machine prevented are one line, not
		 * hundreds.
		 */
		if (same > MANY) {
			if (strcmp(printed, record_reason(rec)))
				printf("  %u cases %.*s\n", same,
				       (int)strcspn(record_reason(rec), "\n"), record_reason(rec));
			printed = record_reason(rec);
			continue;
		}
		printf("  %s%s", rec->name, record_flaky(rec) ? " (flaky)" : "");
		if (*record_reason(rec))
			printf(": %.*s", (int)strcspn(record_reason(rec), "\n"),
			       record_reason(rec));
		putchar('\n');
	}
}

/* Each reason once, with the number of cases that skipped for it and the remedy. */
static void list_skips(struct view *v, unsigned int nr)
{
	if (!nr)
		return;
	printf("\n%sSKIP%s (%u)\n", paint(v, YELLOW), paint(v, OFF), nr);
	for (size_t i = 0; i < v->st->nr_skips; i++) {
		const struct skip *skip = &v->st->skips[i];

		printf("  %4u  %s\n", skip->nr, skip->reason);
		each_line(skip->remedy, put_line, "        remedy: ");
	}
}

void view_summary(struct view *v)
{
	const struct state *st = v->st;
	struct totals t = state_totals_now(st);
	bool bad = state_exit_code(st) && state_exit_code(st) != EXIT_SKIPPED;
	char *deaths = state_deaths(st), *warnings = state_known_warnings(st);
	char *changes = state_changes(st);
	const json_t *finding;
	size_t i;

	print_held_skips(v);
	wipe(v);
	list_skips(v, t.skip);
	list_known(v, WORD_XPASS, t.xpass);
	list_known(v, WORD_XFAIL, t.xfail);
	list_bad(v, gm_verdict_word(GM_ERRORED), t.error);
	list_bad(v, gm_verdict_word(GM_FAILED), t.fail);
	json_array_foreach(st->findings, i, finding) {
		printf("\n%s%s%s\n", paint(v, RED), jstr(finding, "clause"), paint(v, OFF));
		each_line(jstr(finding, "text"), put_line, "  ");
	}
	if (*deaths)
		printf("\n%s", deaths);
	free(deaths);
	if (*warnings)
		printf("\n%s%s%s", paint(v, YELLOW), warnings, paint(v, OFF));
	free(warnings);
	if (*changes)
		printf("\n%s", changes);
	free(changes);
	if (st->lost) {
		printf("\n%sthe machine was lost%s: %s\n", paint(v, RED), paint(v, OFF), st->lost);
		each_line(st->console ?: "", put_line, "  ");
	}
	if (st->interrupted && *st->interrupted)
		printf("\ninterrupted by %s\n", st->interrupted);
	if (t.xfail || t.xpass)
		printf("\n%u failed as known, %u passed against it", t.xfail, t.xpass);
	printf("\n%s%u passed, %u failed, %u erred, %u skipped%s in %.0f s, seed %s\n",
	       paint(v, bad	 ? RED
			: t.pass ? GREEN
				 : YELLOW),
	       t.pass, t.fail, t.error, t.skip, paint(v, OFF), st->t, jstr(st->start, "seed"));
	if (st->dir)
		printf("results %s\n", st->dir);
	fflush(stdout);
}
