// SPDX-License-Identifier: GPL-2.0-only
/*
 * Applies events to the state of a run. Any field of an event may be missing: its sender may be
 * dying.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "baseline.h"
#include "console.h"
#include "events.h"
#include "report.h"
#include "state.h"

#define KLOG_LINES 30 /* enough for a splat without its registers */
#define NOT_RUN "not run: the run ended before its turn"

void state_init(struct state *st, const char *rerun_format)
{
	memset(st, 0, sizeof(*st));
	st->findings = json_array();
	st->deaths = json_array();
	st->klog = json_array();
	st->rerun_format = xstrdup(rerun_format);
}

void state_free(struct state *st)
{
	for (size_t i = 0; i < st->n; i++) {
		json_decref(st->v[i].end);
		json_decref(st->v[i].live);
		json_decref(st->v[i].tries);
		json_decref(st->v[i].klog);
	}
	free(st->v);
	free(st->order);
	free(st->skips);
	free(st->interrupted);
	free(st->lost);
	free(st->console);
	free(st->broken);
	free(st->rerun_format);
	json_decref(st->start);
	json_decref(st->findings);
	json_decref(st->deaths);
	json_decref(st->changes);
	json_decref(st->klog);
	json_decref(st->before);
	memset(st, 0, sizeof(*st));
}

static struct record *find(struct state *st, const char *name)
{
	for (size_t i = 0; i < st->n; i++)
		if (!strcmp(st->v[i].name, name))
			return &st->v[i];
	return NULL;
}

static bool begin(struct state *st, const json_t *ev)
{
	json_t *decl;
	size_t i;

	/* A later stream of the same run has only the cases that are left. */
	st->boots++;
	free(st->lost);
	st->lost = NULL;
	free(st->broken);
	st->broken = NULL;
	st->klog_time = 0;
	if (st->start)
		return false;
	st->start = json_deep_copy(ev);
	st->v = xalloc(json_array_size(json_object_get(st->start, "cases")) * sizeof(*st->v));
	json_array_foreach(json_object_get(st->start, "cases"), i, decl) {
		struct record *rec = &st->v[st->n];

		if (!*jstr(decl, "name") || find(st, jstr(decl, "name")))
			continue;
		rec->decl = decl;
		rec->name = jstr(decl, "name");
		rec->clause = jstr(decl, "clause");
		st->n++;
	}
	st->order = xalloc(st->n * sizeof(*st->order));
	st->skips = xalloc(st->n * sizeof(*st->skips));
	if (st->known)
		known_begin(st->known, st->start);
	return true;
}

static int badness(const char *verdict)
{
	return !strcmp(verdict, gm_verdict_word(GM_PASS))      ? 1
	       : !strcmp(verdict, gm_verdict_word(GM_SKIPPED)) ? 2
	       : !strcmp(verdict, gm_verdict_word(GM_ERRORED)) ? 3
	       : !strcmp(verdict, gm_verdict_word(GM_FAILED))  ? 4
							       : 0;
}

static void count(struct totals *t, const char *verdict)
{
	t->pass += !strcmp(verdict, gm_verdict_word(GM_PASS));
	t->fail += !strcmp(verdict, gm_verdict_word(GM_FAILED));
	t->xfail += !strcmp(verdict, WORD_XFAIL);
	t->xpass += !strcmp(verdict, WORD_XPASS);
	t->skip += !strcmp(verdict, gm_verdict_word(GM_SKIPPED));
	t->error += !strcmp(verdict, gm_verdict_word(GM_ERRORED));
}

static struct skip *skip_of(struct state *st, const struct record *rec)
{
	const char *reason = record_reason(rec), *remedy = jstr(rec->end, "remedy");
	struct skip *skip;

	for (skip = st->skips; skip < st->skips + st->nr_skips; skip++)
		if (!strcmp(skip->reason, reason) && !strcmp(skip->remedy, remedy))
			return skip;
	*skip = (struct skip){ reason, remedy, 0, rec };
	st->nr_skips++;
	return skip;
}

static void be_strict(struct state *st, struct record *rec);

static void settle(struct state *st, struct record *rec)
{
	be_strict(st, rec);
	rec->settled = true;
	st->order[st->nr_order++] = rec;
	if (!strcmp(record_verdict(rec), gm_verdict_word(GM_SKIPPED))) {
		rec->skip = skip_of(st, rec);
		rec->skip->nr++;
	}
	count(&st->totals, record_verdict(rec));
}

static void case_start(const struct state *st, struct record *rec, const json_t *ev)
{
	rec->klog_at = st->nr_klog;
	json_decref(rec->live);
	rec->live = json_deep_copy(ev);
	rec->running = true;
	rec->since = now();
}

static void case_miss(struct record *rec, const json_t *ev)
{
	json_t *fails = json_object_get(rec->live, "fails");

	if (!fails) {
		fails = json_array();
		json_object_set_new(rec->live, "fails", fails);
	}
	json_array_append_new(fails, json_deep_copy(json_object_get(ev, "fail")));
}

/* A case that is known to fail passes, and that is forbidden. */
static void fail_strictly(struct record *rec, const struct known_row *row)
{
	char *reason = xprintf("passes, but %s:%d says that it fails (%s): remove that row",
			       row->file, row->nr, row->text);

	json_object_set_new(rec->end, "verdict", json_string(gm_verdict_word(GM_FAILED)));
	json_object_set_new(rec->end, "reason", jtext(reason));
	free(reason);
}

static void compare_with_known(struct state *st, struct record *rec)
{
	const char *verdict = jstr(rec->end, "verdict");
	struct known_row *row = NULL;
	bool passed = !strcmp(verdict, gm_verdict_word(GM_PASS));

	rec->known = NULL;
	rec->word = verdict;
	if (!st->known)
		return;
	if (passed)
		row = known_find(st->known, rec->name, rec->clause);
	else if (!strcmp(verdict, gm_verdict_word(GM_FAILED)))
		row = known_explains(st->known, rec->name, rec->clause, rec->end);
	if (!row)
		return;
	row->used += !passed;
	rec->known = row;
	rec->word = passed ? WORD_XPASS : WORD_XFAIL;
}

/* A pass of all rounds is known only at the end. */
static void be_strict(struct state *st, struct record *rec)
{
	if (!st->strict_known || strcmp(record_verdict(rec), WORD_XPASS))
		return;
	fail_strictly(rec, rec->known);
	rec->word = jstr(rec->end, "verdict");
	rec->known = NULL;
	rec->bad_runs++;
}

static void keep_try(struct record *rec, const json_t *ev)
{
	if (!json_object_get(ev, "try"))
		return;
	if (!rec->tries)
		rec->tries = json_array();
	json_array_append_new(rec->tries,
			      json_pack("{s:s s:s s:f}", "verdict", jstr(ev, "verdict"), "reason",
					jstr(ev, "reason"), "time", jnum(ev, "time")));
}

/* Of the lines that are kept, those since the case began. */
static void keep_klog(const struct state *st, struct record *rec)
{
	size_t kept = json_array_size(st->klog), since = st->nr_klog - rec->klog_at;

	json_decref(rec->klog);
	rec->klog = NULL;
	/* Without a start all lines would be its own. */
	if (!since || !rec->live)
		return;
	rec->klog = json_array();
	for (size_t i = since < kept ? kept - since : 0; i < kept; i++)
		json_array_append(rec->klog, json_array_get(st->klog, i));
}

bool record_flaky(const struct record *rec)
{
	return rec->tries && rec->bad_runs && rec->bad_runs < rec->runs;
}

static bool case_end(struct state *st, struct record *rec, const json_t *ev)
{
	int bad = badness(jstr(ev, "verdict"));
	long long rounds = jint(st->start, "rounds");

	rec->running = false;
	st->last = rec;
	if (!bad)
		return false;
	rec->runs++;
	rec->bad_runs += bad >= 3;
	rec->time += jnum(ev, "time");
	/* A final verdict stays: it has been printed. */
	if (rec->settled)
		return false;
	if (!rec->end || bad > badness(jstr(rec->end, "verdict"))) {
		json_decref(rec->end);
		rec->end = json_deep_copy(ev);
		if (bad >= 3)
			keep_klog(st, rec);
	}
	keep_try(rec, ev);
	compare_with_known(st, rec);
	if (json_is_true(json_object_get(ev, "more")))
		return false;
	/* A pass is final after the last round; anything else at once. */
	if (badness(jstr(rec->end, "verdict")) == 1 && !(rounds && jint(ev, "round") >= rounds - 1))
		return false;
	settle(st, rec);
	return true;
}

static void take_klog(void *arg, const char *line)
{
	struct state *st = arg;
	double t = console_time(line);

	json_array_append_new(st->klog, jtext(line));
	if (json_array_size(st->klog) > KLOG_LINES)
		json_array_remove(st->klog, 0);
	st->nr_klog++;
	if (t > st->klog_time)
		st->klog_time = t;
}

static void stream_end(struct state *st, const json_t *ev)
{
	json_t *cases = json_object_get(ev, "cases");

	free(st->lost);
	free(st->console);
	st->lost = xstrdup(jstr(ev, "reason"));
	st->console = xstrdup(jstr(ev, "console"));
	if (cases)
		json_array_append_new(st->deaths, json_pack("{s:i s:O s:s}", "boot", st->boots,
							    "cases", cases, "reason", st->lost));
}

struct change state_apply(struct state *st, const json_t *ev)
{
	struct change ch = { .ev = jstr(ev, "ev") };

	if (!strcmp(ch.ev, "run_start")) {
		ch.began = begin(st, ev);
		ch.resumed = !ch.began;
		return ch;
	}
	if (!st->start)
		return ch;
	/* Each boot counts from zero; show the latest time. */
	if (jnum(ev, "t") > st->t)
		st->t = jnum(ev, "t");
	if (*jstr(ev, "case"))
		ch.rec = find(st, jstr(ev, "case"));

	if (!strcmp(ch.ev, "case_start") && ch.rec) {
		case_start(st, ch.rec, ev);
	} else if (!strcmp(ch.ev, "case_end") && ch.rec) {
		ch.settled = case_end(st, ch.rec, ev);
	} else if (!strcmp(ch.ev, "case_miss") && ch.rec && ch.rec->live) {
		case_miss(ch.rec, ev);
	} else if (!strcmp(ch.ev, "finding")) {
		json_array_append_new(st->findings, json_deep_copy(ev));
	} else if (!strcmp(ch.ev, "kmsg")) {
		each_line(jstr(ev, "text"), take_klog, st);
	} else if (!strcmp(ch.ev, "broken")) {
		free(st->broken);
		st->broken = xstrdup(jstr(ev, "reason"));
		st->last = ch.rec ?: st->last;
	} else if (!strcmp(ch.ev, "run_end")) {
		free(st->interrupted);
		st->interrupted = xstrdup(jstr(ev, "interrupted"));
	} else if (!strcmp(ch.ev, "stream_end")) {
		stream_end(st, ev);
	}
	return ch;
}

struct record *state_settle_next(struct state *st)
{
	for (size_t i = 0; i < st->n; i++) {
		if (!st->v[i].settled && st->v[i].end) {
			settle(st, &st->v[i]);
			return &st->v[i];
		}
	}
	return NULL;
}

json_t *state_verdict_for(const struct state *st, const struct record *rec, const char *reason,
			  const char *report)
{
	json_t *ev = event_new("case_end", st->t), *fails = json_object_get(rec->live, "fails");
	bool missed = rec->running && json_array_size(fails), broke = rec->running && report;
	char *message = NULL;

	json_object_set_new(ev, "case", json_string(rec->name));
	json_object_set_new(ev, "round", json_integer(jint(rec->live, "round")));
	json_object_set_new(ev, "seed",
			    json_string(*jstr(rec->live, "seed") ? jstr(rec->live, "seed")
								 : jstr(st->start, "seed")));
	json_object_set_new(ev, "verdict",
			    json_string(gm_verdict_word(missed || broke ? GM_FAILED : GM_ERRORED)));
	if (missed)
		json_object_set(ev, "fails", fails);
	if (broke) {
		json_object_set_new(ev, "leaks",
				    json_pack("[{s:s, s:o}]", "clause", "leak.kernel_log", "text",
					      jtext(report)));
		message = xprintf("leak.kernel_log: %.*s\n%s",
				  (int)first_lines(report, MESSAGE_LINES), report, reason);
	}
	json_object_set_new(ev, "reason", jtext(message ?: reason));
	free(message);
	json_object_set_new(ev, "ran", json_boolean(rec->running));
	json_object_set_new(ev, "time", json_real(rec->running ? now() - rec->since : 0));
	return ev;
}

const char *record_verdict(const struct record *rec)
{
	return rec->end ? rec->word : gm_verdict_word(GM_ERRORED);
}

const char *record_reason(const struct record *rec)
{
	if (rec->end)
		return jstr(rec->end, "reason");
	return rec->running ? "the run ended while it ran" : NOT_RUN;
}

const char *record_seed(const struct state *st, const struct record *rec)
{
	const char *seed = jstr(rec->end, "seed");

	return *seed ? seed : jstr(st->start, "seed");
}

struct totals state_totals_now(const struct state *st)
{
	struct totals t = { 0 };

	for (size_t i = 0; i < st->n; i++)
		count(&t, record_verdict(&st->v[i]));
	return t;
}

int state_exit_code(const struct state *st)
{
	struct totals t = state_totals_now(st);

	if (st->interrupted && *st->interrupted)
		for (int sig = 1; sig < NSIG; sig++)
			if (sigabbrev_np(sig) && !strcmp(st->interrupted + 3, sigabbrev_np(sig)))
				return 128 + sig;
	if (t.fail || t.error || json_array_size(st->findings) || st->lost || !st->interrupted ||
	    (st->no_shrink && baseline_shrank(st->changes)))
		return EXIT_FAILED;
	return t.pass || t.xfail || t.xpass ? EXIT_HELD : EXIT_SKIPPED;
}

const char *state_word(const struct state *st)
{
	if (!st->over)
		return "running";
	if (st->lost || !st->interrupted)
		return "died";
	return *st->interrupted ? "interrupted" : "finished";
}

double state_time_scale(const struct state *st)
{
	double factor = jnum(st->start, "time_factor"), scale = jnum(st->start, "timeout_scale");

	return (factor ?: 1) * (scale ?: 1);
}

char *state_remarks(const struct state *st)
{
	bool texts = !st->n;

	for (size_t i = 0; i < st->n; i++)
		texts = texts || *jstr(st->v[i].decl, "clause_text");
	return xprintf(
		"%s%s",
		json_is_false(json_object_get(st->start, "klog"))
			? "the kernel log cannot be read: a WARNING goes unnoticed (run as root)\n"
			: "",
		texts ? ""
		      : "no contract/clauses.tsv nearby: clauses are named without their text\n");
}

/* Were cases chosen by the user? Then others are no loss. */
static bool narrowed(const struct state *st)
{
	static const char *const options[] = { "--filter", "--clause", "--failed", "--case-list" };
	const json_t *arg;
	size_t i;

	json_array_foreach(json_object_get(st->start, "args"), i, arg)
		for (size_t k = 0; k < ARRAY_SIZE(options); k++)
			if (!strncmp(json_string_value(arg) ?: "", options[k], strlen(options[k])))
				return true;
	return false;
}

char *state_known_warnings(const struct state *st)
{
	return st->known ? known_warnings(st->known, !narrowed(st)) : xstrdup("");
}

void state_compare(struct state *st)
{
	json_t *cases = json_array(), *old = json_array(), *names = json_object(), *c;
	size_t k;

	if (!st->baseline || st->changes)
		goto out;
	for (size_t i = 0; i < st->n; i++) {
		const struct record *rec = &st->v[i];
		json_t *ran = json_object_get(rec->end, "ran");

		json_array_append_new(cases, json_pack("{s:s s:s s:b}", "name", rec->name,
						       "verdict", record_verdict(rec), "ran",
						       rec->end && !json_is_false(ran)));
		json_object_set_new(names, rec->name, json_true());
	}
	json_array_foreach(json_object_get(st->baseline, "cases"), k, c)
		if (!narrowed(st) || json_object_get(names, jstr(c, "name")))
			json_array_append(old, c);
	st->changes = baseline_changes(old, cases);
out:
	json_decref(cases);
	json_decref(old);
	json_decref(names);
}

char *state_changes(const struct state *st)
{
	return baseline_text(st->changes);
}

char *state_deaths(const struct state *st)
{
	const json_t *death, *name;
	char *text = NULL;
	size_t size, i, k;
	FILE *f = open_memstream(&text, &size);

	json_array_foreach(st->deaths, i, death) {
		fprintf(f, "boot %lld ended", jint(death, "boot"));
		json_array_foreach(json_object_get(death, "cases"), k, name)
			fprintf(f, "%s%s", k ? ", " : " with ", json_string_value(name) ?: "");
		fprintf(f, ": %.*s\n", (int)strcspn(jstr(death, "reason"), "\n"),
			jstr(death, "reason"));
	}
	fclose(f);
	return text;
}

char *state_rerun(const struct state *st, const struct record *rec)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (const char *s = st->rerun_format; *s; s++) {
		if (s[0] == '%' && (s[1] == 'n' || s[1] == 's'))
			fputs(*++s == 'n' ? rec->name : record_seed(st, rec), f);
		else if (s[0] == '%' && s[1] == '%')
			fputc(*++s, f);
		else
			fputc(*s, f);
	}
	fclose(f);
	return text;
}

char *record_log(const struct record *rec)
{
	return xprintf("logs/%s.log", rec->name);
}
