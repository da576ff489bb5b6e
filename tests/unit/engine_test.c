// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine and leaks: the case that leaks is the case that FAILs.
 */
#include <poll.h>
#include <sys/wait.h>

#include "unit.h"

#include "leakscan.h"
#include "../../runner/engine.h"
#include "../../runner/select.h"

#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/"

static json_t *events;

static void put(const char *path, const char *text)
{
	char full[256], command[300];

	snprintf(full, sizeof(full), "%s%s", unit_dir, path);
	snprintf(command, sizeof(command), "mkdir -p \"$(dirname '%s')\"", full);
	assert_int_equal(system(command), 0);
	unit_write(full, text);
}

static int make(void **state)
{
	if (unit_make_dir(state))
		return -1;
	put(POOL "free_hugepages", "8\n");
	put(POOL "resv_hugepages", "0\n");
	put(POOL "surplus_hugepages", "0\n");
	put("/proc/sys/kernel/tainted", "0\n");
	put("/proc/vmstat", "nr_foll_pin_acquired 5\nnr_foll_pin_released 5\n");
	put("/dev/kmsg", "4,1,1,-;WARNING: from before the run\n");
	setenv("GM_FAKE_ROOT", unit_dir, 1);
	gm_leakscan_root = unit_dir;
	events = json_array();
	return 0;
}

static int unmake(void **state)
{
	json_decref(events);
	return unit_remove_dir(state);
}

static void collect(void *arg, json_t *ev)
{
	json_array_append_new(events, ev);
}

static void no_tick(void *arg) {}

static bool not_broken(void *arg)
{
	return false;
}

static bool end_if_broken;

static void run(const char *filter, const char *jobs, double settle)
{
	const struct engine_io io = { collect, no_tick, not_broken, NULL, settle };
	char *argv[8] = { "gm-run",	  "--programs", GM_FAKE_PROGRAM, "--filter",
			  (char *)filter, "--jobs",	(char *)jobs,	 NULL };
	struct catalogue cat;
	struct options opt;

	setenv("GM_FAKE", filter, 1);
	assert_int_equal(options_parse(&opt, 7, argv), 0);
	opt.end_if_broken = end_if_broken;
	assert_int_equal(catalogue_load(&cat, &opt.programs), 0);
	assert_int_equal(select_cases(&cat, &opt), 0);
	assert_int_equal(engine_run(&cat, &opt, &io), 0);
	catalogue_free(&cat);
	options_free(&opt);
}

static const json_t *end_of(const char *name)
{
	const json_t *ev;
	size_t i;

	json_array_foreach(events, i, ev)
		if (!strcmp(jstr(ev, "ev"), "case_end") && !strcmp(jstr(ev, "case"), name))
			return ev;
	fail_msg("%s has no end", name);
	return NULL;
}

static void expect(const char *name, const char *verdict, const char *clause, const char *text)
{
	const json_t *end = end_of(name), *leaks = json_object_get(end, "leaks");
	const json_t *leak = json_array_get(leaks, 0);

	if (strcmp(jstr(end, "verdict"), verdict) || json_array_size(leaks) != !!clause ||
	    (clause && (strcmp(jstr(leak, "clause"), clause) || !strstr(jstr(leak, "text"), text))))
		fail_msg("%s: %s, %s, %zu leaks, %s: %s", name, jstr(end, "verdict"),
			 jstr(end, "reason"), json_array_size(leaks), jstr(leak, "clause"),
			 jstr(leak, "text"));
}

static size_t findings(void)
{
	size_t i, n = 0;
	json_t *ev;

	json_array_foreach(events, i, ev)
		n += !strcmp(jstr(ev, "ev"), "finding");
	return n;
}

static void leaking_case_fails(void **state)
{
	run("leak.*", "1", 0.1);
	expect("leak.a_huge", "FAIL", "leak.huge_pages", "8 before, 7 after");
	expect("leak.b_borrow", "FAIL", "leak.huge_pages", "7 before, 8 after");
	expect("leak.c_taint", "FAIL", "leak.taint", "bit 9 (WARNING)");
	expect("leak.d_pins", "FAIL", "leak.pins", "0 before, 1 after");
	expect("leak.e_kmsg", "FAIL", "leak.kernel_log",
	       "WARNING: CPU: 0 PID: 1 at virt/kvm/x.c:1");
	assert_non_null(strstr(
		jstr(json_array_get(json_object_get(end_of("leak.e_kmsg"), "leaks"), 0), "text"),
		"Call Trace:"));
	expect("leak.f_user_kmsg", "PASS", NULL, NULL);
	expect("leak.g_nothing", "PASS", NULL, NULL);
	assert_int_equal(findings(), 0);
}

static void returned_pages_are_no_leak(void **state)
{
	run("leak.b_borrow", "1", 0.1);
	expect("leak.b_borrow", "PASS", NULL, NULL);
}

/* Pages that the kernel's deferred work returns late are no leak. */
static void late_return_is_no_leak(void **state)
{
	pid_t kernel = fork();

	if (!kernel) {
		char path[256], *text;

		snprintf(path, sizeof(path), "%s" POOL "free_hugepages", unit_dir);
		for (int i = 0; i < 2000; i++) {
			text = unit_read(path);
			if (!strcmp(text, "7\n")) {
				poll(NULL, 0, 300);
				unit_write(path, "8\n");
				_exit(0);
			}
			poll(NULL, 0, 2);
		}
		_exit(1);
	}
	run("leak.a_huge", "1", 20);
	waitpid(kernel, NULL, 0);
	expect("leak.a_huge", "PASS", NULL, NULL);
}

/* Pins that others take after the case has ended: the machine's count says nothing about it. */
static void pins_of_others_are_no_leak(void **state)
{
	pid_t other = fork();

	if (!other) {
		char path[256], whole[264], *text;

		snprintf(path, sizeof(path), "%s/proc/vmstat", unit_dir);
		for (int i = 0; i < 2000; i++) {
			text = unit_read(path);
			if (strstr(text, "acquired 9")) {
				poll(NULL, 0, 300);
				/* The scan must not read a half-written file. */
				snprintf(whole, sizeof(whole), "%s.new", path);
				unit_write(whole, "nr_foll_pin_acquired 12\n"
						  "nr_foll_pin_released 8\n");
				_exit(rename(whole, path));
			}
			poll(NULL, 0, 2);
		}
		_exit(1);
	}
	run("leak.d_pins", "1", 20);
	waitpid(other, NULL, 0);
	expect("leak.d_pins", "SKIP", NULL, NULL);
	assert_non_null(strstr(json_string_value(json_array_get(
				       json_object_get(end_of("leak.d_pins"), "notes"), 0)),
			       "other programs took pins"));
}

static void concurrent_cases_are_named(void **state)
{
	const json_t *ev;
	size_t i;

	run("meet.*", "2", 0.1);
	expect("meet.a", "PASS", NULL, NULL);
	expect("meet.b", "PASS", NULL, NULL);
	assert_int_equal(findings(), 1);
	json_array_foreach(events, i, ev) {
		if (strcmp(jstr(ev, "ev"), "finding"))
			continue;
		assert_string_equal(jstr(ev, "clause"), "leak.taint");
		assert_non_null(strstr(jstr(ev, "text"), "meet.a, meet.b"));
	}
}

static void events_come_in_order(void **state)
{
	const char *running = "";
	const json_t *ev;
	size_t i;

	run("end.*", "1", 0);
	assert_string_equal(jstr(json_array_get(events, 0), "ev"), "run_start");
	assert_string_equal(jstr(json_array_get(events, json_array_size(events) - 1), "ev"),
			    "run_end");
	json_array_foreach(events, i, ev) {
		const char *kind = jstr(ev, "ev");

		if (!strcmp(kind, "case_start")) {
			assert_string_equal(running, "");
			running = jstr(ev, "case");
		} else if (!strcmp(kind, "case_end") || !strcmp(kind, "log")) {
			assert_string_equal(running, jstr(ev, "case"));
			running = *kind == 'c' ? "" : running;
		}
	}
}

static unsigned int starts_of(const char *name)
{
	unsigned int n = 0;
	const json_t *ev;
	size_t i;

	json_array_foreach(events, i, ev)
		n += !strcmp(jstr(ev, "ev"), "case_start") && !strcmp(jstr(ev, "case"), name);
	return n;
}

/*
 * One case runs; the others with the same need are skipped with its reason and without a process.
 */
static void missing_need_is_probed_once(void **state)
{
	static const char *const alike[] = { "need.c_alike", "need.e_alike" };

	run("need.*", "1", 0);
	assert_int_equal(starts_of("need.b_missing"), 1);
	expect("need.b_missing", "SKIP", NULL, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(alike); i++) {
		const json_t *end = end_of(alike[i]);

		assert_int_equal(starts_of(alike[i]), 0);
		expect(alike[i], "SKIP", NULL, NULL);
		assert_string_equal(jstr(end, "reason"), "no such conversion");
		assert_string_equal(jstr(end, "remedy"), "another kernel");
		assert_true(json_is_false(json_object_get(end, "ran")));
	}
	assert_int_equal(starts_of("need.d_kvm"), 1);
	expect("need.a_kvm", "PASS", NULL, NULL);
	expect("need.d_kvm", "PASS", NULL, NULL);
}

/* A case that reports a missing need but is no SKIP does not skip the others. */
static void failed_skip_is_not_shared(void **state)
{
	run("doubt.*", "1", 0);
	expect("doubt.a_missing", "FAIL", "leak.fds", "2 more open");
	assert_int_equal(starts_of("doubt.b_asks"), 1);
	expect("doubt.b_asks", "PASS", NULL, NULL);
}

static size_t count_of(const char *kind)
{
	size_t i, n = 0;
	json_t *ev;

	json_array_foreach(events, i, ev)
		n += !strcmp(jstr(ev, "ev"), kind);
	return n;
}

/* The Oops is the FAIL of the case that it ended, and the run goes on. */
static void an_oops_fails_its_case(void **state)
{
	run("dies.*", "1", 0.1);
	assert_string_equal(jstr(end_of("dies.a_oops"), "verdict"), "FAIL");
	assert_non_null(strstr(jstr(end_of("dies.a_oops"), "reason"), "Oops: 0002 [#1]"));
	assert_non_null(strstr(jstr(end_of("dies.a_oops"), "reason"), "killed by SIGKILL"));
	expect("dies.b_after", "PASS", NULL, NULL);
	assert_int_equal(count_of("run_end"), 1);
}

/* ... or it ends before the next case, for a reboot. */
static void a_broken_kernel_ends_the_run(void **state)
{
	end_if_broken = true;
	run("dies.*", "1", 0.1);
	end_if_broken = false;
	assert_string_equal(jstr(end_of("dies.a_oops"), "verdict"), "FAIL");
	assert_int_equal(count_of("case_end"), 1);
	assert_int_equal(count_of("broken"), 1);
	assert_int_equal(count_of("run_end"), 0);
}

#define engine_test(test) cmocka_unit_test_setup_teardown(test, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		engine_test(leaking_case_fails),	   engine_test(returned_pages_are_no_leak),
		engine_test(late_return_is_no_leak),	   engine_test(concurrent_cases_are_named),
		engine_test(events_come_in_order),	   engine_test(missing_need_is_probed_once),
		engine_test(failed_skip_is_not_shared),	   engine_test(an_oops_fails_its_case),
		engine_test(a_broken_kernel_ends_the_run), engine_test(pins_of_others_are_no_leak),
	};

	catch_signals();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
