// SPDX-License-Identifier: GPL-2.0-only
/* gm-stress run: the loop over seeds, its live line, its sums. Also replay and shrink. */
#include <signal.h>
#include <sys/utsname.h>

#include "clock.h"
#include "report.h"
#include "soak.h"
#include "verdict.h"

static volatile sig_atomic_t stop;

static void stopped(int sig)
{
	/* Lets the current program finish; a second signal kills at once. */
	stop = 1;
	signal(sig, SIG_DFL);
}

void st_soak_name(struct st_prog *p)
{
	struct utsname u;

	snprintf(p->head.suite, sizeof(p->head.suite), "%s", GM_VERSION);
	if (!uname(&u))
		snprintf(p->head.kernel, sizeof(p->head.kernel), "%.40s %.16s", u.release,
			 u.machine);
}

void st_sum_add(struct st_sum *s, const struct st_prog *p, const struct st_result *r)
{
	s->seeds++;
	s->ops += r->done;
	s->conversions += r->conversions;
	s->reads += r->reads;
	s->races += r->races;
	s->killed += r->killed;
	for (unsigned int i = 0; i < ST_OP_NR; i++) {
		s->runs[i] += r->runs[i];
		for (unsigned int c = 0; c < ST_CLASSES; c++)
			s->pair[c][i] |= r->pair[c][i];
	}
}

unsigned int st_sum_coverage(const struct st_sum *s, unsigned int *of)
{
	unsigned int codes = 0, n = 0;

	for (unsigned int i = 0; i < ST_OP_NR; i++) {
		codes += !!(st_ops[i]->flags & ST_PAGES);
		for (unsigned int c = 0; c < ST_CLASSES; c++)
			n += __builtin_popcountll(s->pair[c][i]);
	}
	*of = codes * codes * ST_CLASSES;
	return n;
}

static void print_sum(const struct st_sum *s, uint64_t seed, double seconds, const char *end)
{
	unsigned int of, seen = st_sum_coverage(s, &of);

	fprintf(stderr,
		"%lu programs, %.0f ops/s, %.0f conversions/s, %lu reads judged, coverage %u of %u, %lu failed, seed %lu%s",
		s->seeds, s->ops / seconds, s->conversions / seconds, s->reads, seen, of,
		s->failed + s->errors, seed, end);
	fflush(stderr);
}

/* Progress: on a terminal one line that is updated, elsewhere a line every 30 seconds. */
static void live(const struct st_sum *s, uint64_t seed, double start, double *last)
{
	bool tty = isatty(STDERR_FILENO);
	double t = gm_now();

	if (t - *last < (tty ? 0.5 : 30))
		return;
	*last = t;
	if (tty)
		fputs("\r\033[K", stderr);
	print_sum(s, seed, t - start, tty ? "" : "\n");
}

/* Reports a failed program, shrinks it, and reports it again. */
static void failure(const struct st_soak *o, const struct st_prog *p, enum st_end end,
		    struct st_result *r)
{
	struct st_shrunk s = { .from = p->nr };
	struct st_prog min = {};
	bool shrunk = false;

	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	/* Before shrinking, since the kernel may die soon. */
	st_report_failure(o->out, p, NULL, end, r, &s);
	if (!o->shrink_seconds || stop)
		return;
	st_prog_copy(&min, p);
	shrunk = st_shrink(&min, end, r, o->shrink_seconds, o->timeout_ms, &s);
	if (shrunk)
		st_report_failure(o->out, p, &min, end, r, &s);
	else
		printf("seed %lu: it did not fail again, so it is not shrunk\n", p->head.seed);
	st_prog_free(&min);
}

static bool has_all(gm_needs needs, enum gm_need *missing)
{
	for (unsigned int n = 0; n < GM_NEED_NR; n++) {
		*missing = n;
		if (needs & 1ULL << n && !gm_platform_has(n))
			return false;
	}
	return true;
}

int st_platform(enum gm_provider_id *provider)
{
	enum gm_need missing;

	if (!*provider)
		*provider = has_all(gm_provider_needs(GM_PROVIDER_INPLACE), &missing)
				    ? GM_PROVIDER_INPLACE
				    : GM_PROVIDER_ATTRIBUTES;
	if (!has_all(gm_provider_needs(*provider), &missing)) {
		fprintf(stderr, "gm-stress: conversion by %s: %s; %s\n",
			gm_provider_name(*provider), gm_need_reason(missing),
			gm_need_remedy(missing));
		return 4;
	}
	gm_framework_start();
	return 0;
}

int st_soak(const struct st_soak *o)
{
	double start = gm_now(), last = start;
	struct st_result *r;
	struct st_gen g = o->gen;
	struct st_sum sum = {};
	struct st_prog p = {};
	uint64_t base = g.seed ?: (uint64_t)time(NULL);
	char why[200];
	int ret;

	g.seed = base;
	if (st_gen(&g, &p, why, sizeof(why))) {
		fprintf(stderr, "gm-stress: %s\n", why);
		return 2;
	}
	ret = st_platform(&g.provider);
	if (ret)
		return ret;
	signal(SIGINT, stopped);
	signal(SIGTERM, stopped);
	r = st_result_new();
	printf("seeds from %lu%s, provider %s, results in %s\n", base, o->seeds ? "" : " on",
	       gm_provider_name(g.provider), o->out);
	fflush(stdout);
	for (uint64_t i = o->shard - 1; !stop; i += o->shards) {
		enum st_end end;

		if ((o->seeds && i >= o->seeds) || (o->seconds && gm_now() - start >= o->seconds) ||
		    sum.failed + sum.errors >= o->collect)
			break;
		g.seed = base + i;
		st_gen(&g, &p, why, sizeof(why));
		st_soak_name(&p);
		end = st_child_run(&p, r, o->timeout_ms);
		st_sum_add(&sum, &p, r);
		if (end == ST_FAILED)
			sum.failed++;
		else if (end != ST_HELD)
			sum.errors++;
		if (end != ST_HELD)
			failure(o, &p, end, r);
		live(&sum, g.seed, start, &last);
	}
	sum.seconds = gm_now() - start;
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	print_sum(&sum, g.seed, sum.seconds, "\n");
	st_sum_write(&sum, o->out);
	/* Restores kernel settings. */
	gm_cleanup_run();
	st_prog_free(&p);
	st_result_free(r);
	return sum.failed || sum.errors ? 1 : 0;
}

int st_replay(const struct st_soak *o, const struct st_prog *p)
{
	enum gm_provider_id provider = p->head.provider;
	unsigned int failed = 0;
	struct st_result *r;
	int ret = st_platform(&provider);

	if (ret)
		return ret;
	r = st_result_new();
	for (unsigned int i = 0; i < o->times && !stop; i++) {
		enum st_end end = st_child_run(p, r, o->timeout_ms);

		if (end == ST_HELD)
			continue;
		if (!failed++)
			printf("%s%s%s: %s\n%s%s", st_end_name(end),
			       r->clause[0] ? ", clause " : "", r->clause, r->text,
			       r->history[0] ? "what happened to the page (clock, operation):\n"
					     : "",
			       r->history);
	}
	printf("%u operations, fails %u of %u times\n", p->nr, failed, o->times);
	st_result_free(r);
	return failed ? 1 : 0;
}

static int shrink_by(const struct st_soak *o, const struct st_prog *p)
{
	struct st_prog min = {};
	struct st_result *r = st_result_new();
	struct st_shrunk s;

	st_prog_copy(&min, p);
	if (!st_shrink_by(&min, o->by, o->shrink_seconds, &s)) {
		printf("it does not fail\n");
		return 0;
	}
	st_report_failure(o->out, p, &min, ST_FAILED, r, &s);
	st_prog_free(&min);
	st_result_free(r);
	return 1;
}

int st_shrink_file(const struct st_soak *o, const struct st_prog *p)
{
	enum gm_provider_id provider = p->head.provider;
	struct st_result *r;
	enum st_end end;
	int ret;

	if (o->by)
		return shrink_by(o, p);
	ret = st_platform(&provider);
	if (ret)
		return ret;
	r = st_result_new();
	end = st_child_run(p, r, o->timeout_ms);
	for (int i = 1; i < 20 && end == ST_HELD; i++)
		end = st_child_run(p, r, o->timeout_ms);
	if (end == ST_HELD)
		printf("it does not fail: no clause was broken in 20 runs\n");
	else
		failure(o, p, end, r);
	st_result_free(r);
	return end == ST_HELD ? 0 : 1;
}
