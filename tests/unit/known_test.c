// SPDX-License-Identifier: GPL-2.0-only
/*
 * Known failures: which rows are about a run, and what they explain.
 */
#include "unit.h"

#include "../../runner/baseline.h"
#include "../../runner/known.h"

#define REST "\t2030-01-01\tme\thttps://x\tit is broken\n"

static struct known known;

static int load(const char *text)
{
	char *path = xprintf("%s/known.tsv", unit_dir);
	struct strv files = { 0 };
	int ret;

	unit_write(path, text);
	strv_add(&files, path);
	free(path);
	known_free(&known);
	ret = known_load(&known, &files);
	/* The rows point to the names of the files. */
	for (size_t i = 0; i < known.n; i++)
		known.v[i].file = "known.tsv";
	strv_free(&files);
	return ret;
}

static void begin(const char *text)
{
	json_t *start = json_loads(text, 0, NULL);

	assert_non_null(start);
	known_begin(&known, start);
	json_decref(start);
}

#define START                                                                                      \
	"\"time\":\"2029-05-06T07:08:09Z\",\"arch\":\"x86\",\"cmdline\":\"quiet a.b=1\","          \
	"\"config\":{\"KASAN\":\"y\"},\"cases\":[{\"name\":\"a.b.c\",\"clause\":\"a.b\"}]}"

static void malformed_rows_are_errors(void **state)
{
	static const char *const texts[] = {
		"a.b\tx\t-\t2030-01-01\tme\tlink\n",
		"a.b\tx\t-\t2030-01-01\tme\tlink\ttext\tmore\n",
		"\tx\t-" REST,
		"a b\tx\t-" REST,
		"a.b\t\t-" REST,
		"a.b\tx\t" REST,
		"a.b\tx\tkernel=7.3" REST,
		"a.b\tx\tkernel=x..7" REST,
		"a.b\tx\tarch=mips" REST,
		"a.b\tx\tconfig=NO_SUCH" REST,
		"a.b\tx\tmoon=full" REST,
		"a.b\tx\tarch" REST,
		"a.b\tx\t-\t2030-13-01\tme\tlink\ttext\n",
		"a.b\tx\t-\tnever\tme\tlink\ttext\n",
		"a.b\tx\t-\t2030-01-01\t\tlink\ttext\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (load(texts[i]) != EXIT_USAGE)
			fail_msg("text %zu is accepted", i);
	assert_int_equal(load("# a comment\n\na.b\tx\t-" REST), 0);
	assert_int_equal(known.n, 1);
}

static void conditions_decide(void **state)
{
	static const struct {
		const char *where, *kernel;
		bool here;
	} all[] = {
		{ "-", "7.3.4", true },
		{ "kernel=7.3..7.3.4", "7.3.4-debian", true },
		{ "kernel=7.3..7.3.4", "7.3.5", false },
		{ "kernel=7.3..7.3.4", "7.2.99", false },
		{ "kernel=7.3..7.3", "7.3.99", true },
		{ "kernel=..6.18", "6.18.44", true },
		{ "kernel=..6.18", "7.3.4", false },
		{ "kernel=6.18..", "7.3.4", true },
		{ "kernel=7.10..", "7.3.4", false },
		{ "arch=x86", "7.3", true },
		{ "arch=arm64", "7.3", false },
		{ "cmdline=a.b=1", "7.3", true },
		{ "cmdline=a.b", "7.3", false },
		{ "cmdline=!a.b=1", "7.3", false },
		{ "cmdline=!other", "7.3", true },
		{ "config=KASAN", "7.3", true },
		{ "config=!KASAN", "7.3", false },
		{ "config=CMA", "7.3", false },
		{ "arch=x86 kernel=7.3..7.3 config=KASAN", "7.3.4", true },
		{ "arch=x86 kernel=7.3..7.3 config=!KASAN", "7.3.4", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		char *row = xprintf("a.*\tx\t%s" REST, all[i].where);
		char *start = xprintf("{\"kernel\":\"%s\"," START, all[i].kernel);

		assert_int_equal(load(row), 0);
		begin(start);
		if (!!known_find(&known, "a.b.c", "a.b") != all[i].here)
			fail_msg("%s on %s", all[i].where, all[i].kernel);
		free(row);
		free(start);
	}
}

static bool explains(const char *end_text)
{
	json_t *end = json_loads(end_text, 0, NULL);
	bool found;

	assert_non_null(end);
	found = known_explains(&known, "a.b.c", "a.b", end);
	json_decref(end);
	return found;
}

static void each_part_must_be_known(void **state)
{
	assert_int_equal(
		load("a.b\tone | two\t-" REST "a.b.c\tmmu.c:7\t-" REST "x.*\tother\t-" REST), 0);
	begin("{\"kernel\":\"7.3\"," START);
	assert_true(explains("{\"reason\":\"it is one\"}"));
	assert_false(explains("{\"reason\":\"it is other\"}"));
	assert_true(explains(
		"{\"reason\":\"3 missed\",\"fails\":[{\"text\":\"one\"},{\"text\":\"a two\"}]}"));
	assert_false(explains(
		"{\"reason\":\"one\",\"fails\":[{\"text\":\"one\"},{\"text\":\"three\"}]}"));
	assert_true(explains(
		"{\"fails\":[{\"text\":\"one\"}],\"leaks\":[{\"text\":\"WARN mmu.c:7\"}]}"));
	assert_false(
		explains("{\"fails\":[{\"text\":\"one\"}],\"leaks\":[{\"text\":\"WARN x.c:7\"}]}"));
}

static void old_and_idle_rows_warn(void **state)
{
	char *text;

	assert_int_equal(load("a.b\tx\t-\t2029-05-05\tme\tlink\ttext\nno.such\tx\t-" REST
			      "a.b\tx\t-\t2029-05-06\tme\tlink\ttext\n"),
			 0);
	begin("{\"kernel\":\"7.3\"," START);
	text = known_warnings(&known, true);
	assert_non_null(strstr(
		text, "expired on 2029-05-05, and is no excuse any more: a.b (known.tsv:1, me)"));
	assert_non_null(strstr(text, "of no case of this run: no.such (known.tsv:2)"));
	assert_null(strstr(text, "known.tsv:3"));
	free(text);
	text = known_warnings(&known, false);
	assert_null(strstr(text, "no.such"));
	free(text);
	/* On its last day a row is in force. */
	assert_int_equal(known_find(&known, "a.b.c", "a.b")->nr, 3);
}

static void changes_are_named(void **state)
{
	json_t *before = json_loads(
		"[{\"name\":\"a\",\"verdict\":\"PASS\"},{\"name\":\"b\",\"verdict\":\"FAIL\"},"
		"{\"name\":\"c\",\"verdict\":\"PASS\"},{\"name\":\"d\",\"verdict\":\"SKIP\"},"
		"{\"name\":\"e\",\"verdict\":\"XFAIL\"},{\"name\":\"f\",\"verdict\":\"FAIL\"},"
		"{\"name\":\"g\",\"verdict\":\"PASS\"},{\"name\":\"i\",\"verdict\":\"PASS\"}]",
		0, NULL);
	json_t *after = json_loads(
		"[{\"name\":\"a\",\"verdict\":\"FAIL\"},{\"name\":\"b\",\"verdict\":\"XPASS\"},"
		"{\"name\":\"c\",\"verdict\":\"SKIP\"},{\"name\":\"d\",\"verdict\":\"PASS\"},"
		"{\"name\":\"e\",\"verdict\":\"ERROR\"},{\"name\":\"f\",\"verdict\":\"XFAIL\"},"
		"{\"name\":\"h\",\"verdict\":\"PASS\"},"
		"{\"name\":\"i\",\"verdict\":\"ERROR\",\"ran\":false}]",
		0, NULL);
	json_t *changes = baseline_changes(before, after);
	char *text = baseline_text(changes);

	assert_string_equal(text, "newly failing: a (PASS, now FAIL)\n"
				  "newly passing: b (FAIL, now XPASS)\n"
				  "newly skipping: c (PASS, now SKIP)\n"
				  "newly passing: d (SKIP, now PASS)\n"
				  "newly failing: e (XFAIL, now ERROR)\n"
				  "new: h (PASS)\n"
				  "gone: g (PASS)\n");
	assert_true(baseline_shrank(changes));
	free(text);
	json_decref(changes);
	changes = baseline_changes(before, before);
	assert_int_equal(json_array_size(changes), 0);
	assert_false(baseline_shrank(changes));
	json_decref(changes);
	json_decref(before);
	json_decref(after);
}

static int drop(void **state)
{
	known_free(&known);
	return unit_remove_dir(state);
}

#define known_test(test) cmocka_unit_test_setup_teardown(test, unit_make_dir, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		known_test(malformed_rows_are_errors), known_test(conditions_decide),
		known_test(each_part_must_be_known),   known_test(old_and_idle_rows_warn),
		known_test(changes_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
