// SPDX-License-Identifier: GPL-2.0-only
/*
 * The case's side of the protocol: the record, exit status and verdict of each way to end.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "unit.h"

#include "case.h"
#include "check.h"
#include "verdict.h"
#include "../../runner/report.h"

struct outcome {
	struct gm_iso_end end;
	struct report r;
	struct judgement j;
};

static void clean(void *arg)
{
	gm_note("clean-up %s", (const char *)arg);
}

/* Runs `body` as a case in a process of its own, and judges it as the runner would. */
static void run(struct outcome *o, void (*body)(void), bool refusal)
{
	struct judge_by by = { .end = &o->end, .refusal = refusal, .timeout = 60 };
	char buf[4096];
	ssize_t n;
	int p[2];
	pid_t pid;

	memset(o, 0, sizeof(*o));
	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (!pid) {
		close(p[0]);
		gm_report_open(p[1], false, refusal);
		body();
		gm_verdict(GM_PASS, "", "");
	}
	close(p[1]);
	report_init(&o->r);
	while ((n = read(p[0], buf, sizeof(buf))) > 0)
		report_feed(&o->r, buf, n);
	close(p[0]);
	waitpid(pid, &o->end.status, 0);
	o->end.reaped = true;
	o->j = judge(&o->r, &by);
}

static void done(struct outcome *o)
{
	report_free(&o->r);
	free(o->j.reason);
	free(o->j.remedy);
}

static void expect(void (*body)(void), bool refusal, const char *verdict, int status,
		   const char *reason)
{
	struct outcome o;

	run(&o, body, refusal);
	if (strcmp(o.j.verdict, verdict) || !strstr(o.j.reason, reason))
		fail_msg("%s (%s), expected %s (%s)", o.j.verdict, o.j.reason, verdict, reason);
	assert_int_equal(o.r.garbled, 0);
	assert_int_equal(o.r.verdicts, 1);
	assert_true(WIFEXITED(o.end.status));
	assert_int_equal(WEXITSTATUS(o.end.status), status);
	done(&o);
}

static void holds(void)
{
	GM_EXPECT(true, "never said");
}
static void nothing(void) {}
static void misses(void)
{
	GM_EXPECT(false, "seen %d", 7);
	GM_EXPECT(true, "x");
}
static void asserts(void)
{
	GM_ASSERT(false, "ends here");
	abort();
}
static void errs(void)
{
	GM_SETUP(false, "no memory");
	abort();
}
static void skips(void)
{
	gm_skip("no device", "load %s", "it");
}
static void skips_late(void)
{
	GM_FAIL("missed before");
	gm_skip("no device", "x");
}
static void controls(void)
{
	gm_control(true, "works on a memfd");
	holds();
}
static void promise(void)
{
	gm_promise(true, "a legal call");
}

static void promise_breaks(void)
{
	errno = EINVAL;
	gm_promise(false, "a legal call");
	gm_note("not reached");
}

static void promise_without_memory(void)
{
	errno = ENOMEM;
	gm_promise(false, "a legal call");
}

static void control_fails(void)
{
	errno = EPERM;
	gm_control(false, "works on a memfd");
	abort();
}

static void leaks(void)
{
	holds();
	gm_leak("leak.fds", "%d open", 2);
}

static void right_errno(void)
{
	GM_EXPECT_ERRNO(EBADF, close(-1));
}

static void wrong_errno(void)
{
	GM_EXPECT_ERRNO(EINVAL, close(-1));
}

static void no_error(void)
{
	GM_EXPECT_ERRNO(EINVAL, 0, "with flag %#x", 1);
}

static void stale_errno(void)
{
	/* A call that returns -1 and sets no errno must not match the old errno. */
	errno = EINVAL;
	GM_EXPECT_ERRNO(EINVAL, -1);
}

static void odd_text(void)
{
	GM_FAIL("tab\there\nline \\ two");
}

static void cleans(void)
{
	gm_cleanup(clean, "one");
	gm_cleanup(clean, "two");
	GM_ASSERT(false, "ends");
}

static void *miss_many(void *arg)
{
	for (int i = 0; i < 1000; i++)
		GM_EXPECT(i != 500, "thread %ld", (long)arg);
	return NULL;
}

static void threads(void)
{
	pthread_t t[8];

	for (long i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, miss_many, (void *)i);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
}

static void *end_it(void *arg)
{
	GM_ERROR("from a thread");
	return NULL;
}

static void racing_ends(void)
{
	pthread_t t[8];

	for (long i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, end_it, NULL);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
}

static void every_end_has_its_verdict(void **state)
{
	expect(holds, false, "PASS", 0, "");
	expect(nothing, false, "ERROR", 2, "single check");
	expect(misses, false, "FAIL", 1, "1 missed of 2 checks");
	expect(asserts, false, "FAIL", 1, "");
	expect(errs, false, "ERROR", 2, "no memory");
	expect(skips, false, "SKIP", 4, "no device");
	expect(skips_late, false, "FAIL", 1, "");
	expect(leaks, false, "FAIL", 1, "");
}

static void a_refusal_needs_a_control(void **state)
{
	expect(holds, true, "ERROR", 2, "control");
	expect(controls, true, "PASS", 0, "");
	expect(control_fails, true, "ERROR", 2, "the control failed: works on a memfd (EPERM)");
	expect(promise, true, "PASS", 0, "");
	expect(promise_breaks, true, "FAIL", 1, "");
	expect(promise_without_memory, true, "ERROR", 2,
	       "the control failed: a legal call (ENOMEM)");
	expect(misses, true, "FAIL", 1, "");
}

static void an_errno_is_exact(void **state)
{
	struct outcome o;

	expect(right_errno, false, "PASS", 0, "");
	expect(stale_errno, false, "FAIL", 1, "");
	run(&o, wrong_errno, false);
	assert_string_equal(o.j.verdict, "FAIL");
	assert_string_equal(jstr(json_array_get(o.r.fails, 0), "text"),
			    "close(-1): expected EINVAL, observed EBADF");
	done(&o);
	run(&o, no_error, false);
	assert_string_equal(jstr(json_array_get(o.r.fails, 0), "text"),
			    "0 with flag 0x1: expected EINVAL, observed success (0)");
	done(&o);
}

static void a_miss_names_its_place(void **state)
{
	struct outcome o;

	run(&o, misses, false);
	assert_int_equal(json_array_size(o.r.fails), 1);
	assert_memory_equal(jstr(json_array_get(o.r.fails, 0), "at"), "check_test.c:", 13);
	assert_string_equal(jstr(json_array_get(o.r.fails, 0), "text"), "seen 7");
	assert_int_equal(o.r.checks, 2);
	done(&o);
}

static void text_arrives_unharmed(void **state)
{
	struct outcome o;

	run(&o, odd_text, false);
	assert_string_equal(jstr(json_array_get(o.r.fails, 0), "text"), "tab\there\nline \\ two");
	done(&o);
}

static void cleanups_run_last_first(void **state)
{
	struct outcome o;

	run(&o, cleans, false);
	assert_string_equal(o.j.verdict, "FAIL");
	assert_string_equal(json_string_value(json_array_get(o.r.notes, 0)), "clean-up two");
	assert_string_equal(json_string_value(json_array_get(o.r.notes, 1)), "clean-up one");
	done(&o);
}

static void threads_do_not_mix(void **state)
{
	struct outcome o;

	run(&o, threads, false);
	assert_string_equal(o.j.verdict, "FAIL");
	assert_int_equal(o.r.checks, 8000);
	assert_int_equal(json_array_size(o.r.fails), 8);
	assert_int_equal(o.r.garbled, 0);
	done(&o);
	for (int i = 0; i < 20; i++)
		expect(racing_ends, false, "ERROR", 2, "from a thread");
}

static void run_nothing(const struct gm_case *self)
{
	(void)self;
}

static void declarations_are_checked(void **state)
{
	const struct gm_case good = {
		.name = "fd.args.zero",
		.clause = "fd.args",
		.text = "size 0",
		.profile = "any",
		.run = run_nothing,
	};
	struct gm_case bad;

	assert_null(gm_case_problem(&good));
#define BAD(field, value)                                                                          \
	do {                                                                                       \
		bad = good;                                                                        \
		bad.field = value;                                                                 \
		assert_non_null(gm_case_problem(&bad));                                            \
	} while (0)
	BAD(name, NULL);
	BAD(name, "");
	BAD(name, "fd.args.Zero");
	BAD(name, "fd.args.a-b");
	BAD(name, "fd.other");
	BAD(name, "fd.argsx.zero");
	BAD(clause, NULL);
	BAD(text, NULL);
	BAD(text, "two\nlines");
	BAD(profile, NULL);
	BAD(run, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_end_has_its_verdict),
		cmocka_unit_test(a_refusal_needs_a_control),
		cmocka_unit_test(an_errno_is_exact),
		cmocka_unit_test(a_miss_names_its_place),
		cmocka_unit_test(text_arrives_unharmed),
		cmocka_unit_test(cleanups_run_last_first),
		cmocka_unit_test(threads_do_not_mix),
		cmocka_unit_test(declarations_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
