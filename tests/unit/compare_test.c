// SPDX-License-Identifier: GPL-2.0-only
/*
 * gm-run --compare: the table, and the list of cases that hold in one run and not in another.
 */
#include "unit.h"

#include "../../runner/compare.h"

static char output[4096];

#define CASE(name, clause, verdict)                                                                \
	"{\"name\":\"" name "\",\"clause\":\"" clause "\",\"verdict\":\"" verdict "\"}"
#define RUN(arch, cmdline, cases)                                                                  \
	"{\"arch\":\"" arch "\",\"kernel\":\"7.3\",\"cmdline\":\"" cmdline "\",\"cases\":[" cases  \
	"]}"

/* Compares two results: `a` is given as a file, `b` as a folder. The text goes to `output`. */
static int compare_texts(const char *a, const char *b)
{
	const char *text[2] = { a, b };
	struct strv dirs = { 0 };
	char *out;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	int ret;

	for (int i = 0; i < 2; i++) {
		char *path = i ? xprintf("%s/results.json", unit_dir)
			       : xprintf("%s/other.json", unit_dir);

		unit_write(path, text[i]);
		strv_add(&dirs, i ? unit_dir : path);
		free(path);
	}
	ret = compare(&dirs, f);
	fclose(f);
	snprintf(output, sizeof(output), "%s", out);
	free(out);
	strv_free(&dirs);
	return ret;
}

static void same(void **state)
{
	const char *x86 =
		RUN("x86", "", CASE("a.b.c", "a.b", "PASS") "," CASE("a.b.d", "a.b", "SKIP"));

	assert_int_equal(compare_texts(x86, x86), EXIT_HELD);
	assert_string_equal(output, "clause  x86 7.3           x86 7.3\n"
				    "a.b     holds 1           holds 1\n");
}

static void not_the_same(void **state)
{
	assert_int_equal(
		compare_texts(RUN("arm64", "quiet kvm-arm.mode=protected",
				  CASE("a.b.c", "a.b", "FAIL") "," CASE("p.q.r", "p.q", "PASS")),
			      RUN("arm64", "quiet",
				  CASE("a.b.c", "a.b", "PASS") "," CASE("x.y.z", "x.y", "SKIP"))),
		EXIT_FAILED);
	assert_string_equal(output,
			    "clause  arm64 7.3 protected  arm64 7.3 plain\n"
			    "a.b     FAIL 1 of 1          holds 1\n"
			    "p.q     holds 1\n"
			    "x.y                          skipped\n"
			    "\nhold in one run and not in another:\n"
			    "a.b.c: FAIL on arm64 7.3 protected; PASS on arm64 7.3 plain;\n");
}

/* From one run to another of the same kind of machine, changes are named. */
static void what_changed(void **state)
{
	assert_int_equal(
		compare_texts(RUN("x86", "", CASE("a.b", "a", "PASS") "," CASE("c.d", "c", "PASS")),
			      RUN("x86", "", CASE("a.b", "a", "SKIP"))),
		EXIT_HELD);
	assert_non_null(strstr(output, "\nchanged from the first run to the second:\n"
				       "newly skipping: a.b (PASS, now SKIP)\n"
				       "gone: c.d (PASS)\n"));
}

/* A case that only one run has is no difference; neither is FAIL against ERROR. */
static void no_difference(void **state)
{
	assert_int_equal(
		compare_texts(RUN("x86", "", CASE("a.b.c", "a.b", "FAIL")), RUN("arm64", "", "")),
		EXIT_HELD);
	assert_non_null(strstr(output, "a.b     FAIL 1 of 1\n"));
	assert_null(strstr(output, "hold in one run"));
	assert_int_equal(compare_texts(RUN("x86", "", CASE("a.b.c", "a.b", "ERROR")),
				       RUN("arm64", "", CASE("a.b.c", "a.b", "FAIL"))),
			 EXIT_HELD);
}

static void no_results(void **state)
{
	assert_int_equal(compare_texts("{", "{}"), EXIT_USAGE);
	assert_int_equal(compare_texts("{}", "{}"), EXIT_USAGE);
	assert_string_equal(output, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(same),	      in_dir(not_the_same), in_dir(no_difference),
		in_dir(what_changed), in_dir(no_results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
