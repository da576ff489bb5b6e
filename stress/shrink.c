// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shrinks by running candidates on this kernel, within a time limit; measures how often the result
 * fails.
 */

#include "clock.h"
#include "minimize.h"
#include "soak.h"

struct shrink {
	enum st_end end;
	char clause[32];
	struct st_result *r;
	unsigned int timeout_ms, repeat;
	double until;
};

static bool time_up(void *arg)
{
	return gm_now() > ((struct shrink *)arg)->until;
}

/* A defect of content may break any of these clauses, by chance. */
static bool same_clause(const char *a, const char *b)
{
	static const char *const content[] = { "conv.any_range",  "conv.any_offset",
					       "conv.cross_vcpu", "conv.concurrent",
					       "conv.data",	  "conv.inplace_shared" };
	bool in[2] = {};

	for (unsigned int i = 0; i < sizeof(content) / sizeof(content[0]); i++) {
		in[0] |= !strcmp(a, content[i]);
		in[1] |= !strcmp(b, content[i]);
	}
	return !strcmp(a, b) || (in[0] && in[1]);
}

static bool fails_once(const struct st_prog *p, struct shrink *s)
{
	return st_child_run(p, s->r, s->timeout_ms) == s->end &&
	       same_clause(s->r->clause, s->clause);
}

static bool fails(const struct st_prog *p, void *arg)
{
	struct shrink *s = arg;

	for (unsigned int i = 0; i < s->repeat; i++) {
		if (fails_once(p, s))
			return true;
		if (i && time_up(s))
			break;
	}
	return false;
}

bool st_shrink(struct st_prog *p, enum st_end end, struct st_result *r, long seconds,
	       unsigned int timeout_ms, struct st_shrunk *out)
{
	struct shrink s = { .end = end, .timeout_ms = timeout_ms ?: 20000, .repeat = 1 };
	struct st_min m = {
		.fails = fails, .time_up = time_up, .arg = &s, .op = UINT32_MAX, .page = -1
	};
	const struct st_layout *l = st_layout_find(p->head.layout);
	double start = gm_now();
	struct st_prog try = {};
	unsigned int again = 0;

	*out = (struct st_shrunk){ .from = p->nr };
	s.until = start + seconds;
	s.r = st_result_new();
	snprintf(s.clause, sizeof(s.clause), "%s", r->clause);
	m.pages = l ? l->pages : 0;
	/* An operation of the final check is not in the program. */
	if (r->failed && r->op < p->nr)
		m.op = r->op;
	if (r->failed && r->has_page)
		m.page = r->page;
	/* Order strict fails always or never. */
	if (p->head.strict) {
		again = fails_once(p, &s);
	} else {
		for (int i = 0; i < 5; i++)
			again += fails_once(p, &s);
		if (again < 5)
			s.repeat = again ? 15 / again : 10;
	}
	st_prog_copy(&try, p);
	if (again || fails(&try, &s)) {
		st_minimize(&try, &m);
		st_prog_copy(p, &try);
		for (out->of = 0; out->of < (p->head.strict ? 5U : 10U); out->of++) {
			enum st_end e = st_child_run(p, s.r, s.timeout_ms);

			if (e != end || !same_clause(s.r->clause, s.clause))
				continue;
			out->fails++;
			memcpy(r, s.r, sizeof(*r));
		}
		again = 1;
	}
	out->tries = m.tries;
	out->seconds = gm_now() - start;
	st_prog_free(&try);
	st_result_free(s.r);
	return again;
}

/* --- by a command --- */

struct by {
	const char *command;
	double until;
};

static bool by_time_up(void *arg)
{
	return gm_now() > ((struct by *)arg)->until;
}

/* Appends the file's name to the command. */
static bool fails_by(const struct st_prog *p, void *arg)
{
	char file[] = "/tmp/gm-stress.XXXXXX", command[4200];
	int fd = mkstemp(file), status;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	GM_SETUP(f, "%s: %s", file, gm_errno_name(errno));
	st_prog_write(p, f);
	fclose(f);
	snprintf(command, sizeof(command), "%s %s", ((struct by *)arg)->command, file);
	status = system(command);
	unlink(file);
	printf("%u operations: %s\n", p->nr, status == 1 << 8 ? "fails" : "does not");
	fflush(stdout);
	return status == 1 << 8;
}

bool st_shrink_by(struct st_prog *p, const char *command, long seconds, struct st_shrunk *out)
{
	double start = gm_now();
	struct by by = { .command = command, .until = start + seconds };
	struct st_min m = {
		.fails = fails_by, .time_up = by_time_up, .arg = &by, .op = UINT32_MAX, .page = -1
	};

	*out = (struct st_shrunk){ .from = p->nr };
	if (!fails_by(p, &by))
		return false;
	st_minimize(p, &m);
	for (out->of = 0; out->of < 3; out->of++)
		out->fails += fails_by(p, &by);
	out->tries = m.tries;
	out->seconds = gm_now() - start;
	return true;
}
