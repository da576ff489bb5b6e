// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parses a case's records and judges the case. The verdict that the case reports counts only if its
 * misses, its leaks and the end of its process agree with it.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "protocol.h"
#include "report.h"

#define LINE_MAX_BYTES (256 << 10)
#define MAX_FAILS 100
#define MAX_NOTES 400

/* SIGKILL ends every task, unless the kernel has a defect. */
#define HANGS "hangs in the kernel: %u task(s) survived SIGKILL"
#define REBOOT "only a reboot of the machine ends it"

void report_init(struct report *r)
{
	memset(r, 0, sizeof(*r));
	r->fails = json_array();
	r->notes = json_array();
	r->controls = json_array();
	r->leaks = json_array();
}

void report_free(struct report *r)
{
	json_decref(r->fails);
	json_decref(r->notes);
	json_decref(r->controls);
	json_decref(r->leaks);
	free(r->verdict);
	free(r->reason);
	free(r->remedy);
	free(r->missing);
	free(r->denied);
	free(r->line);
	memset(r, 0, sizeof(*r));
}

static void keep(struct report *r, json_t *list, size_t max, json_t *item)
{
	if (json_array_size(list) < max) {
		json_array_append_new(list, item);
	} else {
		r->dropped++;
		json_decref(item);
	}
}

void report_note(struct report *r, const char *text)
{
	keep(r, r->notes, MAX_NOTES, jtext(text));
}

static json_t *pair(const char *key, const char *value, const char *text)
{
	json_t *obj = json_object();

	json_object_set_new(obj, key, jtext(value));
	json_object_set_new(obj, "text", jtext(text));
	return obj;
}

void report_leak(struct report *r, const char *clause, const char *text)
{
	keep(r, r->leaks, MAX_FAILS, pair("clause", clause, text));
}

static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\' && s[1]) {
			s++;
			*to++ = *s == 'n' ? '\n' : *s == 't' ? '\t' : *s;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static bool parse_count(const char *field, const char *key, long long *value)
{
	size_t len = strlen(key);
	char *end;

	if (strncmp(field, key, len) || field[len] != '=')
		return false;
	*value = strtoll(field + len + 1, &end, 10);
	return end != field + len + 1 && !*end && *value >= 0;
}

static bool take_verdict(struct report *r, char **field)
{
	if (gm_verdict_find(field[1]) == GM_VERDICT_NR ||
	    !parse_count(field[4], GM_KEY_CHECKS, &r->checks) ||
	    !parse_count(field[5], GM_KEY_CONTROLS, &r->nr_controls))
		return false;
	if (r->verdicts++)
		return true;
	r->verdict = xstrdup(field[1]);
	r->reason = clean_text(field[2], strlen(field[2]));
	r->remedy = clean_text(field[3], strlen(field[3]));
	return true;
}

static void take_record(struct report *r, char *line)
{
	char *field[7] = { line };
	enum gm_record kind;
	bool ok = true;
	int n = 0;

	for (char *s = line; s && n < 7; n++) {
		field[n] = s;
		s = strchr(s, '\t');
		if (s)
			*s++ = '\0';
	}
	for (int i = 0; i < n; i++)
		unescape(field[i]);

	kind = gm_record_find(field[0]);
	if (kind == GM_RECORD_NR || n != 1 + gm_record_fields(kind)) {
		r->garbled++;
		return;
	}
	switch (kind) {
	case GM_RECORD_NOTE:
		report_note(r, field[1]);
		break;
	case GM_RECORD_CONTROL:
		keep(r, r->controls, MAX_NOTES, jtext(field[1]));
		break;
	case GM_RECORD_FAIL:
		keep(r, r->fails, MAX_FAILS, pair("at", field[1], field[2]));
		break;
	case GM_RECORD_LEAK:
		report_leak(r, field[1], field[2]);
		break;
	case GM_RECORD_MISSING:
		ok = !r->missing;
		if (ok)
			r->missing = xstrdup(field[1]);
		break;
	case GM_RECORD_DENIED:
		if (!r->denied)
			r->denied = xprintf("%s (%s)", field[1], field[2]);
		break;
	default:
		ok = take_verdict(r, field);
	}
	r->garbled += !ok;
}

void report_feed(struct report *r, const char *data, size_t len)
{
	while (len) {
		const char *nl = memchr(data, '\n', len);
		size_t part = nl ? (size_t)(nl - data) : len;

		if (r->line_len + part > LINE_MAX_BYTES) {
			/* A record longer than any record may be: drop it. */
			part = nl ? part : len;
			r->garbled++;
			r->line_len = 0;
		} else {
			r->line = xgrow(r->line, r->line_len + part + 1);
			memcpy(r->line + r->line_len, data, part);
			r->line_len += part;
			r->line[r->line_len] = '\0';
			if (nl && r->line_len)
				take_record(r, r->line);
			if (nl)
				r->line_len = 0;
		}
		data += part + !!nl;
		len -= part + !!nl;
	}
}

char *describe_end(const struct gm_iso_end *end)
{
	if (!end->reaped)
		return xstrdup("it could not be killed");
	if (WIFEXITED(end->status))
		return xprintf("exit status %d", WEXITSTATUS(end->status));
	return xprintf("killed by SIG%s (%s)", sigabbrev_np(WTERMSIG(end->status)) ?: "?",
		       strsignal(WTERMSIG(end->status)));
}

static struct judgement verdict(enum gm_verdict v, char *reason, const char *remedy)
{
	return (struct judgement){ gm_verdict_word(v), reason, xstrdup(remedy ? remedy : ""),
				   false };
}

static bool ended_well(const struct gm_iso_end *end, int status)
{
	return end->reaped && WIFEXITED(end->status) && WEXITSTATUS(end->status) == status;
}

static struct judgement judge_no_verdict(struct report *r, const struct judge_by *by)
{
	const struct gm_iso_end *end = by->end;
	struct judgement j;
	char *how;

	if (by->keeper_lost)
		return verdict(GM_ERRORED, xstrdup("the keeper process of the case was killed"),
			       NULL);
	if (end->stuck)
		return verdict(GM_FAILED, xprintf(HANGS, end->stuck), REBOOT);
	if (by->interrupted && end->stopped)
		return verdict(GM_ERRORED, xstrdup("interrupted"), NULL);
	if (end->timed_out)
		return verdict(GM_ERRORED,
			       xprintf("no verdict within %g s%s", by->timeout,
				       end->killed ? ", and it ignored SIGTERM" : ""),
			       "--timeout-scale gives slow machines more time");
	how = describe_end(end);
	j = verdict(GM_ERRORED, xprintf("ended without a verdict: %s", how), NULL);
	free(how);
	if (r->garbled) {
		how = xprintf("%s; %u garbled record(s)", j.reason, r->garbled);
		free(j.reason);
		j.reason = how;
	}
	return j;
}

struct judgement judge_skip(bool required, const char *reason, const char *remedy)
{
	struct judgement j =
		required ? verdict(GM_FAILED, xprintf("required, but skipped: %s", reason), remedy)
			 : verdict(GM_SKIPPED, xstrdup(reason), remedy);

	j.skipped = true;
	return j;
}

static struct judgement judge_verdict(struct report *r, const struct judge_by *by)
{
	const struct gm_iso_end *end = by->end;
	enum gm_verdict reported = gm_verdict_find(r->verdict);
	bool pass = reported == GM_PASS, skip = reported == GM_SKIPPED;
	struct judgement j;
	char *how;

	if (reported == GM_ERRORED)
		return verdict(GM_ERRORED, xstrdup(r->reason), r->remedy);
	if (r->verdicts > 1)
		return verdict(GM_ERRORED,
			       xprintf("reported %u verdicts, %s first", r->verdicts, r->verdict),
			       NULL);
	if (reported == GM_FAILED || json_array_size(r->fails))
		return verdict(GM_FAILED,
			       xstrdup(pass ? "reported both misses and PASS" : r->reason),
			       r->remedy);

	/* PASS or SKIP: the exit status must match. */
	if (end->stuck) {
		how = xprintf(HANGS, end->stuck);
		j = verdict(GM_FAILED, xprintf("reported %s, then: %s", r->verdict, how), REBOOT);
		free(how);
		return j;
	}
	if (end->timed_out)
		return verdict(GM_ERRORED, xprintf("hung after its verdict (%s)", r->verdict),
			       NULL);
	if (!ended_well(end, gm_verdict_status(reported))) {
		how = describe_end(end);
		j = verdict(GM_ERRORED, xprintf("reported %s, then: %s", r->verdict, how), NULL);
		free(how);
		return j;
	}
	if (r->garbled)
		return verdict(
			GM_ERRORED,
			xprintf("reported %s, and %u garbled record(s)", r->verdict, r->garbled),
			NULL);
	if (skip)
		return judge_skip(by->required, r->reason, r->remedy);
	if (pass && !r->checks)
		return verdict(GM_ERRORED, xstrdup("reported PASS without a single check"), NULL);
	if (pass && by->refusal && !r->nr_controls)
		return verdict(GM_ERRORED,
			       xstrdup("reported a refusal without a control that held"), NULL);
	return verdict(GM_PASS, xstrdup(r->reason), r->remedy);
}

static void add_end_note(void *arg, const char *line)
{
	report_note(arg, line);
}

static void add_end_leak(void *arg, const char *line)
{
	report_leak(arg, "leak.processes", line);
}

/* A case that missed something FAILs for it, even if it ends without a verdict. */
static struct judgement keep_misses(const struct report *r, struct judgement j)
{
	char *reason;

	if (r->verdict || !json_array_size(r->fails))
		return j;
	reason = xprintf("%zu missed, then: %s", json_array_size(r->fails), j.reason);
	free(j.reason);
	j.verdict = gm_verdict_word(GM_FAILED);
	j.reason = reason;
	return j;
}

/* The splat, or else the taint, that the case left behind: a defect of the kernel. NULL: none. */
static const json_t *kernel_complaint(const struct report *r)
{
	const json_t *leak, *taint = NULL;
	size_t i;

	json_array_foreach(r->leaks, i, leak) {
		if (!strcmp(jstr(leak, "clause"), "leak.kernel_log"))
			return leak;
		if (!strcmp(jstr(leak, "clause"), "leak.taint"))
			taint = taint ?: leak;
	}
	return taint;
}

/*
 * A leak makes PASS and SKIP a FAIL. A complaint of the kernel makes an ERROR one, too: the kernel
 * may have killed the case, or taken from it what it needs.
 */
static struct judgement blame_leaks(const struct report *r, const struct judge_by *by,
				    struct judgement j)
{
	const json_t *leak = kernel_complaint(r) ?: json_array_get(r->leaks, 0);
	/* The case's own verdict goes first, but not how it ended. */
	bool ended = kernel_complaint(r) && (by->keeper_lost || by->end->stuck || !r->verdict);
	bool errored = ended || !strcmp(j.verdict, gm_verdict_word(GM_ERRORED));
	char *message, *reason;

	if (!leak || (!strcmp(j.verdict, gm_verdict_word(GM_FAILED)) && !ended) ||
	    (errored && !kernel_complaint(r)))
		return j;
	message = xprintf("%s: %.*s", jstr(leak, "clause"),
			  (int)first_lines(jstr(leak, "text"), MESSAGE_LINES), jstr(leak, "text"));
	reason = errored ? xprintf("%s\nthe case then: %s", message, j.reason) : xstrdup(message);
	free(message);
	free(j.reason);
	j.verdict = gm_verdict_word(GM_FAILED);
	j.skipped = false;
	j.reason = reason;
	return j;
}

/*
 * A case whose call a security policy denied is a SKIP unless it PASSes: the kernel is not at
 * fault.
 */
static struct judgement excuse(struct report *r, const struct judge_by *by, struct judgement j)
{
	char *note;

	if (!r->denied || !strcmp(j.verdict, gm_verdict_word(GM_PASS)) || by->keeper_lost ||
	    by->interrupted || by->end->stuck || kernel_complaint(r))
		return j;
	note = xprintf("without that call the case was %s: %s", j.verdict, j.reason);
	report_note(r, note);
	free(note);
	free(r->reason);
	free(r->remedy);
	free(r->missing);
	r->missing = NULL;
	r->reason = xprintf("a security policy denies %s", r->denied);
	r->remedy = xprintf(
		"allow that call: seccomp (containers, SystemCallFilter= of systemd), SELinux, AppArmor%s",
		strstr(r->denied, "ENOSYS") ? "; or a kernel that has it" : "");
	free(j.reason);
	free(j.remedy);
	return judge_skip(by->required, r->reason, r->remedy);
}

struct judgement judge(struct report *r, const struct judge_by *by)
{
	struct judgement j;

	if (!by->keeper_lost) {
		bool own_end = by->end->leftovers && r->verdict;

		if (by->end->stuck)
			report_leak(r, "leak.processes", by->end->text);
		else
			each_line(by->end->text, own_end ? add_end_leak : add_end_note, r);
	}
	if (r->dropped) {
		char *text = xprintf("%lu more records were dropped", r->dropped);

		json_array_append_new(r->notes, jtext(text));
		free(text);
	}

	if (by->stuck && *by->stuck && !by->keeper_lost) {
		char *text =
			xprintf("%s does not return: it faults or waits without end", by->stuck);

		json_array_append_new(r->fails, pair("at", "the time limit", text));
		free(text);
	}

	j = r->verdict && !by->keeper_lost ? judge_verdict(r, by)
					   : keep_misses(r, judge_no_verdict(r, by));
	j = blame_leaks(r, by, j);
	return excuse(r, by, j);
}
