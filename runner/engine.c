// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event loop: output and reports of cases, their ends, kernel log lines, signals.
 *
 * An epoch starts when the runner is idle and a case starts, and ends when it is idle again. The
 * system-wide leak scan is compared over an epoch: a leak fails its case if it has one case; with
 * several (--jobs) it is a finding of the run that names all of them. Leaks of huge pages always
 * belong to the case that holds their token.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "anchor.h"
#include "klog.h"
#include "leakscan.h"
#include "seed.h"
#include "underway.h"
#include "engine.h"
#include "machine.h"
#include "report.h"
#include "schedule.h"
#include "select.h"
#include "setup.h"
#include "speed.h"

#define GRACE_MS 3000	   /* from SIGTERM to SIGKILL */
#define KILL_MS 20000	   /* from SIGKILL until a task counts as unkillable */
#define SETTLE_SECONDS 3.0 /* a VM is torn down, and huge pages are freed, by deferred work */
/*
 * Seconds that the kernel has for deferred work of a case that has ended: a report of a worker then
 * is that case's. After the last case of a run nothing else waits.
 */
#define LATE_SECONDS 0.01
#define LATE_SECONDS_LAST 0.25
#define SCAN_REUSE 0.05 /* seconds for which a leak scan is taken to be current */
#define HEARTBEAT_SECONDS 5.0
#define TICK_MS 200
#define LOG_MAX (4 << 20) /* bytes of one case's output that are kept */
#define TAIL_MAX 4096
#define TAIL_LINES 20
#define SPLAT_LINES 40

struct job {
	bool used, ended, lost, alone;
	struct sched_entry *entry;
	unsigned int round;
	uint64_t seed;
	double start, settle_until, next_scan;
	struct gm_iso iso;
	struct gm_iso_end end;
	int out_fd, report_fd;
	int anchor;	/* lib/watch/anchor.h; -1: none */
	char stuck[64]; /* the call that never returned; "": none */
	struct report report;
	size_t misses_sent; /* how many of report.fails were emitted as case_miss */
	char *out;	    /* output of the case that is not emitted yet */
	size_t out_len, out_sent;
	char tail[TAIL_MAX + 1];
	struct gm_leakscan before, last;
	bool has_before, has_last; /* last: the latest scan since its end */
	unsigned int others;	   /* enum gm_leak_kind that other programs changed since its end */
};

struct engine {
	const struct options *opt;
	const struct engine_io *io;
	struct schedule sched;
	struct job *jobs;
	double t0, last_beat;
	double settle; /* seconds */
	struct speed speed;
	double factor; /* of all time limits: how slow this machine is */
	double scale;  /* the same, times --timeout-scale */
	uint64_t seed;
	size_t done;
	bool stopping;
	/* the epoch */
	size_t epoch_cases;
	char *epoch_names;
	unsigned int epoch_kinds; /* enum gm_leak_kind that all of its cases answer for */
	struct gm_leakscan epoch_before;
	double epoch_taken; /* when epoch_before was taken; 0: it must be taken again */
	struct gm_klog klog;
	char *new_klog; /* kernel log lines that are not emitted yet */
	struct strv splat;
	char *before;	     /* the case that ended before the running one; NULL: none */
	double before_end;   /* now() of its end */
	char *broken;	     /* why the kernel must be booted again; NULL: it need not */
	const char *breaker; /* the case after which it is so */
	int probe_cache; /* memfd of lib/case/probe_cache.h; -1: none, and each case probes itself */
};

static double elapsed(const struct engine *e)
{
	return now() - e->t0;
}

static void emit(struct engine *e, json_t *ev)
{
	e->io->emit(e->io->arg, ev);
}

static void take_klog_line(void *arg, const char *line, const char *text, bool kernel)
{
	struct engine *e = arg;
	char *more = xprintf("%s%s\n", e->new_klog ?: "", line);

	free(e->new_klog);
	e->new_klog = more;
	if (kernel && (e->splat.n || gm_klog_is_splat(text)) && e->splat.n < SPLAT_LINES)
		strv_add(&e->splat, line);
}

static void read_klog(struct engine *e)
{
	json_t *ev;

	gm_klog_read(&e->klog, take_klog_line, e);
	if (!e->new_klog)
		return;
	ev = event_new("kmsg", elapsed(e));
	json_object_set_new(ev, "text", jtext(e->new_klog));
	emit(e, ev);
	free(e->new_klog);
	e->new_klog = NULL;
}

/* Takes the splat of this epoch: its lines as one text, to be freed, or NULL. */
static char *take_splat(struct engine *e)
{
	char *text = NULL;

	for (size_t i = 0; i < e->splat.n; i++) {
		char *more = xprintf("%s%s%s", text ?: "", text ? "\n" : "", e->splat.v[i]);

		free(text);
		text = more;
	}
	strv_free(&e->splat);
	return text;
}

static void emit_finding(struct engine *e, const char *clause, const char *when, const char *text)
{
	json_t *ev = event_new("finding", elapsed(e));
	char *full = xprintf("%s: %s", when, text);

	json_object_set_new(ev, "clause", json_string(clause));
	json_object_set_new(ev, "text", jtext(full));
	emit(e, ev);
	free(full);
}

struct finding_arg {
	struct engine *e;
	const char *when;
};

static void leak_to_finding(void *arg, const char *clause, const char *text)
{
	struct finding_arg *f = arg;

	emit_finding(f->e, clause, f->when, text);
}

static void leak_to_report(void *arg, const char *clause, const char *text)
{
	report_leak(arg, clause, text);
}

static void epoch_begin(struct engine *e)
{
	char *splat;

	read_klog(e);
	splat = take_splat(e);
	if (splat) {
		char *when = e->epoch_names ? xprintf("after the end of %s", e->epoch_names)
					    : xstrdup("before the first case");

		emit_finding(e, "leak.kernel_log", when, splat);
		free(when);
		free(splat);
	}
	free(e->epoch_names);
	e->epoch_names = NULL;
	e->epoch_cases = 0;
	e->epoch_kinds = GM_LEAK_ALL;
	/* The scan after the last case serves as the one before this case, if that was just now. */
	if (now() > e->epoch_taken + SCAN_REUSE)
		gm_leakscan_take(&e->epoch_before);
	e->epoch_taken = 0;
}

/* The end of an epoch with several cases: what leaked cannot be blamed on one of them. */
static void epoch_end_shared(struct engine *e)
{
	char *when = xprintf("while these ran together: %s", e->epoch_names);
	struct finding_arg f = { e, when };
	double until = now() + e->settle;
	struct gm_leakscan after;
	int pause = 2;
	char *splat;

	for (;;) {
		gm_leakscan_take(&after);
		if (!gm_leakscan_diff(&e->epoch_before, &after, e->epoch_kinds, NULL, NULL) ||
		    now() >= until)
			break;
		poll(NULL, 0, pause);
		pause = pause < 100 ? pause * 2 : pause;
	}
	gm_leakscan_diff(&e->epoch_before, &after, e->epoch_kinds, leak_to_finding, &f);
	read_klog(e);
	splat = take_splat(e);
	if (splat)
		emit_finding(e, "leak.kernel_log", when, splat);
	free(splat);
	free(when);
}

/* 900 s times the largest factors is more than the type holds. */
static unsigned int limit_ms(double ms)
{
	return fmin(ms, UINT_MAX);
}

static char **case_env(const struct engine *e, const struct job *j)
{
	struct strv env = { 0 };
	char *own[GM_ENV_NR] = {
		[GM_ENV_REPORT_FD] = xprintf("%d", GM_ISO_REPORT_FD),
		[GM_ENV_JOURNAL_OWNER] = xprintf("%d", getpid()),
		[GM_ENV_PROBE_CACHE] = xprintf("/proc/%d/fd/%d", getpid(), e->probe_cache),
		[GM_ENV_ANCHOR] = xprintf("/proc/%d/fd/%d", getpid(), j->anchor),
		[GM_ENV_TIME_FACTOR] = xprintf("%g", e->scale),
	};

	for (char **v = environ; *v; v++) {
		bool keep = true;

		for (int i = 0; i < GM_ENV_NR; i++) {
			size_t len = strlen(gm_env_name(i));

			keep = keep && (strncmp(*v, gm_env_name(i), len) || (*v)[len] != '=');
		}
		if (keep)
			strv_add(&env, *v);
	}
	for (int i = 0; i < GM_ENV_NR; i++) {
		char *var = xprintf("%s=%s", gm_env_name(i), own[i]);

		strv_add(&env, var);
		free(var);
		free(own[i]);
	}
	env.v = xgrow(env.v, (env.n + 1) * sizeof(*env.v));
	env.v[env.n] = NULL;
	return env.v;
}

static void free_env(char **env)
{
	for (char **v = env; *v; v++)
		free(*v);
	free(env);
}

static uint64_t round_seed(uint64_t seed, unsigned int round)
{
	char name[32];

	if (!round)
		return seed;
	snprintf(name, sizeof(name), "round %u", round);
	return gm_seed_derive(seed, name);
}

static json_t *case_event(const struct engine *e, const struct job *j, const char *name)
{
	json_t *ev = event_new(name, elapsed(e));
	char *seed = xprintf("%llu", (unsigned long long)j->seed);

	json_object_set_new(ev, "case", json_string(j->entry->c->name));
	json_object_set_new(ev, "round", json_integer(j->round));
	json_object_set_new(ev, "seed", json_string(seed));
	free(seed);
	return ev;
}

static bool has_need(const struct test_case *c, const char *name)
{
	json_t *needs = json_object_get(c->decl, "needs"), *need;
	size_t i;

	json_array_foreach(needs, i, need)
		if (!strcmp(json_string_value(need) ?: "", name))
			return true;
	return false;
}

/* Creating a protected VM taints the kernel: that is no leak. */
static bool makes_protected(const struct test_case *c)
{
	return has_need(c, "protected") || !strncmp(c->clause, "pkvm.", 5);
}

static void start(struct engine *e, struct job *j, struct sched_entry *entry)
{
	const struct test_case *c = entry->c;
	int out[2] = { -1, -1 }, report[2] = { -1, -1 };
	char seed[32], *names, **env;
	json_t *ev;
	char *argv[6] = { c->program, "--case", (char *)c->name, "--seed", seed, NULL };
	struct gm_iso_spec spec = {
		.argv = argv,
		.timeout_ms = limit_ms(c->timeout * 1000.0 * e->scale),
		.grace_ms = limit_ms(GRACE_MS * fmax(e->scale, 1)),
		.kill_ms = limit_ms(KILL_MS * fmax(e->scale, 1)),
	};

	memset(j, 0, sizeof(*j));
	if (e->sched.running == 1)
		epoch_begin(e);
	if (makes_protected(c))
		e->epoch_kinds &= ~GM_LEAK_TAINT_USER;
	e->epoch_cases++;
	names = xprintf("%s%s%s", e->epoch_names ?: "", e->epoch_names ? ", " : "", c->name);
	free(e->epoch_names);
	e->epoch_names = names;

	j->used = true;
	j->entry = entry;
	j->round = e->sched.round;
	j->seed = round_seed(e->seed, j->round);
	j->start = now();
	j->has_before = c->tokens & GM_TOKEN_HUGE;
	if (j->has_before)
		gm_leakscan_take(&j->before);
	report_init(&j->report);
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)j->seed);
	ev = case_event(e, j, "case_start");
	if (entry->tries)
		json_object_set_new(ev, "try", json_integer(entry->tries));
	emit(e, ev);

	j->anchor = gm_anchor_new();
	env = case_env(e, j);
	spec.envp = env;
	j->lost = pipe2(out, O_CLOEXEC) || pipe2(report, O_CLOEXEC);
	spec.out_fd = out[1];
	spec.report_fd = report[1];
	j->iso.fd = -1;
	if (!j->lost)
		j->lost = gm_iso_spawn(&j->iso, &spec);
	free_env(env);
	if (out[1] >= 0)
		close(out[1]);
	if (report[1] >= 0)
		close(report[1]);
	j->out_fd = out[0];
	j->report_fd = report[0];
	if (j->out_fd >= 0)
		fcntl(j->out_fd, F_SETFL, O_NONBLOCK);
	if (j->report_fd >= 0)
		fcntl(j->report_fd, F_SETFL, O_NONBLOCK);
}

/* Emits what the case printed: whole lines only, unless `all`. */
static void emit_output(struct engine *e, struct job *j, bool all)
{
	size_t len = j->out_len;
	json_t *ev;

	if (!all && len < 16384)
		while (len && j->out[len - 1] != '\n')
			len--;
	if (!len)
		return;
	if (j->out_sent < LOG_MAX) {
		ev = event_new("log", elapsed(e));
		json_object_set_new(ev, "case", json_string(j->entry->c->name));
		json_object_set_new(ev, "text", jtextn(j->out, len));
		emit(e, ev);
		j->out_sent += len;
		if (j->out_sent >= LOG_MAX) {
			ev = event_new("log", elapsed(e));
			json_object_set_new(ev, "case", json_string(j->entry->c->name));
			json_object_set_new(ev, "text",
					    json_string("\n[more output was dropped]\n"));
			emit(e, ev);
		}
	}
	memmove(j->out, j->out + len, j->out_len - len);
	j->out_len -= len;
}

static void keep_tail(struct job *j, const char *data, size_t len)
{
	size_t have = strlen(j->tail);

	if (len > TAIL_MAX) {
		data += len - TAIL_MAX;
		len = TAIL_MAX;
	}
	if (have + len > TAIL_MAX) {
		size_t drop = have + len - TAIL_MAX;

		memmove(j->tail, j->tail + drop, have - drop);
		have -= drop;
	}
	for (size_t i = 0; i < len; i++)
		j->tail[have + i] = data[i] ?: '?';
	j->tail[have + len] = '\0';
}

/* Reads a megabyte at most, so that a case that prints without end does not starve the others. */
static void read_output(struct engine *e, struct job *j)
{
	char buf[65536];
	ssize_t n;

	for (int i = 0; i < 16 && j->out_fd >= 0; i++) {
		n = read(j->out_fd, buf, sizeof(buf));
		if (n < 0)
			break;
		if (!n) {
			close(j->out_fd);
			j->out_fd = -1;
			break;
		}
		keep_tail(j, buf, n);
		j->out = xgrow(j->out, j->out_len + n);
		memcpy(j->out + j->out_len, buf, n);
		j->out_len += n;
	}
	emit_output(e, j, false);
}

/*
 * A miss is emitted at once: if the machine dies before the verdict, the case still FAILs for it.
 */
static void emit_misses(struct engine *e, struct job *j)
{
	for (; j->misses_sent < json_array_size(j->report.fails); j->misses_sent++) {
		json_t *ev = case_event(e, j, "case_miss");

		json_object_set(ev, "fail", json_array_get(j->report.fails, j->misses_sent));
		emit(e, ev);
	}
}

static void read_report(struct engine *e, struct job *j)
{
	char buf[65536];
	ssize_t n;

	for (int i = 0; i < 16 && j->report_fd >= 0; i++) {
		n = read(j->report_fd, buf, sizeof(buf));
		if (n < 0)
			break;
		if (!n) {
			close(j->report_fd);
			j->report_fd = -1;
			break;
		}
		report_feed(&j->report, buf, n);
	}
	emit_misses(e, j);
}

static const char *last_lines(const char *text, int lines)
{
	const char *at = text + strlen(text);

	while (at > text) {
		if (at[-1] == '\n' && *at && !--lines)
			break;
		at--;
	}
	return at;
}

static void set_verdict(json_t *ev, const struct judgement *j)
{
	json_object_set_new(ev, "verdict", json_string(j->verdict));
	json_object_set_new(ev, "reason", jtext(j->reason));
	json_object_set_new(ev, "remedy", jtext(j->remedy));
}

/*
 * A case found a need missing that this kernel cannot get while it runs. The waiting cases with the
 * same need get the same verdict without a process. A later round probes again.
 */
static void skip_same_need(struct engine *e, const struct report *r)
{
	for (size_t i = 0; i < e->sched.n; i++) {
		struct sched_entry *entry = &e->sched.v[i];
		struct job none = { .entry = entry,
				    .round = e->sched.round,
				    .seed = round_seed(e->seed, e->sched.round) };
		const struct test_case *c = entry->c;
		struct judgement j;
		json_t *ev;

		if (e->sched.until_fail && e->sched.failed)
			return;
		if (entry->state != SCHED_TODO || !has_need(c, r->missing))
			continue;
		j = judge_skip(is_required(e->opt, c->name, c->clause), r->reason, r->remedy);
		ev = case_event(e, &none, "case_end");
		set_verdict(ev, &j);
		json_object_set_new(ev, "ran", json_false());
		emit(e, ev);
		sched_drop(&e->sched, entry, j.verdict);
		e->done++;
		free(j.reason);
		free(j.remedy);
	}
}

/* A case that has failed once gets all of its tries. */
static bool try_again(const struct engine *e, const struct sched_entry *entry, const char *verdict)
{
	bool bad = !strcmp(verdict, gm_verdict_word(GM_FAILED)) ||
		   !strcmp(verdict, gm_verdict_word(GM_ERRORED));

	return entry->tries < e->opt->retry && (bad || entry->tries) && !e->stopping && !e->broken;
}

static void finish(struct engine *e, struct job *j)
{
	const struct test_case *c = j->entry->c;
	struct judge_by by = {
		.end = &j->end,
		.keeper_lost = j->lost,
		.refusal = c->flags & GM_REFUSAL,
		.required = is_required(e->opt, c->name, c->clause),
		.timeout = c->timeout * e->scale,
		.interrupted = e->stopping,
		.stuck = j->stuck,
	};
	struct judgement verdict = judge(&j->report, &by);
	json_t *ev = case_event(e, j, "case_end");
	char *ended = j->lost ? xstrdup("unknown") : describe_end(&j->end);
	bool again;

	set_verdict(ev, &verdict);
	json_object_set_new(ev, "time", json_real(j->end.seconds));
	json_object_set_new(ev, "checks", json_integer(j->report.checks));
	json_object_set_new(ev, "controls", json_integer(j->report.nr_controls));
	json_object_set(ev, "fails", j->report.fails);
	json_object_set(ev, "notes", j->report.notes);
	json_object_set(ev, "control_list", j->report.controls);
	json_object_set(ev, "leaks", j->report.leaks);
	json_object_set_new(ev, "ended", jtext(ended));
	if (!strcmp(verdict.verdict, gm_verdict_word(GM_ERRORED)))
		json_object_set_new(ev, "tail", jtext(last_lines(j->tail, TAIL_LINES)));
	again = try_again(e, j->entry, verdict.verdict);
	if (again || j->entry->tries) {
		json_object_set_new(ev, "try", json_integer(j->entry->tries));
		json_object_set_new(ev, "more", json_boolean(again));
	}
	emit(e, ev);

	free(ended);
	free(e->before);
	e->before = xstrdup(c->name);
	e->before_end = now();
	if (again) {
		sched_again(&e->sched, j->entry);
	} else {
		sched_done(&e->sched, j->entry,
			   j->entry->tries ? gm_verdict_word(GM_FAILED) : verdict.verdict);
		e->done++;
	}
	if (!again && verdict.skipped && j->report.missing && !e->stopping)
		skip_same_need(e, &j->report);
	free(verdict.reason);
	free(verdict.remedy);
	report_free(&j->report);
	free(j->out);
	j->used = false;
	if (!e->sched.running && e->epoch_cases > 1)
		epoch_end_shared(e);
}

/* A worker may be late: then its report is that of a case that has ended. */
static void note_worker(struct engine *e, struct job *j, const char *splat)
{
	char *text;

	if (!e->before || (!strstr(splat, "Comm: kworker") && !strstr(splat, "Workqueue: ")))
		return;
	text = xprintf(
		"a worker of the kernel reports it: the cause may be %s, which ended %.3f s before this case",
		e->before, j->start - e->before_end);
	report_note(&j->report, text);
	free(text);
}

/*
 * After a bad page, an Oops or a soft lockup, or with a task that SIGKILL does not end, locks may be
 * held for ever: what later cases observe is not their doing.
 */
static void see_if_broken(struct engine *e, const struct job *j, unsigned long taints)
{
	if (e->broken)
		return;
	if (j->end.stuck)
		e->broken = xprintf("%u task(s) of %s survived SIGKILL", j->end.stuck,
				    j->entry->c->name);
	else if (taints & GM_TAINT_BROKEN)
		e->broken = xprintf("%s left a broken kernel: a bad page, an Oops or a soft lockup",
				    j->entry->c->name);
	e->breaker = j->entry->c->name;
}

/* The case's processes are gone. Waits for the kernel's deferred work, then scans for leaks. */
static void settle(struct engine *e, struct job *j)
{
	bool held = gm_anchor_held(j->anchor);
	const struct gm_leakscan *before = j->alone ? &e->epoch_before : &j->before;
	unsigned int kinds = j->alone ? e->epoch_kinds : j->has_before ? GM_LEAK_HUGE : 0;
	struct gm_leakscan after;
	char *splat;

	if (kinds || held) {
		gm_leakscan_take(&after);
		if (j->has_last && j->alone)
			j->others |= gm_leakscan_others(&j->last, &after);
		j->last = after;
		j->has_last = true;
		kinds &= ~j->others;
		if ((held || gm_leakscan_diff(before, &after, kinds, NULL, NULL)) &&
		    now() < j->settle_until) {
			double waited = now() - (j->settle_until - e->settle);

			j->next_scan = now() + (waited < 0.05 ? 0.002 : waited < 0.5 ? 0.02 : 0.1);
			return;
		}
		gm_leakscan_diff(before, &after, kinds, leak_to_report, &j->report);
		if (j->others)
			report_note(
				&j->report,
				"other programs took pins or huge pages meanwhile: not checked for leaks of them");
	}
	if (held)
		report_leak(&j->report, "leak.address_space",
			    "all processes are gone, but the address space of one still exists");
	if (!j->end.timed_out || !gm_underway_stuck(j->anchor, j->entry->c->timeout * e->scale / 3,
						    j->stuck, sizeof(j->stuck)))
		j->stuck[0] = '\0';
	if (j->anchor >= 0)
		close(j->anchor);
	j->anchor = -1;
	see_if_broken(e, j, j->alone ? after.taint & ~e->epoch_before.taint : 0);
	if (j->alone) {
		e->epoch_before = after;
		e->epoch_taken = now();
	}
	read_klog(e);
	splat = j->alone ? take_splat(e) : NULL;
	if (splat) {
		report_leak(&j->report, "leak.kernel_log", splat);
		note_worker(e, j, splat);
	}
	free(splat);
	finish(e, j);
}

/* A case that was killed did not restore its settings; the next case must not see them. */
static void put_back(struct job *j)
{
	char *text;
	int n;

	if (!j->lost && !j->end.timed_out && j->end.reaped && WIFEXITED(j->end.status))
		return;
	n = setup_put_back();
	if (n <= 0)
		return;
	text = xprintf("%d setting(s) that it had changed were put back", n);
	report_note(&j->report, text);
	free(text);
}

static bool has_more(const struct schedule *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].state == SCHED_TODO)
			return true;
	return false;
}

static void take_end(struct engine *e, struct job *j)
{
	if (!j->lost)
		j->lost = gm_iso_wait(&j->iso, &j->end);
	if (j->lost)
		j->end.seconds = now() - j->start;
	read_output(e, j);
	read_report(e, j);
	put_back(j);
	if (j->out_len && j->out[j->out_len - 1] != '\n') {
		j->out = xgrow(j->out, j->out_len + 1);
		j->out[j->out_len++] = '\n';
	}
	emit_output(e, j, true);
	if (j->out_fd >= 0)
		close(j->out_fd);
	if (j->report_fd >= 0)
		close(j->report_fd);
	j->out_fd = j->report_fd = -1;
	j->ended = true;
	j->alone = e->sched.running == 1 && e->epoch_cases == 1;
	j->settle_until = now() + e->settle;
	j->next_scan = now() + (has_more(&e->sched) ? LATE_SECONDS : LATE_SECONDS_LAST);
}

static void beat(struct engine *e)
{
	json_t *ev, *running;

	if (now() < e->last_beat + HEARTBEAT_SECONDS)
		return;
	e->last_beat = now();
	ev = event_new("heartbeat", elapsed(e));
	running = json_array();
	for (unsigned int i = 0; i < e->opt->jobs; i++)
		if (e->jobs[i].used)
			json_array_append_new(running, json_string(e->jobs[i].entry->c->name));
	json_object_set_new(ev, "done", json_integer(e->done));
	json_object_set_new(ev, "running", running);
	emit(e, ev);
}

static void stop_all(struct engine *e)
{
	if (e->stopping)
		return;
	e->stopping = true;
	for (unsigned int i = 0; i < e->opt->jobs; i++)
		if (e->jobs[i].used && !e->jobs[i].ended && !e->jobs[i].lost)
			gm_iso_stop(&e->jobs[i].iso);
}

/* Waits until something happens, at most until the next tick. */
static void wait_for_events(struct engine *e)
{
	unsigned int n = e->opt->jobs, used = 0;
	struct pollfd *fds = xalloc((3 * n + 2) * sizeof(*fds));
	int ms = TICK_MS;

	for (unsigned int i = 0; i < n; i++) {
		struct job *j = &e->jobs[i];

		if (!j->used)
			continue;
		if (j->ended || j->lost) {
			double left = j->next_scan - now();

			if (left * 1000 < ms)
				ms = left > 0 ? left * 1000 + 1 : 0;
			continue;
		}
		fds[used++] = (struct pollfd){ .fd = j->out_fd, .events = POLLIN };
		fds[used++] = (struct pollfd){ .fd = j->report_fd, .events = POLLIN };
		fds[used++] = (struct pollfd){ .fd = j->iso.fd, .events = POLLIN };
	}
	if (!e->stopping)
		fds[used++] = (struct pollfd){ .fd = stop_fd(), .events = POLLIN };
	poll(fds, used, ms);
	free(fds);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static void serve(struct engine *e, struct job *j)
{
	if (!j->used)
		return;
	if (!j->ended) {
		read_output(e, j);
		read_report(e, j);
		if (j->lost || readable(j->iso.fd))
			take_end(e, j);
	}
	if (j->ended && now() >= j->next_scan)
		settle(e, j);
}

static void start_more(struct engine *e)
{
	for (unsigned int i = 0; i < e->opt->jobs; i++)
		/* No case starts during a system-wide leak scan: it would disturb the scan. */
		if (e->jobs[i].used && e->jobs[i].ended && e->jobs[i].alone)
			return;
	for (unsigned int i = 0; i < e->opt->jobs; i++) {
		struct sched_entry *entry;

		if (e->jobs[i].used)
			continue;
		entry = sched_next(&e->sched, now());
		if (!entry)
			return;
		start(e, &e->jobs[i], entry);
	}
}

static void emit_start(struct engine *e, const struct catalogue *cat)
{
	json_t *ev = event_new("run_start", 0), *cases = json_array();
	char *time = utc_time(false);
	char *seed = xprintf("%llu", (unsigned long long)e->seed);

	json_object_set_new(ev, "v", json_integer(EVENTS_VERSION));
	json_object_set_new(ev, "time", json_string(time));
	json_object_set_new(ev, "seed", json_string(seed));
	json_object_set(ev, "args", e->opt->args);
	json_object_set_new(ev, "profile", json_string(e->opt->full ? "full" : "quick"));
	json_object_set_new(ev, "jobs", json_integer(e->opt->jobs));
	json_object_set_new(ev, "rounds", json_integer(e->sched.rounds));
	json_object_set_new(ev, "timeout_scale", json_real(e->opt->scale));
	json_object_set_new(ev, "time_factor", json_real(e->factor));
	json_object_set_new(ev, "speed",
			    json_pack("{s:f s:f s:f}", "process_us", e->speed.process, "fault_us",
				      e->speed.fault, "clear_us", e->speed.clear));
	json_object_set_new(ev, "klog", json_boolean(e->klog.fd >= 0));
	json_object_set_new(ev, "debugfs", json_boolean(!access("/sys/kernel/debug/kvm", R_OK)));
	machine_describe(ev);
	for (size_t i = 0; i < cat->n; i++)
		if (cat->v[i].selected)
			json_array_append(cases, cat->v[i].decl);
	json_object_set_new(ev, "cases", cases);
	if (cat->clauses)
		json_object_set(ev, "clauses", cat->clauses);
	emit(e, ev);
	free(time);
	free(seed);
}

/* After --until-fail has ended the run: the cases that did not run are SKIPs, not ERRORs. */
static void skip_rest(struct engine *e)
{
	for (size_t i = 0; i < e->sched.n; i++) {
		struct job none = { .entry = &e->sched.v[i], .seed = e->seed };
		json_t *ev;

		if (e->sched.round || e->sched.v[i].state != SCHED_TODO)
			continue;
		ev = case_event(e, &none, "case_end");
		json_object_set_new(ev, "verdict", json_string(gm_verdict_word(GM_SKIPPED)));
		json_object_set_new(ev, "reason",
				    json_string("not run: an earlier case failed (--until-fail)"));
		json_object_set_new(ev, "ran", json_false());
		emit(e, ev);
	}
}

static void emit_end(struct engine *e)
{
	bool again = e->broken && e->opt->end_if_broken && !e->stopping &&
		     !(e->sched.until_fail && e->sched.failed) && has_more(&e->sched);
	json_t *ev = event_new(again ? "broken" : "run_end", elapsed(e));

	if (again) {
		json_object_set_new(ev, "case", json_string(e->breaker));
		json_object_set_new(ev, "reason", jtext(e->broken));
	} else {
		json_object_set_new(ev, "interrupted", json_string(signal_name(stop_signal())));
	}
	emit(e, ev);
}

int engine_run(const struct catalogue *cat, const struct options *opt, const struct engine_io *io)
{
	struct engine engine = {
		.opt = opt,
		.io = io,
		.t0 = now(),
		.last_beat = now(),
		.seed = opt->have_seed ? opt->seed : gm_seed_fresh(),
		.jobs = xalloc(opt->jobs * sizeof(struct job)),
		.probe_cache = memfd_create("gm-probe-cache", MFD_CLOEXEC),
	};
	struct engine *e = &engine;
	char *kmsg;

	e->factor = speed_of_machine(&e->speed);
	e->scale = e->factor * opt->scale;
	e->settle = io->settle > 0 ? io->settle : SETTLE_SECONDS * fmax(e->scale, 1);
	sched_init(&e->sched, cat, opt);
	kmsg = xprintf("%s/dev/kmsg", gm_leakscan_root);
	gm_klog_open(&e->klog, kmsg);
	free(kmsg);
	emit_start(e, cat);
	/* Lines from before the run are reported, but no case fails for them. */
	read_klog(e);
	strv_free(&e->splat);

	for (;;) {
		if (stop_signal() || io->broken(io->arg))
			stop_all(e);
		if (!e->stopping && !(e->broken && opt->end_if_broken))
			start_more(e);
		if (!e->sched.running)
			break;
		wait_for_events(e);
		for (unsigned int i = 0; i < opt->jobs; i++)
			serve(e, &e->jobs[i]);
		read_klog(e);
		beat(e);
		io->tick(io->arg);
	}

	epoch_begin(e); /* emits what the kernel logged after the last case */
	if (e->sched.until_fail && e->sched.failed && !e->stopping)
		skip_rest(e);
	emit_end(e);

	if (e->probe_cache >= 0)
		close(e->probe_cache);
	gm_klog_close(&e->klog);
	sched_free(&e->sched);
	free(e->epoch_names);
	free(e->before);
	free(e->broken);
	free(e->jobs);
	return stop_signal();
}
