// SPDX-License-Identifier: GPL-2.0-only
/*
 * A case's records and its exit status give its verdict; nothing irregular gives a PASS.
 */
#include <signal.h>

#include "unit.h"

#include "../../runner/report.h"

#define EXITED(n) ((n) << 8)
#define PASS_3 "verdict\tPASS\t\t\tchecks=3\tcontrols=1\n"
#define SKIP_1 "verdict\tSKIP\tno device\tload it\tchecks=0\tcontrols=0\n"
#define SPLAT "leak\tleak.kernel_log\tOops: 2\\nRIP: f\n"
#define DENIED "denied\tKVM_RUN\tEPERM\n"
#define FAIL_1 "verdict\tFAIL\tmissed\t\tchecks=3\tcontrols=0\n"

static const struct sample {
	const char *records;
	int status;
	const char *verdict, *reason; /* reason: a part of it */
	bool refusal, required, timed_out, interrupted, lost;
	unsigned int leftovers, stuck;
	const char *underway;
} samples[] = {
	{ PASS_3, EXITED(0), "PASS", "" },
	{ PASS_3, EXITED(0), "PASS", "", .refusal = true },
	{ FAIL_1, EXITED(1), "FAIL", "missed" },
	{ FAIL_1, SIGSEGV, "FAIL", "missed" },
	{ FAIL_1, EXITED(1), "FAIL", "missed", .timed_out = true },
	{ SKIP_1, EXITED(4), "SKIP", "no device" },
	{ SKIP_1, EXITED(4), "FAIL", "required, but skipped: no device", .required = true },
	{ "missing\tinplace\n" SKIP_1, EXITED(4), "SKIP", "no device" },
	{ "missing\tinplace\n" PASS_3, EXITED(0), "PASS", "" },
	{ "missing\n" SKIP_1, EXITED(4), "ERROR", "garbled" },
	{ "verdict\tERROR\tENOMEM\t\tchecks=0\tcontrols=0\n", EXITED(2), "ERROR", "ENOMEM" },
	/* an exit status that contradicts the verdict */
	{ PASS_3, EXITED(1), "ERROR", "reported PASS, then: exit status 1" },
	{ PASS_3, EXITED(254), "ERROR", "exit status 254" },
	{ PASS_3, SIGABRT, "ERROR", "SIGABRT" },
	{ PASS_3, EXITED(0), "ERROR", "hung after its verdict", .timed_out = true },
	{ PASS_3, EXITED(0), "FAIL", "reported PASS, then: hangs in the kernel: 1", .stuck = 1 },
	{ SKIP_1, EXITED(4), "FAIL", "reported SKIP, then: hangs in the kernel: 1", .stuck = 1 },
	{ SKIP_1, EXITED(0), "ERROR", "reported SKIP, then: exit status 0" },
	/* no verdict, whatever the exit status */
	{ "", EXITED(0), "ERROR", "without a verdict: exit status 0" },
	{ "", EXITED(4), "ERROR", "without a verdict: exit status 4" },
	{ "", EXITED(254), "ERROR", "without a verdict: exit status 254" },
	{ "", SIGSEGV, "ERROR", "killed by SIGSEGV" },
	{ "", SIGTERM, "ERROR", "no verdict within 9 s", .timed_out = true },
	{ "", SIGTERM, "ERROR", "interrupted", .interrupted = true },
	{ "", 0, "FAIL", "hangs in the kernel: 2 task", .stuck = 2 },
	{ PASS_3, EXITED(0), "ERROR", "keeper process of the case was killed", .lost = true },
	/* ... unless it reported a miss */
	{ "fail\tx.c:1\tmiss\n", SIGTERM, "FAIL", "1 missed, then: no verdict within 9 s",
	  .timed_out = true },
	{ "", SIGTERM, "FAIL", "1 missed, then: no verdict within 9 s", .timed_out = true,
	  .underway = "KVM_RUN" },
	{ "", SIGTERM, "ERROR", "keeper process", .lost = true, .underway = "KVM_RUN" },
	{ "fail\tx.c:1\tmiss\n", 0, "FAIL", "1 missed, then: hangs in the kernel", .stuck = 2 },
	{ "fail\tx.c:1\tmiss\n", SIGSEGV, "FAIL", "1 missed, then: ended without" },
	{ "note\thalf", EXITED(0), "ERROR", "without a verdict" },
	{ "verdict\tPASS\t\t\tchecks=3\tcontrols=1", EXITED(0), "ERROR", "without a verdict" },
	/* records that contradict each other */
	{ "fail\tx.c:1\tmiss\n" PASS_3, EXITED(0), "FAIL", "reported both misses and PASS" },
	{ "fail\tx.c:1\tmiss\n" SKIP_1, EXITED(4), "FAIL", "" },
	{ PASS_3 PASS_3, EXITED(0), "ERROR", "reported 2 verdicts" },
	{ FAIL_1 PASS_3, EXITED(0), "ERROR", "reported 2 verdicts, FAIL first" },
	{ "verdict\tPASS\t\t\tchecks=0\tcontrols=0\n", EXITED(0), "ERROR",
	  "without a single check" },
	{ "verdict\tPASS\t\t\tchecks=1\tcontrols=0\n", EXITED(0), "ERROR", "without a control",
	  .refusal = true },
	/* malformed records */
	{ "verdict\tMAYBE\t\t\tchecks=1\tcontrols=0\n", EXITED(0), "ERROR", "garbled" },
	{ "verdict\tPASS\n", EXITED(0), "ERROR", "garbled" },
	{ "verdict\tPASS\t\t\tchecks=x\tcontrols=0\n", EXITED(0), "ERROR", "garbled" },
	{ "verdict\tPASS\t\t\tchecks=-1\tcontrols=0\n", EXITED(0), "ERROR", "garbled" },
	{ "nonsense\n" PASS_3, EXITED(0), "ERROR", "garbled" },
	{ "fail\n" PASS_3, EXITED(0), "ERROR", "garbled" },
	/* a call that a policy denies */
	{ DENIED FAIL_1, EXITED(1), "SKIP", "a security policy denies KVM_RUN (EPERM)" },
	{ DENIED "fail\tx.c:1\tmiss\n" FAIL_1, EXITED(1), "SKIP", "denies KVM_RUN" },
	{ DENIED "verdict\tERROR\tENOMEM\t\tchecks=0\tcontrols=0\n", EXITED(2), "SKIP",
	  "denies KVM_RUN" },
	{ DENIED, EXITED(254), "SKIP", "denies KVM_RUN" },
	{ DENIED, SIGSYS, "SKIP", "denies KVM_RUN" },
	{ DENIED "denied\tmmap\tEACCES\n" FAIL_1, EXITED(1), "SKIP", "denies KVM_RUN" },
	{ DENIED "missing\tinplace\n" SKIP_1, EXITED(4), "SKIP", "denies KVM_RUN" },
	{ DENIED FAIL_1, EXITED(1), "FAIL", "required, but skipped: a security policy",
	  .required = true },
	{ DENIED PASS_3, EXITED(0), "PASS", "" },
	/* ... which excuses neither a splat nor the end of the run */
	{ DENIED "leak\tleak.kernel_log\tBUG: x\n" FAIL_1, EXITED(1), "FAIL", "missed" },
	{ DENIED "leak\tleak.taint\tW\n" PASS_3, EXITED(0), "FAIL", "leak.taint" },
	{ DENIED, 0, "FAIL", "hangs in the kernel: 2 task", .stuck = 2 },
	{ DENIED, SIGTERM, "ERROR", "interrupted", .interrupted = true },
	{ DENIED PASS_3, EXITED(0), "ERROR", "keeper process", .lost = true },
	{ "denied\tKVM_RUN\n" PASS_3, EXITED(0), "ERROR", "garbled" },
	/* something left behind */
	{ "leak\tleak.fds\t2 fds\n" PASS_3, EXITED(0), "FAIL", "leak.fds: 2 fds" },
	{ "leak\tleak.fds\t2 fds\n" SKIP_1, EXITED(4), "FAIL", "leak.fds" },
	{ PASS_3, EXITED(0), "FAIL", "leak.processes: left behind", .leftovers = 1 },
	/* the kernel complained: never an ERROR */
	{ SPLAT, SIGKILL, "FAIL",
	  "leak.kernel_log: Oops: 2\nRIP: f\nthe case then: ended without" },
	{ SPLAT PASS_3, SIGSEGV, "FAIL", "the case then: reported PASS, then: killed by SIGSEGV" },
	{ SPLAT PASS_3, EXITED(0), "FAIL", "leak.kernel_log: Oops: 2\nRIP: f" },
	{ SPLAT SKIP_1, EXITED(4), "FAIL", "leak.kernel_log: Oops: 2" },
	{ SPLAT, SIGTERM, "FAIL", "the case then: no verdict within 9 s", .timed_out = true },
	{ SPLAT, 0, "FAIL",
	  "leak.kernel_log: Oops: 2\nRIP: f\nthe case then: hangs in the kernel: 1", .stuck = 1 },
	{ SPLAT "fail\tx.c:1\tmiss\n", SIGKILL, "FAIL",
	  "RIP: f\nthe case then: 1 missed, then: ended" },
	{ SPLAT "fail\tx.c:1\tmiss\n" FAIL_1, EXITED(1), "FAIL", "missed" },
	{ SPLAT "verdict\tERROR\tENOMEM\t\tchecks=0\tcontrols=0\n", EXITED(2), "FAIL",
	  "the case then: ENOMEM" },
	{ SPLAT, 0, "FAIL", "the case then: the keeper process", .lost = true },
	{ "leak\tleak.fds\t2\n" SPLAT PASS_3, EXITED(0), "FAIL", "leak.kernel_log: Oops: 2" },
	{ "leak\tleak.taint\tbit 7\n", SIGKILL, "FAIL", "leak.taint: bit 7\nthe case then: ended" },
	{ "leak\tleak.fds\t2 fds\n", SIGSEGV, "ERROR", "ended without a verdict" },
};

static void end_of(const struct sample *s, struct gm_iso_end *end)
{
	memset(end, 0, sizeof(*end));
	end->reaped = !s->stuck;
	end->status = s->status;
	end->timed_out = s->timed_out;
	end->stopped = s->interrupted;
	end->leftovers = s->leftovers;
	end->stuck = s->stuck;
	if (s->leftovers)
		strcpy(end->text, "left behind: pid 7 (x)\n");
}

/* Feeds the records in pieces of `piece` bytes. */
static void check(const struct sample *s, size_t piece)
{
	struct gm_iso_end end;
	struct judge_by by = {
		.end = &end,
		.refusal = s->refusal,
		.required = s->required,
		.timeout = 9,
		.interrupted = s->interrupted,
		.keeper_lost = s->lost,
		.stuck = s->underway,
	};
	struct judgement j;
	struct report r;

	end_of(s, &end);
	report_init(&r);
	for (size_t i = 0; i < strlen(s->records); i += piece) {
		size_t left = strlen(s->records) - i;

		report_feed(&r, s->records + i, left < piece ? left : piece);
	}
	j = judge(&r, &by);
	if (strcmp(j.verdict, s->verdict) || !strstr(j.reason, s->reason))
		fail_msg("sample %zd: %s (%s), expected %s (%s)", s - samples, j.verdict, j.reason,
			 s->verdict, s->reason);
	free(j.reason);
	free(j.remedy);
	report_free(&r);
}

/* Other cases skip for the same need only if the verdict of this case comes from its SKIP. */
static void a_skip_is_shared_or_not(void **state)
{
	static const struct {
		const char *records;
		int status;
		bool required, skipped;
	} ends[] = {
		{ "missing\tinplace\n" SKIP_1, EXITED(4), false, true },
		{ "missing\tinplace\n" SKIP_1, EXITED(4), true, true },
		{ "missing\tinplace\n" SKIP_1, EXITED(0), false, false },
		{ "missing\tinplace\nfail\tx.c:1\tmiss\n" SKIP_1, EXITED(4), false, false },
		{ "missing\tinplace\nleak\tleak.fds\t2\n" SKIP_1, EXITED(4), false, false },
		{ "missing\tinplace\n" PASS_3, EXITED(0), false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct gm_iso_end end = { .reaped = true, .status = ends[i].status };
		struct judge_by by = { .end = &end, .required = ends[i].required, .timeout = 9 };
		struct judgement j;
		struct report r;

		report_init(&r);
		report_feed(&r, ends[i].records, strlen(ends[i].records));
		j = judge(&r, &by);
		assert_string_equal(r.missing, "inplace");
		if (j.skipped != ends[i].skipped)
			fail_msg("end %zu: %s, skipped %d", i, j.verdict, j.skipped);
		free(j.reason);
		free(j.remedy);
		report_free(&r);
	}
}

static void verdicts(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		check(&samples[i], 1000);
}

static void pieces_make_no_difference(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		for (size_t piece = 1; piece < 12; piece++)
			check(&samples[i], piece);
}

static void records_are_kept(void **state)
{
	static const char text[] = "note\ta\\tb\\nc\\\\d\n"
				   "control\tread() of a memfd works\n"
				   "fail\tfd_test.c:12\texpected EINVAL, observed 0\n"
				   "leak\tleak.vmpin\tVmPin 4 kB\n" FAIL_1;
	struct report r;

	report_init(&r);
	report_feed(&r, text, strlen(text));
	assert_int_equal(r.garbled, 0);
	assert_string_equal(json_string_value(json_array_get(r.notes, 0)), "a\tb\nc\\d");
	assert_string_equal(json_string_value(json_array_get(r.controls, 0)),
			    "read() of a memfd works");
	assert_string_equal(jstr(json_array_get(r.fails, 0), "at"), "fd_test.c:12");
	assert_string_equal(jstr(json_array_get(r.fails, 0), "text"),
			    "expected EINVAL, observed 0");
	assert_string_equal(jstr(json_array_get(r.leaks, 0), "clause"), "leak.vmpin");
	assert_int_equal(r.checks, 3);
	report_free(&r);
}

static void floods_are_bounded(void **state)
{
	struct gm_iso_end end = { .reaped = true, .status = EXITED(1) };
	struct judge_by by = { .end = &end };
	struct judgement j;
	struct report r;
	char *line = xalloc(1 << 20);

	report_init(&r);
	for (int i = 0; i < 5000; i++)
		report_feed(&r, "note\tx\nfail\ta:1\ty\n", 18);
	memset(line, 'x', (1 << 20) - 1);
	report_feed(&r, line, (1 << 20) - 1);
	report_feed(&r, "\n" FAIL_1, strlen(FAIL_1) + 1);
	j = judge(&r, &by);
	assert_string_equal(j.verdict, "FAIL");
	assert_true(json_array_size(r.notes) < 1000);
	assert_true(json_array_size(r.fails) <= 100);
	assert_true(r.dropped > 9000);
	free(j.reason);
	free(j.remedy);
	report_free(&r);
	free(line);
}

static void dirty_bytes_become_text(void **state)
{
	static const struct {
		const char *dirty, *clean;
	} texts[] = {
		{ "plain", "plain" },
		{ "tab\tnl\ncr\r", "tab\tnl\ncr" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\x1b[31m", "\xef\xbf\xbd[31m" },
		{ "\xff", "\xef\xbf\xbd" },
		{ "\xc3", "\xef\xbf\xbd" },
		{ "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xef\xbf\xbe", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf5\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char *clean = clean_text(texts[i].dirty, strlen(texts[i].dirty));
		json_t *j = json_string(clean);

		assert_string_equal(clean, texts[i].clean);
		assert_non_null(j);
		json_decref(j);
		free(clean);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(a_skip_is_shared_or_not),
		cmocka_unit_test(pieces_make_no_difference),
		cmocka_unit_test(records_are_kept),
		cmocka_unit_test(floods_are_bounded),
		cmocka_unit_test(dirty_bytes_become_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
