// SPDX-License-Identifier: GPL-2.0-only
/* Counts the checks of a case, and writes records of misses and of the verdict. */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform.h"
#include "verdict.h"

static struct {
	pthread_mutex_t lock;
	int fd;	      /* of the report pipe, or stderr */
	bool plain;   /* print for people, not for the runner */
	bool refusal; /* PASS needs a control that held */
	bool over;    /* the case has ended, with any verdict */
	bool skipped; /* gm_skip() was called */
	atomic_ulong checks, controls, failures;
} st = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO, .plain = true };

/* Further misses are only counted. */
#define MISSES_PRINTED 20

static size_t escape(char *to, size_t room, const char *from)
{
	size_t n = 0;

	for (; *from && n + 3 < room; from++) {
		const char *e = *from == '\t'	? "\\t"
				: *from == '\n' ? "\\n"
				: *from == '\\' ? "\\\\"
						: NULL;

		if (e) {
			to[n++] = e[0];
			to[n++] = e[1];
		} else {
			to[n++] = *from;
		}
	}
	to[n] = 0;
	return n;
}

/*
 * One write() per record, so that records of threads do not mix: up to 4 KiB are atomic in a pipe.
 */
static void record(enum gm_record kind, const char *const *fields)
{
	int nr = gm_record_fields(kind);
	char line[4000];
	size_t n = 0;

	n += snprintf(line, sizeof(line), "%s", gm_record_word(kind));
	for (int i = 0; i < nr && n < sizeof(line) - 8; i++) {
		line[n++] = st.plain ? ' ' : '\t';
		if (st.plain)
			n += snprintf(line + n, sizeof(line) - n - 1, "%s", fields[i]);
		else
			n += escape(line + n, (sizeof(line) - n - 1) / (nr - i), fields[i]);
		if (n > sizeof(line) - 2)
			n = sizeof(line) - 2;
	}
	line[n++] = '\n';
	while (write(st.fd, line, n) < 0 && errno == EINTR)
		;
}

void gm_report_open(int fd, bool plain, bool refusal)
{
	st.fd = fd;
	st.plain = plain;
	st.refusal = refusal;
	st.over = false;
	st.checks = st.controls = st.failures = 0;
}

unsigned long gm_failures(void)
{
	return st.failures;
}

bool gm_skipped(void)
{
	return st.skipped;
}

void gm_checked(void)
{
	st.checks++;
}

static void page_names(char *to, size_t room, const struct gm_page *p)
{
	const struct {
		const char *name;
		struct gm_name is;
	} names[] = {
		{ "gmem offset", p->off }, { "gpa", p->gpa },	{ "gva", p->gva },
		{ "hva", p->hva },	   { "iova", p->iova }, { "pfn", p->pfn },
	};
	size_t n = 0;

	to[0] = 0;
	for (unsigned int i = 0; i < 6; i++)
		if (names[i].is.known && n < room)
			n += snprintf(to + n, room - n, "%s%s %#llx",
				      n ? ", " : " [page: ", names[i].name,
				      (unsigned long long)names[i].is.at);
	if (n && n < room)
		snprintf(to + n, room - n, "]");
}

static void miss(const struct gm_page *page, const char *file, int line, const char *text)
{
	char where[256], full[3000], names[300] = "";
	const char *base = strrchr(file, '/');

	if (++st.failures > MISSES_PRINTED)
		return;
	if (page)
		page_names(names, sizeof(names), page);
	snprintf(where, sizeof(where), "%s:%d", base ? base + 1 : file, line);
	snprintf(full, sizeof(full), "%s%s", text, names);
	record(GM_RECORD_FAIL, (const char *[]){ where, full });
}

#define FORMAT(buf, fmt)                                                                           \
	char buf[2600];                                                                            \
	do {                                                                                       \
		va_list __ap;                                                                      \
		va_start(__ap, fmt);                                                               \
		vsnprintf(buf, sizeof(buf), fmt, __ap);                                            \
		va_end(__ap);                                                                      \
	} while (0)

void gm_fail(const struct gm_page *page, const char *file, int line, const char *fmt, ...)
{
	FORMAT(text, fmt);

	miss(page, file, line, text);
}

void gm_note(const char *fmt, ...)
{
	FORMAT(text, fmt);

	record(GM_RECORD_NOTE, (const char *[]){ text });
}

void gm_leak(const char *clause, const char *fmt, ...)
{
	FORMAT(text, fmt);

	st.failures++;
	record(GM_RECORD_LEAK, (const char *[]){ clause, text });
}

void gm_missing(const char *need)
{
	record(GM_RECORD_MISSING, &need);
}

void __gm_control(bool held, const char *file, int line, const char *fmt, ...)
{
	FORMAT(text, fmt);

	if (!held)
		gm_error(file, line, "the control failed: %s (%s)", text, gm_errno_name(errno));
	if (!st.controls++)
		record(GM_RECORD_CONTROL, (const char *[]){ text });
}

void __gm_promise(bool held, const char *file, int line, const char *fmt, ...)
{
	int err = errno;
	FORMAT(text, fmt);

	if (!held && (err == ENOMEM || err == EMFILE || err == ENFILE))
		gm_error(file, line, "the control failed: %s (%s)", text, gm_errno_name(err));
	gm_checked();
	if (!held) {
		gm_fail(NULL, file, line, "what must succeed does not: %s (%s)", text,
			gm_errno_name(err));
		gm_end();
	}
	if (!st.controls++)
		record(GM_RECORD_CONTROL, (const char *[]){ text });
}

/* --- the end --- */

static struct {
	void (*fn)(void *arg);
	void *arg;
} cleanups[64];
static atomic_int cleanups_nr;

void gm_cleanup(void (*fn)(void *arg), void *arg)
{
	int i = cleanups_nr++;

	if (i >= (int)(sizeof(cleanups) / sizeof(cleanups[0])))
		GM_ERROR("more than %d clean-ups", i);
	cleanups[i].fn = fn;
	cleanups[i].arg = arg;
}

void gm_cleanup_run(void)
{
	while (cleanups_nr > 0) {
		int i = --cleanups_nr;

		cleanups[i].fn(cleanups[i].arg);
	}
}

/*
 * The first verdict counts: other threads block here until the process ends. If a clean-up fails,
 * the same thread calls this again, and the verdict of that call counts.
 */
static void end_with(enum gm_verdict v, const char *reason, const char *remedy)
{
	static pthread_t owner;
	char checks[32], controls[32];

	if (!st.over || !pthread_equal(owner, pthread_self())) {
		pthread_mutex_lock(&st.lock);
		owner = pthread_self();
		st.over = true;
		gm_cleanup_run();
	}
	if (v == GM_PASS && st.failures) {
		v = GM_FAILED;
		reason = "something was left behind";
	}
	snprintf(checks, sizeof(checks), GM_KEY_CHECKS "=%lu", st.checks);
	snprintf(controls, sizeof(controls), GM_KEY_CONTROLS "=%lu", st.controls);
	record(GM_RECORD_VERDICT,
	       (const char *[]){ gm_verdict_word(v), reason, remedy, checks, controls });
	fflush(NULL);
	_exit(gm_verdict_status(v));
}

void gm_verdict(enum gm_verdict v, const char *reason, const char *remedy)
{
	char counted[64];

	if (v == GM_PASS && st.failures) {
		snprintf(counted, sizeof(counted), "%lu missed of %lu checks", st.failures,
			 st.checks);
		end_with(GM_FAILED, counted, "");
	}
	if (v == GM_PASS && !st.checks)
		end_with(GM_ERRORED, "the case ended without a single check", "");
	if (v == GM_PASS && st.refusal && !st.controls)
		end_with(GM_ERRORED, "a refusal was checked without a control that held", "");
	end_with(v, reason, remedy);
	__builtin_unreachable();
}

void gm_end(void)
{
	gm_verdict(st.failures ? GM_FAILED : GM_PASS, st.failures ? "ended at the first miss" : "",
		   "");
	__builtin_unreachable();
}

void gm_error(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char full[2900];
	FORMAT(text, fmt);

	snprintf(full, sizeof(full), "%s:%d: %s", base ? base + 1 : file, line, text);
	/* A later set-up failure does not turn a FAIL into an ERROR. */
	if (st.failures) {
		gm_note("%s", full);
		gm_end();
	}
	gm_verdict(GM_ERRORED, full, "");
	__builtin_unreachable();
}

void gm_skip(const char *reason, const char *remedy, ...)
{
	FORMAT(text, remedy);

	if (st.failures)
		gm_end();
	st.skipped = true;
	gm_verdict(GM_SKIPPED, reason, text);
	__builtin_unreachable();
}

void gm_need(enum gm_need n)
{
	if (!gm_platform_has(n))
		gm_skip(gm_need_reason(n), "%s", gm_need_remedy(n));
}

/* --- comparisons --- */

const char *gm_errno_name(int err)
{
	static __thread char ring[4][32];
	static __thread unsigned int next;
	const char *name = strerrorname_np(err);

	if (name)
		return name;
	next = (next + 1) % 4;
	snprintf(ring[next], sizeof(ring[next]), "errno %d", err);
	return ring[next];
}

bool __gm_expect_eq(uint64_t observed, uint64_t expected, const char *file, int line,
		    const char *fmt, ...)
{
	char full[2900];

	st.checks++;
	if (observed == expected)
		return true;

	FORMAT(text, fmt);
	snprintf(full, sizeof(full), "%s: expected %llu (%#llx), observed %llu (%#llx)", text,
		 (unsigned long long)expected, (unsigned long long)expected,
		 (unsigned long long)observed, (unsigned long long)observed);
	miss(NULL, file, line, full);
	return false;
}

bool __gm_expect_errno(long ret, int observed, int expected, const char *file, int line,
		       const char *call, const char *fmt, ...)
{
	char full[2900], got[64];

	st.checks++;
	if (ret == -1 && observed == expected)
		return true;

	FORMAT(text, fmt);
	if (ret == -1)
		snprintf(got, sizeof(got), "%s", gm_errno_name(observed));
	else
		snprintf(got, sizeof(got), "success (%ld)", ret);
	snprintf(full, sizeof(full), "%s%s%s: expected %s, observed %s", call, *text ? " " : "",
		 text, gm_errno_name(expected), got);
	miss(NULL, file, line, full);
	return false;
}

bool __gm_expect_ok(long ret, int observed, const char *file, int line, const char *call,
		    const char *fmt, ...)
{
	char full[2900];

	st.checks++;
	if (ret != -1)
		return true;

	FORMAT(text, fmt);
	snprintf(full, sizeof(full), "%s%s%s: expected success, observed %s", call,
		 *text ? " " : "", text, gm_errno_name(observed));
	miss(NULL, file, line, full);
	return false;
}
