// SPDX-License-Identifier: GPL-2.0-only
/*
 * Turns events into output. Nothing else writes to stdout or to the results.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "before.h"
#include "render.h"

#define BEAT_SECONDS 30.0

void render_init(struct render *r, const struct options *opt, const char *rerun_format)
{
	memset(r, 0, sizeof(*r));
	r->opt = opt;
	r->tty = isatty(STDOUT_FILENO);
	r->last_beat = now();
	state_init(&r->st, rerun_format);
	r->st.known = opt->known.n ? opt->known_rows : NULL;
	r->st.strict_known = opt->strict_known;
	r->st.baseline = opt->baseline_results;
	r->st.no_shrink = opt->no_shrink;
	r->st.lab = opt->lab;
	view_init(&r->view, &r->st, opt->verbose);
}

void render_free(struct render *r)
{
	results_close(&r->res);
	state_free(&r->st);
}

/* Notices a closed pipe or a write error after each piece of output. */
static void check_stdout(struct render *r)
{
	if (!fflush(stdout) && !ferror(stdout))
		return;
	if (r->listener_gone || r->err)
		return;
	if (errno == EPIPE) {
		r->listener_gone = true;
		r->err = 128 + SIGPIPE;
	} else {
		complain("cannot write to standard output: %s", strerror(errno));
		r->err = EXIT_USAGE;
	}
	clearerr(stdout);
}

static void begin(struct render *r)
{
	if (results_create(&r->res, r->opt->results, &r->st)) {
		r->err = EXIT_USAGE;
		return;
	}
	r->res.verbose = r->opt->verbose;
	r->st.dir = r->res.dir;
	if (r->tty)
		view_header(&r->view);
	else
		tap_header(stdout, &r->st);
	check_stdout(r);
	results_write(&r->res, &r->st, false);
}

static void settled(struct render *r, const struct record *rec)
{
	if (r->replaying || r->listener_gone)
		return;
	if (r->tty)
		view_case(&r->view, rec);
	else
		tap_case(stdout, &r->st, rec, r->st.nr_order, r->opt->verbose);
	check_stdout(r);
}

void render_event(void *arg, json_t *ev)
{
	struct render *r = arg;
	struct change ch = state_apply(&r->st, ev);

	if (!r->replaying && r->st.start) {
		if (ch.began)
			begin(r);
		results_event(&r->res, &r->st, ev);
	}
	if (ch.settled)
		settled(r, ch.rec);
	json_decref(ev);
	if (!r->replaying)
		render_tick(r);
}

static void beat(struct render *r)
{
	const char *sep = " running: ";
	size_t done = 0;

	if (now() < r->last_beat + BEAT_SECONDS)
		return;
	r->last_beat = now();
	for (size_t i = 0; i < r->st.n; i++)
		done += r->st.v[i].end && !r->st.v[i].running;
	printf("# heartbeat %zu/%zu", done, r->st.n);
	for (size_t i = 0; i < r->st.n; i++) {
		const struct record *rec = &r->st.v[i];

		if (!rec->running)
			continue;
		printf("%s%s (%.0f s)", sep, rec->name, now() - rec->since);
		sep = ", ";
	}
	putchar('\n');
	check_stdout(r);
}

void render_tick(void *arg)
{
	struct render *r = arg;

	if (!r->st.start || r->listener_gone)
		return;
	if (r->tty)
		view_tick(&r->view);
	else
		beat(r);
	results_write(&r->res, &r->st, false);
}

bool render_broken(void *arg)
{
	struct render *r = arg;

	return r->listener_gone || r->err;
}

int render_resume(struct render *r, const char *dir)
{
	r->replaying = true;
	if (results_replay(dir, render_event, r))
		return EXIT_USAGE;
	r->replaying = false;
	if (!r->st.start) {
		complain("%s/events.jsonl: holds no run", dir);
		return EXIT_USAGE;
	}
	/* Cases that ran when the stream broke got a verdict then, or run again. */
	for (size_t i = 0; i < r->st.n; i++)
		r->st.v[i].running = false;
	if (results_reopen(&r->res, dir))
		return EXIT_USAGE;
	r->st.dir = r->res.dir;
	return 0;
}

/* A run that is finished again may have another one before it. */
static void compare_with_before(struct render *r)
{
	json_t *run = json_results(&r->st);

	json_decref(r->st.before);
	r->st.before = before_compare(r->st.dir, run);
	json_decref(run);
}

int render_finish(struct render *r, const char *reason)
{
	struct record *rec;
	int code;

	/* Nothing ran: there was no stream, or no place for results. */
	if (!r->st.start || !r->st.dir)
		return r->err ?: EXIT_USAGE;
	for (size_t i = 0; i < r->st.n; i++)
		if (!r->st.v[i].end)
			render_event(r, state_verdict_for(&r->st, &r->st.v[i], reason, NULL));
	while ((rec = state_settle_next(&r->st)))
		settled(r, rec);

	r->st.over = true;
	state_compare(&r->st);
	compare_with_before(r);
	if (r->tty)
		view_summary(&r->view);
	else
		tap_totals(stdout, &r->st);
	check_stdout(r);
	results_write(&r->res, &r->st, true);
	code = state_exit_code(&r->st);
	if (r->err)
		return r->err;
	return r->res.err || r->res.page_err ? EXIT_USAGE : code;
}
