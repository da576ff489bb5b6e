// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages: all markup is closed and none is made from text, nothing comes from elsewhere, and each
 * section has what it promises. The run before is found.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "unit.h"

#include "../../runner/before.h"
#include "../../runner/files.h"
#include "../../runner/html.h"
#include "../../runner/page.h"

#define EVIL "</pre><script>alert('x')</script>&amp;\\\" onload=\\\"y"

#define CASE(name, clause, verdict, more)                                                          \
	"{\"name\":\"" name "\",\"clause\":\"" clause "\",\"clause_text\":\"says " clause          \
	"\",\"text\":\"does\",\"verdict\":\"" verdict                                              \
	"\",\"reason\":\"\",\"ran\":true,\"time\":0.25,\"checks\":3,\"runs\":1,"                   \
	"\"failed_runs\":0,\"log\":\"logs/x.log\",\"seed\":\"7\",\"rerun\":\"run it\"" more "}"

static const char sample[] =
	"{\"state\":\"finished\",\"exit\":1,\"kernel\":\"7.3\",\"arch\":\"x86\",\"cpu\":\"a model\","
	"\"args\":[\"--filter\",\"*\"],\"profile\":\"quick\",\"start\":\"2026-01-02T03:04:05Z\","
	"\"klog\":false,\"lab\":{\"accelerator\":\"tcg\",\"host_kernel\":\"6.1\"},"
	"\"totals\":{\"pass\":2,\"fail\":1,\"skip\":1,\"xfail\":1,\"error\":0,\"xpass\":0},"
	"\"clauses\":["
	"{\"id\":\"a.one\",\"arch\":\"any\",\"text\":\"first\"},"
	"{\"id\":\"a.two\",\"arch\":\"any\",\"text\":\"second\"},"
	"{\"id\":\"a.never\",\"arch\":\"x86\",\"text\":\"third\"},"
	"{\"id\":\"leak.vms\",\"arch\":\"any\",\"text\":\"fourth\"},"
	"{\"id\":\"b.other\",\"arch\":\"arm64\",\"text\":\"elsewhere\"}],"
	"\"before\":{\"run\":\"r0\",\"kernel\":\"7.2\",\"start\":\"s\",\"common\":true,\"changes\":["
	"{\"case\":\"a.one.x\",\"change\":\"newly failing\",\"before\":\"PASS\",\"after\":\"FAIL\"}]},"
	"\"cases\":["
	/* clang-format off */
	CASE("a.one.x", "a.one", "FAIL",
	     ",\"fails\":[{\"at\":\"x.c:7\",\"text\":\"gpa 0x1000: expected EINVAL, observed " EVIL "\"}],"
	     "\"klog\":[\"[1.0] " EVIL "\"],\"tail\":\"" EVIL "\",\"leaks\":[{\"clause\":\"leak.vms\","
	     "\"text\":\"" EVIL "\"}],\"notes\":[\"" EVIL "\",\"map now, GiB 0: 512G\"]") ","
	CASE("a.one.y", "a.one", "PASS", ",\"notes\":[\"map <b>, GiB 0: 1x 511G\"]") ","
	CASE("gup.load.private", "gup.load", "PASS", ",\"notes\":[\"cell: SIGBUS\"]") ","
	CASE("gup.load.shared", "gup.load", "XFAIL",
	     ",\"notes\":[\"cell: EFAULT\"],\"known\":{\"text\":\"" EVIL "\",\"owner\":\"me\"}") ","
	CASE("a.two.x", "a.two", "SKIP", ",\"remedy\":\"modprobe " EVIL "\"")
	/* clang-format on */
	"]}";

static json_t *load(const char *text)
{
	json_error_t err;
	json_t *run = json_loads(text, 0, &err);

	if (!run)
		fail_msg("%s at %d", err.text, err.position);
	return run;
}

/* Whether this element has no end tag. */
static bool is_void(const char *name)
{
	static const char *const names[] = { "meta", "link", "br", "img", "!DOCTYPE" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* Each element is closed in its turn; no element runs code or loads anything. */
static void check_markup(const char *page)
{
	char open[64][16];
	int depth = 0;

	for (const char *s = strchr(page, '<'); s; s = strchr(s, '<')) {
		bool end = s[1] == '/';
		char name[16] = "";
		size_t len = strcspn(s, ">");

		s += 1 + end;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(s, " >\n"), s);
		assert_string_not_equal(name, "script");
		if (end) {
			assert_true(depth > 0);
			assert_string_equal(open[--depth], name);
		} else if (!is_void(name)) {
			assert_true(depth < 64);
			strcpy(open[depth++], name);
		}
		assert_true(len < 100000);
	}
	assert_int_equal(depth, 0);
	assert_null(strstr(page, "src=\"http"));
	assert_null(strstr(page, "url("));
	assert_null(strstr(page, "@import"));
}

static void has(const char *page, const char *text)
{
	if (!strstr(page, text))
		fail_msg("the page does not have: %s", text);
}

static void escaped(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	html(f, "<a title=\"$\">$</a>", "\"<'>", "a&b\x01\n");
	html_id(f, "fd.a-b c\"<\xc3");
	fclose(f);
	assert_string_equal(text, "<a title=\"&quot;&lt;&#39;&gt;\">a&amp;b\xef\xbf\xbd\n</a>"
				  "fd.a-b_c___");
	free(text);
}

static void one_run(void **state)
{
	json_t *run = load(sample);
	char *page = page_document(run);

	check_markup(page);
	has(page, "</span> 1 failed</h1>");
	has(page, "<b>2</b> PASS</li>");
	has(page, "Linux 7.3, x86 in QEMU (tcg)");
	has(page, "The kernel log cannot be read:");
	/* The failure. */
	has(page, "<article id=\"case-a.one.x\">");
	has(page, "<b>says a.one</b>");
	has(page, "<dt>expected</dt><dd>EINVAL</dd><dt>observed</dt><dd>&lt;/pre&gt;");
	has(page, "<pre class=\"wrap\">[1.0] &lt;/pre&gt;");
	has(page, "<pre class=\"wrap\">run it</pre>");
	has(page, "src=\"data:image/svg+xml;base64,PHN2Zy");
	/* The others. */
	has(page,
	    "<span class=\"name\">a.one.x</span> <span class=\"muted\">(PASS, now FAIL)</span>");
	has(page, "class=\"name\">gup.load.shared</th>");
	has(page, "<b>1 case:</b> modprobe &lt;/pre&gt;");
	has(page, "<th scope=\"col\">private</th><th scope=\"col\">shared</th>");
	has(page, "<td class=\"refused\">SIGBUS</td><td class=\"XFAIL\">XFAIL EFAULT</td>");
	has(page, "<dt>Lab: host kernel</dt><dd>6.1</dd>");
	has(page, "<dt>Options of the runner</dt><dd>--filter *</dd>");
	/* One FAILs, that of the leak, too; one is skipped, one not selected; the fifth is of arm64. */
	has(page, "<p>2 of 4 clauses for this architecture were put to this kernel:</p>");
	has(page, "<li>1 were not selected for this run</li>");
	assert_null(strstr(page, "elsewhere"));
	free(page);
	json_decref(run);
}

/* Fields may be missing: results of older versions, or of a run that has just begun. */
static void empty(void **state)
{
	static const char *const runs[] = {
		"{}",
		"{\"cases\":[]}",
		"{\"cases\":[{}],\"state\":\"running\"}",
		"{\"cases\":[{\"name\":\"gup.x\",\"verdict\":\"ERROR\",\"ran\":false}],\"state\":\"died\","
		"\"deaths\":[{\"boot\":1,\"cases\":[\"a\"],\"reason\":\"<panic>\"}]}",
		"{\"cases\":[{\"name\":\"gup.ordinary.x\",\"verdict\":\"FAIL\"}],\"state\":\"interrupted\"}",
		"{\"cases\":[{\"name\":\"gup.ordinary.\",\"notes\":[1],\"fails\":[2],\"verdict\":\"FAIL\"}]}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		json_t *run = load(runs[i]);
		char *page = page_document(run);

		check_markup(page);
		free(page);
		json_decref(run);
	}
}

/* 2000 cases, each 40th with a map: below 1 MiB. */
static void many(void **state)
{
	json_t *run = load(sample), *cases = json_object_get(run, "cases");
	char *page;

	for (int i = 0; i < 2000; i++) {
		char *name = xprintf("a.one.case_number_%d", i);
		json_t *c = json_deep_copy(json_array_get(cases, 1));

		json_object_set_new(c, "name", json_string(name));
		if (i % 40)
			json_object_del(c, "notes");
		json_array_append_new(cases, c);
		free(name);
	}
	page = page_document(run);
	check_markup(page);
	assert_in_range(strlen(page), 100000, 1 << 20);
	free(page);
	json_decref(run);
}

static void make_run(const char *leaf, const char *text)
{
	char *path = xprintf("%s/%s", unit_dir, leaf);

	mkdir(path, 0700);
	free(path);
	path = xprintf("%s/%s/results.json", unit_dir, leaf);
	unit_write(path, text);
	free(path);
}

#define RUN(arch, state, args, verdict)                                                            \
	"{\"arch\":\"" arch "\",\"kernel\":\"7.3\",\"start\":\"s\",\"state\":\"" state             \
	"\",\"args\":[" args "],\"cases\":[" CASE("a.b.c", "a.b", verdict, "") "]}"

static void found_before(void **state)
{
	json_t *run = load("{\"arch\":\"x86\",\"state\":\"finished\",\"args\":[],\"cases\":["
			   "{\"name\":\"a.b.c\",\"verdict\":\"FAIL\",\"ran\":true},"
			   "{\"name\":\"a.b.d\",\"verdict\":\"PASS\",\"ran\":true}]}");
	char *dir = xprintf("%s/20260105T000000Z-7.3-x86", unit_dir);
	json_t *before;

	assert_null(before_compare(dir, run));
	make_run("20260101T000000Z-7.3-x86", RUN("x86", "finished", "\"--full\"", "PASS"));
	before = before_compare(dir, run);
	assert_string_equal(jstr(before, "run"), "20260101T000000Z-7.3-x86");
	/* Other options: only the case of both. */
	assert_true(json_is_true(json_object_get(before, "common")));
	assert_int_equal(json_array_size(json_object_get(before, "changes")), 1);
	json_decref(before);
	make_run("20260102T000000Z-7.3-x86", RUN("x86", "interrupted", "", "PASS"));
	before = before_compare(dir, run);
	assert_string_equal(jstr(before, "run"), "20260102T000000Z-7.3-x86");
	assert_int_equal(json_array_size(json_object_get(before, "changes")), 2);
	json_decref(before);
	/* None of these is the run before. */
	make_run("20260103T000000Z-7.3-arm64", RUN("arm64", "finished", "", "PASS"));
	make_run("20260103T000001Z-7.3-x86", RUN("x86", "running", "", "PASS"));
	make_run("20260103T000002Z-7.3-x86", "{ broken");
	make_run("20260109T000000Z-7.3-x86", RUN("x86", "finished", "", "PASS"));
	make_run("zz-other", RUN("x86", "finished", "", "PASS"));
	before = before_compare(dir, run);
	assert_string_equal(jstr(before, "run"), "20260102T000000Z-7.3-x86");
	json_decref(before);
	json_decref(run);
	free(dir);
}

static void side_by_side(void **state)
{
	char *page, *file = xprintf("%s/report.html", unit_dir);
	char *a = xprintf("%s/a", unit_dir), *b = xprintf("%s/b", unit_dir);
	struct strv paths = { 0 };
	struct runs runs;

	make_run("a", sample);
	make_run("b", RUN("x86", "finished", "\"<i>\"", "PASS"));
	strv_add(&paths, a);
	strv_add(&paths, b);
	assert_int_equal(runs_load(&runs, "--report", &paths), 0);
	page = page_report(&runs);
	check_markup(page);
	has(page, "2 runs of kvm-gmem-tests side by side");
	has(page, "<th scope=\"col\">1. x86 7.3</th><th scope=\"col\">2. x86 7.3</th>");
	has(page, "<td class=\"FAIL\">FAIL 1 of 2</td><td class=\"\"></td>");
	has(page, "<td class=\"XFAIL\">known FAIL 1 of 2</td>");
	has(page, "<td class=\"\"></td><td class=\"PASS\">holds 1</td>");
	free(page);
	runs_free(&runs);
	assert_int_equal(page_report_write(&paths, file), 0);
	assert_int_equal(access(file, R_OK), 0);
	strv_free(&paths);
	free(a);
	free(b);
	free(file);
}

/* One line, and the old file stays. */
static void no_results(void **state)
{
	char *file = xprintf("%s/report.html", unit_dir), text[8] = "";
	struct strv paths = { 0 };
	FILE *f;

	unit_write(file, "old");
	strv_add(&paths, "/nonexistent");
	assert_int_equal(page_report_write(&paths, file), EXIT_USAGE);
	f = fopen(file, "r");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "old");
	assert_int_equal(file_replace(AT_FDCWD, "/dev/null/x", "new", false), -ENOTDIR);
	strv_free(&paths);
	free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escaped),
		cmocka_unit_test(one_run),
		cmocka_unit_test(empty),
		cmocka_unit_test(many),
		cmocka_unit_test_setup_teardown(found_before, unit_make_dir, unit_remove_dir),
		cmocka_unit_test_setup_teardown(side_by_side, unit_make_dir, unit_remove_dir),
		cmocka_unit_test_setup_teardown(no_results, unit_make_dir, unit_remove_dir),
	};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
