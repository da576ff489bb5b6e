// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decides which case starts next. Cases that share a token never run together.
 */
#include <stdlib.h>
#include <string.h>

#include "schedule.h"

static int rank(const struct test_case *c)
{
	return c->flags & GM_DESTRUCTIVE ? 2 : c->tokens & GM_TOKEN_ALONE ? 1 : 0;
}

/* How many rounds the options ask for; 0: no end. */
static unsigned int rounds_of(const struct options *opt)
{
	if (opt->repeat)
		return opt->repeat;
	return opt->until_fail || opt->for_seconds ? 0 : 1;
}

void sched_init(struct schedule *s, const struct catalogue *cat, const struct options *opt)
{
	memset(s, 0, sizeof(*s));
	s->v = xalloc(cat->n * sizeof(*s->v));
	for (int r = 0; r < 3; r++)
		for (size_t i = 0; i < cat->n; i++)
			if (cat->v[i].selected && rank(&cat->v[i]) == r)
				s->v[s->n++].c = &cat->v[i];
	s->jobs = opt->jobs;
	s->rounds = rounds_of(opt);
	s->until = opt->for_seconds ? now() + opt->for_seconds : 0;
	s->until_fail = opt->until_fail;
}

void sched_free(struct schedule *s)
{
	free(s->v);
	s->v = NULL;
}

static bool new_round(struct schedule *s, double t)
{
	bool any = false;

	s->round++;
	if ((s->rounds && s->round >= s->rounds) || (s->until && t >= s->until))
		return false;
	for (size_t i = 0; i < s->n; i++) {
		s->v[i].tries = 0;
		s->v[i].state = s->v[i].retired ? SCHED_DONE : SCHED_TODO;
		any = any || !s->v[i].retired;
	}
	return any;
}

struct sched_entry *sched_next(struct schedule *s, double t)
{
	bool waiting = false, exclusive = false;
	unsigned int taken = 0;

	if (s->running >= s->jobs || (s->until_fail && s->failed))
		return NULL;
	/* The first round always completes: every case gets its verdict. */
	if (s->until && s->round && t >= s->until)
		return NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct test_case *c = s->v[i].c;

		if (s->v[i].state == SCHED_RUNNING) {
			taken |= c->tokens;
			if (rank(c))
				return NULL;
		}
	}
	for (size_t i = 0; i < s->n && !exclusive; i++) {
		struct sched_entry *e = &s->v[i];

		if (e->state != SCHED_TODO)
			continue;
		waiting = true;
		if (rank(e->c)) {
			/* Sorted by rank: every case before this one has started. */
			exclusive = true;
			if (s->running)
				continue;
		}
		if (e->c->tokens & taken)
			continue;
		e->state = SCHED_RUNNING;
		s->running++;
		return e;
	}
	if (waiting || s->running || !new_round(s, t))
		return NULL;
	return sched_next(s, t);
}

void sched_drop(struct schedule *s, struct sched_entry *e, const char *verdict)
{
	s->running++;
	sched_done(s, e, verdict);
}

void sched_again(struct schedule *s, struct sched_entry *e)
{
	e->state = SCHED_TODO;
	e->tries++;
	s->running--;
}

void sched_done(struct schedule *s, struct sched_entry *e, const char *verdict)
{
	e->state = SCHED_DONE;
	s->running--;
	e->retired = e->retired || !strcmp(verdict, gm_verdict_word(GM_SKIPPED));
	s->failed = s->failed || !strcmp(verdict, gm_verdict_word(GM_FAILED)) ||
		    !strcmp(verdict, gm_verdict_word(GM_ERRORED));
}
