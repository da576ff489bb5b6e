// SPDX-License-Identifier: GPL-2.0-only
/*
 * For people at a terminal: what runs now, what went wrong, and at the end what it came to.
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

/* How the reason of a case begins that never had its turn. */
#define NO_TURN "not run: "
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

	printf("kvm-gmem-tests %s: %zu cases, kernel %s, %s, profile %s\n", jstr(s, "version"),
	       v->st->n, jstr(s, "kernel"), jstr(s, "arch"), jstr(s, "profile"));
	printf("seed %s\n", jstr(s, "seed"));
	if (v->st->dir)
		printf("results %s\n", v->st->dir);
	fputs(remarks, stdout);
	free(remarks);
	fflush(stdout);
}

void view_case(struct view *v, const struct record *rec)
{
	const char *verdict = record_verdict(rec);
	char *block;

	/* The summary names them, or counts them. */
	if (!strncmp(record_reason(rec), NO_TURN, strlen(NO_TURN)))
		return;
	wipe(v);
	if (!strcmp(verdict, "PASS")) {
		if (v->verbose)
			printf("%sPASS%s  %s (%.1f s)\n", paint(v, GREEN), paint(v, OFF), rec->name,
			       rec->time);
	} else if (!strcmp(verdict, "SKIP")) {
		printf("%sSKIP%s  %s: %s\n", paint(v, YELLOW), paint(v, OFF), rec->name,
		       record_reason(rec));
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
	/* One line stays one line: a wrapped one could not be taken back. */
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

/* How many were not run for this very reason, if it is one of those. */
static unsigned int not_run(const struct state *st, const char *reason)
{
	unsigned int same = 0;

	if (strncmp(reason, NO_TURN, strlen(NO_TURN)))
		return 0;
	for (size_t i = 0; i < st->n; i++)
		same += !strcmp(record_reason(&st->v[i]), reason);
	return same;
}

static void list_bad(struct view *v, const char *verdict, unsigned int nr)
{
	const char *told = "";

	if (!nr)
		return;
	printf("\n%s%s%s (%u)\n", paint(v, RED), verdict, paint(v, OFF), nr);
	for (size_t i = 0; i < v->st->n; i++) {
		const struct record *rec = &v->st->v[i];
		unsigned int same = not_run(v->st, record_reason(rec));

		if (strcmp(record_verdict(rec), verdict))
			continue;
		/* All that an interrupt or a lost machine took is one line, not hundreds. */
		if (same > MANY) {
			if (strcmp(told, record_reason(rec)))
				printf("  %u cases %.*s\n", same,
				       (int)strcspn(record_reason(rec), "\n"), record_reason(rec));
			told = record_reason(rec);
			continue;
		}
		printf("  %s", rec->name);
		if (*record_reason(rec))
			printf(": %.*s", (int)strcspn(record_reason(rec), "\n"),
			       record_reason(rec));
		putchar('\n');
	}
}

static bool same_skip(const struct record *a, const struct record *b)
{
	return !strcmp(record_verdict(b), "SKIP") && !strcmp(record_reason(a), record_reason(b)) &&
	       !strcmp(jstr(a->end, "remedy"), jstr(b->end, "remedy"));
}

/* Each reason once, with how many it held up and what would help. */
static void list_skips(struct view *v, unsigned int nr)
{
	if (!nr)
		return;
	printf("\n%sSKIP%s (%u)\n", paint(v, YELLOW), paint(v, OFF), nr);
	for (size_t i = 0; i < v->st->n; i++) {
		const struct record *rec = &v->st->v[i];
		unsigned int same = 0;
		bool told = false;

		if (strcmp(record_verdict(rec), "SKIP"))
			continue;
		for (size_t j = 0; j < v->st->n; j++) {
			if (!same_skip(rec, &v->st->v[j]))
				continue;
			told = told || j < i;
			same++;
		}
		if (told)
			continue;
		printf("  %4u  %s\n", same, record_reason(rec));
		each_line(jstr(rec->end, "remedy"), put_line, "        remedy: ");
	}
}

void view_summary(struct view *v)
{
	const struct state *st = v->st;
	struct totals t = state_totals_now(st);
	bool bad = state_exit_code(st) && state_exit_code(st) != EXIT_SKIPPED;
	const json_t *finding;
	size_t i;

	wipe(v);
	list_skips(v, t.skip);
	list_bad(v, "ERROR", t.error);
	list_bad(v, "FAIL", t.fail);
	json_array_foreach(st->findings, i, finding) {
		printf("\n%s%s%s\n", paint(v, RED), jstr(finding, "clause"), paint(v, OFF));
		each_line(jstr(finding, "text"), put_line, "  ");
	}
	if (st->lost) {
		printf("\n%sthe machine was lost%s: %s\n", paint(v, RED), paint(v, OFF), st->lost);
		each_line(st->console ?: "", put_line, "  ");
	}
	if (st->interrupted && *st->interrupted)
		printf("\ninterrupted by %s\n", st->interrupted);
	printf("\n%s%u passed, %u failed, %u erred, %u skipped%s in %.0f s, seed %s\n",
	       paint(v, bad	 ? RED
			: t.pass ? GREEN
				 : YELLOW),
	       t.pass, t.fail, t.error, t.skip, paint(v, OFF), st->t, jstr(st->start, "seed"));
	if (st->dir)
		printf("results %s\n", st->dir);
	fflush(stdout);
}
