// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events and the documents made from them: a truncated stream or garbage never gives a pass, and
 * all documents are complete and agree at every moment.
 */
#include <mxml.h>
#include <sys/stat.h>

#include "unit.h"

#include "../../runner/events.h"
#include "../../runner/results_dir.h"
#include "../../runner/sink.h"
#include "../../runner/state.h"

static const char stream[] =
	"{\"ev\":\"run_start\",\"t\":0,\"v\":1,\"version\":\"1\",\"kernel\":\"7.3\",\"arch\":\"x86\","
	"\"seed\":\"77\",\"rounds\":1,\"profile\":\"quick\",\"time\":\"2026-01-02T03:04:05Z\",\"cases\":["
	"{\"name\":\"a.pass\",\"clause\":\"a\",\"text\":\"t\",\"clause_text\":\"A <holds> & \\\"so\\\"\"},"
	"{\"name\":\"a.fail\",\"clause\":\"a\",\"text\":\"t\"},"
	"{\"name\":\"a.skip\",\"clause\":\"a\",\"text\":\"t\"},"
	"{\"name\":\"a.error\",\"clause\":\"a\",\"text\":\"t\"}]}\n"
	"{\"ev\":\"case_start\",\"t\":0.1,\"case\":\"a.pass\",\"round\":0,\"seed\":\"77\"}\n"
	"{\"ev\":\"log\",\"t\":0.1,\"case\":\"a.pass\",\"text\":\"hello\\n\"}\n"
	"{\"ev\":\"case_end\",\"t\":0.2,\"case\":\"a.pass\",\"round\":0,\"seed\":\"77\",\"verdict\":\"PASS\","
	"\"reason\":\"\",\"time\":0.25,\"checks\":3}\n"
	"{\"ev\":\"kmsg\",\"t\":0.2,\"text\":\"[ 1.0] x\\n\"}\n"
	"{\"ev\":\"case_start\",\"t\":0.3,\"case\":\"a.fail\",\"round\":0,\"seed\":\"77\"}\n"
	"{\"ev\":\"case_end\",\"t\":0.4,\"case\":\"a.fail\",\"round\":0,\"seed\":\"77\",\"verdict\":\"FAIL\","
	"\"reason\":\"1 missed\",\"time\":0.5,\"fails\":[{\"at\":\"x.c:7\",\"text\":\"]]> & <b>\"}],"
	"\"notes\":[\"Subtest: n\",\"reboot: System halted # SKIP\"],"
	"\"leaks\":[{\"clause\":\"leak.vms\",\"text\":\"one\"}]}\n"
	"{\"ev\":\"heartbeat\",\"t\":0.4,\"done\":2,\"running\":[]}\n"
	"{\"ev\":\"case_start\",\"t\":0.5,\"case\":\"a.skip\",\"round\":0,\"seed\":\"77\"}\n"
	"{\"ev\":\"case_end\",\"t\":0.6,\"case\":\"a.skip\",\"round\":0,\"seed\":\"77\",\"verdict\":\"SKIP\","
	"\"reason\":\"no device\",\"remedy\":\"load it\",\"time\":0.1}\n"
	"{\"ev\":\"case_start\",\"t\":0.7,\"case\":\"a.error\",\"round\":0,\"seed\":\"77\"}\n"
	"{\"ev\":\"case_end\",\"t\":0.8,\"case\":\"a.error\",\"round\":0,\"seed\":\"77\",\"verdict\":\"ERROR\","
	"\"reason\":\"line one # SKIP\\nline two\",\"time\":0.1,\"tail\":\"last words\\n\"}\n"
	"{\"ev\":\"run_end\",\"t\":0.9,\"interrupted\":\"\"}\n";

static void apply(void *arg, json_t *ev)
{
	state_apply(arg, ev);
	json_decref(ev);
}

static unsigned long feed(struct state *st, const char *text, size_t len, size_t piece)
{
	struct event_reader r = { 0 };

	for (size_t i = 0; i < len; i += piece)
		events_feed(&r, text + i, len - i < piece ? len - i : piece, apply, st);
	events_end(&r, apply, st);
	return r.garbage;
}

static void load(struct state *st)
{
	state_init(st, "run %n with %s, 100%%");
	assert_int_equal(feed(st, stream, strlen(stream), 1000), 0);
	st->over = true;
}

static char *tap(const struct state *st)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	tap_document(f, st, false);
	fclose(f);
	return text;
}

static int count_lines(const char *text, const char *start)
{
	int n = 0;

	for (const char *s = text; s; s = strchr(s, '\n')) {
		s += *s == '\n';
		n += !strncmp(s, start, strlen(start));
		if (!*s)
			break;
	}
	return n;
}

static void totals_are_counted(void **state)
{
	struct totals t;
	struct state st;

	load(&st);
	t = state_totals_now(&st);
	assert_int_equal(t.pass, 1);
	assert_int_equal(t.fail, 1);
	assert_int_equal(t.skip, 1);
	assert_int_equal(t.error, 1);
	assert_int_equal(state_exit_code(&st), EXIT_FAILED);
	assert_string_equal(state_word(&st), "finished");
	state_free(&st);
}

static void exit_codes(void **state)
{
	static const struct {
		const char *a, *b, *end;
		int code;
	} runs[] = {
		{ "PASS", "PASS", "{\"ev\":\"run_end\",\"interrupted\":\"\"}", EXIT_HELD },
		{ "PASS", "SKIP", "{\"ev\":\"run_end\",\"interrupted\":\"\"}", EXIT_HELD },
		{ "SKIP", "SKIP", "{\"ev\":\"run_end\",\"interrupted\":\"\"}", EXIT_SKIPPED },
		{ "SKIP", "FAIL", "{\"ev\":\"run_end\",\"interrupted\":\"\"}", EXIT_FAILED },
		{ "SKIP", "ERROR", "{\"ev\":\"run_end\",\"interrupted\":\"\"}", EXIT_FAILED },
		{ "PASS", "PASS", "{\"ev\":\"run_end\",\"interrupted\":\"SIGINT\"}", 130 },
		{ "PASS", "FAIL", "{\"ev\":\"run_end\",\"interrupted\":\"SIGTERM\"}", 143 },
		{ "PASS", "PASS", "", EXIT_FAILED },
		{ "PASS", "PASS", "{\"ev\":\"stream_end\",\"reason\":\"died\"}", EXIT_FAILED },
		{ "PASS", "PASS",
		  "{\"ev\":\"finding\",\"clause\":\"leak.vms\",\"text\":\"x\"}\n"
		  "{\"ev\":\"run_end\",\"interrupted\":\"\"}",
		  EXIT_FAILED },
		{ "PASS", "MAYBE", "{\"ev\":\"run_end\",\"interrupted\":\"\"}", EXIT_FAILED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		struct state st;
		char *text = xprintf(
			"{\"ev\":\"run_start\",\"rounds\":1,\"cases\":[{\"name\":\"a\",\"clause\":\"c\"},"
			"{\"name\":\"b\",\"clause\":\"c\"}]}\n"
			"{\"ev\":\"case_end\",\"case\":\"a\",\"verdict\":\"%s\"}\n"
			"{\"ev\":\"case_end\",\"case\":\"b\",\"verdict\":\"%s\"}\n%s\n",
			runs[i].a, runs[i].b, runs[i].end);

		state_init(&st, "");
		feed(&st, text, strlen(text), 1000);
		if (state_exit_code(&st) != runs[i].code)
			fail_msg("run %zu: %d", i, state_exit_code(&st));
		state_free(&st);
		free(text);
	}
}

static void tap_is_flat_and_complete(void **state)
{
	struct state st;
	char *text, *last;

	load(&st);
	text = tap(&st);
	assert_memory_equal(text, "TAP version 13\n1..4\n", 20);
	assert_non_null(strstr(text, "\nok 1 a.pass # time=250ms\n"));
	assert_non_null(strstr(text, "\nnot ok 2 a.fail # time=500ms\n"));
	assert_non_null(strstr(text, "\nok 3 a.skip # SKIP\n#   reason: no device\n"));
	assert_non_null(strstr(text, "\nnot ok 4 a.error # ERROR line one = SKIP line two\n"));
	assert_int_equal(count_lines(text, "ok "), 2);
	assert_int_equal(count_lines(text, "not ok "), 2);
	/* Nothing but results, the plan and comments; nothing that a parser would stop at. */
	assert_int_equal(count_lines(text, "TAP ") + count_lines(text, "1..") +
				 count_lines(text, "ok ") + count_lines(text, "not ok ") +
				 count_lines(text, "# "),
			 count_lines(text, "") - 1);
	assert_null(strstr(text, "# Subtest"));
	assert_null(strstr(text, "reboot: System halted"));
	assert_non_null(strstr(text, "x.c:7: ]]> & <b>"));
	assert_non_null(strstr(text, "left behind, leak.vms: one"));
	assert_non_null(strstr(text, "again: run a.fail with 77, 100%\n"));
	last = strstr(text, "# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:1 error:1\n");
	assert_non_null(last);
	assert_string_equal(strchr(last, '\n'), "\n");
	free(text);
	state_free(&st);
}

/* Cases skipped for one reason: one line for each, the remedy and the count once. */
static void skips_are_summed_up(void **state)
{
	static const char names[] = "abcde";
	struct state st;
	json_t *doc, *skips;
	char *text;

	state_init(&st, "");
	text = xprintf("{\"ev\":\"run_start\",\"rounds\":1,\"cases\":[");
	for (size_t i = 0; names[i]; i++) {
		char *more = xprintf("%s%s{\"name\":\"%c\",\"clause\":\"c\"}", text, i ? "," : "",
				     names[i]);

		free(text);
		text = more;
	}
	for (size_t i = 0; names[i]; i++) {
		char *more =
			xprintf("%s%s{\"ev\":\"case_end\",\"case\":\"%c\",\"verdict\":\"SKIP\","
				"\"reason\":\"no %s\",\"remedy\":\"%s\"}\n",
				text, i ? "" : "]}\n", names[i], i % 2 ? "one" : "other",
				i % 2 ? "load it" : "");

		free(text);
		text = more;
	}
	feed(&st, text, strlen(text), 1000);
	free(text);
	st.over = true;

	text = tap(&st);
	assert_int_equal(count_lines(text, "ok "), 5);
	assert_non_null(strstr(text, "\nok 2 b # SKIP\n#   reason: no one\n#   remedy: load it\n"));
	assert_non_null(strstr(text, "\nok 4 d # SKIP\n#   reason: no one\nok 5"));
	assert_int_equal(count_lines(text, "#   remedy"), 1);
	assert_non_null(
		strstr(text, "\n# 3 skipped: no other\n# 2 skipped: no one (load it)\n# T"));
	free(text);

	text = json_document(&st);
	doc = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	skips = json_object_get(doc, "skips");
	assert_int_equal(json_array_size(skips), 2);
	assert_int_equal(jint(json_array_get(skips, 0), "cases"), 3);
	assert_string_equal(jstr(json_array_get(skips, 1), "remedy"), "load it");
	json_decref(doc);
	free(text);
	state_free(&st);
}

static void json_is_complete(void **state)
{
	struct state st;
	json_t *doc, *cases, *rec;
	char *text;

	load(&st);
	text = json_document(&st);
	doc = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(doc);
	assert_string_equal(jstr(doc, "state"), "finished");
	assert_string_equal(jstr(doc, "kernel"), "7.3");
	assert_string_equal(jstr(doc, "seed"), "77");
	assert_int_equal(jint(doc, "exit"), 1);
	assert_int_equal(jint(json_object_get(doc, "totals"), "pass"), 1);
	cases = json_object_get(doc, "cases");
	assert_int_equal(json_array_size(cases), 4);
	rec = json_array_get(cases, 1);
	assert_string_equal(jstr(rec, "name"), "a.fail");
	assert_string_equal(jstr(rec, "verdict"), "FAIL");
	assert_string_equal(jstr(rec, "log"), "logs/a.fail.log");
	assert_string_equal(jstr(rec, "rerun"), "run a.fail with 77, 100%");
	assert_string_equal(jstr(json_array_get(json_object_get(rec, "fails"), 0), "at"), "x.c:7");
	assert_int_equal(json_array_size(json_object_get(rec, "leaks")), 1);
	assert_int_equal(jint(json_array_get(cases, 0), "checks"), 3);
	json_decref(doc);
	free(text);
	state_free(&st);
}

static int count_elements(mxml_node_t *top, const char *name)
{
	int n = 0;

	for (mxml_node_t *node = mxmlFindElement(top, top, name, NULL, NULL, MXML_DESCEND); node;
	     node = mxmlFindElement(node, top, name, NULL, NULL, MXML_DESCEND))
		n++;
	return n;
}

static void junit_has_the_same(void **state)
{
	mxml_node_t *top, *suite, *failure;
	struct state st;
	char *text;

	load(&st);
	text = junit_document(&st);
	top = mxmlLoadString(NULL, text, MXML_OPAQUE_CALLBACK);
	assert_non_null(top);
	suite = mxmlFindElement(top, top, "testsuite", NULL, NULL, MXML_DESCEND);
	assert_non_null(suite);
	assert_string_equal(mxmlElementGetAttr(suite, "tests"), "4");
	assert_string_equal(mxmlElementGetAttr(suite, "failures"), "1");
	assert_string_equal(mxmlElementGetAttr(suite, "errors"), "1");
	assert_string_equal(mxmlElementGetAttr(suite, "skipped"), "1");
	assert_int_equal(count_elements(top, "testcase"), 4);
	assert_int_equal(count_elements(top, "failure"), 1);
	assert_int_equal(count_elements(top, "error"), 1);
	assert_int_equal(count_elements(top, "skipped"), 1);
	failure = mxmlFindElement(top, top, "failure", NULL, NULL, MXML_DESCEND);
	assert_string_equal(mxmlElementGetAttr(failure, "message"), "1 missed");
	assert_non_null(strstr(mxmlGetOpaque(failure), "x.c:7: ]]> & <b>"));
	mxmlDelete(top);
	free(text);
	state_free(&st);
}

/* Cuts the stream at every byte: complete events count, every other case is an ERROR. */
static void a_cut_at_every_byte_is_no_pass(void **state)
{
	size_t len = strlen(stream);

	for (size_t cut = 0; cut < len; cut++) {
		unsigned int whole = 0;
		struct totals t;
		struct state st;
		char *text;

		state_init(&st, "%n");
		feed(&st, stream, cut, 1 + cut % 97);
		for (size_t i = 0; i < cut; i++)
			whole += !strncmp(stream + i, "}\n{\"ev\":\"case_end\"", 18);
		t = state_totals_now(&st);
		if (st.start) {
			assert_int_equal(st.n, 4);
			assert_int_equal(t.pass + t.fail + t.skip + t.error, 4);
			assert_true(t.pass + t.skip + t.fail <= whole);
			/* Without only its newline the last event is still complete. */
			if (cut < len - 1) {
				assert_null(st.interrupted);
				assert_int_equal(state_exit_code(&st), EXIT_FAILED);
			}
			text = tap(&st);
			assert_int_equal(count_lines(text, "ok ") + count_lines(text, "not ok "),
					 4);
			free(text);
			if (cut % 16 == 0) {
				json_t *doc;

				text = json_document(&st);
				doc = json_loads(text, 0, NULL);
				assert_non_null(doc);
				assert_string_equal(jstr(doc, "state"), "running");
				assert_int_equal(json_array_size(json_object_get(doc, "cases")), 4);
				json_decref(doc);
				free(text);
				text = junit_document(&st);
				mxmlDelete(mxmlLoadString(NULL, text, MXML_OPAQUE_CALLBACK));
				free(text);
			}
		}
		state_free(&st);
	}
}

static void garbage_is_skipped(void **state)
{
	static const char dirt[] =
		"kernel noise\n\xff\xfe\n{\"ev\":3}\n[]\n{\"no\":\"ev\"}\n\n{\"ev\":\"unknown\"}\n"
		"{\"ev\":\"case_end\",\"case\":\"nobody\",\"verdict\":\"PASS\"}\n"
		"{\"ev\":\"case_end\"}\n{\"ev\":\"case_start\",\"case\":7}\n";
	struct totals t;
	struct state st;
	char *text = xalloc(sizeof(stream) + 40 * sizeof(dirt));

	/* Before every line, and after the last. */
	for (const char *s = stream; *s; s += strcspn(s, "\n") + 1) {
		strcat(text, dirt);
		strncat(text, s, strcspn(s, "\n") + 1);
	}
	strcat(text, dirt);
	state_init(&st, "");
	assert_true(feed(&st, text, strlen(text), 13) >= 5 * 10);
	t = state_totals_now(&st);
	assert_int_equal(t.pass, 1);
	assert_int_equal(t.fail + t.skip + t.error, 3);
	assert_int_equal(st.n, 4);
	free(text);
	state_free(&st);
}

static void rounds_keep_the_worst(void **state)
{
	static const char text[] =
		"{\"ev\":\"run_start\",\"rounds\":3,\"seed\":\"1\",\"cases\":[{\"name\":\"a\",\"clause\":\"c\"},"
		"{\"name\":\"b\",\"clause\":\"c\"}]}\n"
		"{\"ev\":\"case_end\",\"case\":\"a\",\"round\":0,\"seed\":\"1\",\"verdict\":\"PASS\"}\n"
		"{\"ev\":\"case_end\",\"case\":\"b\",\"round\":0,\"seed\":\"1\",\"verdict\":\"PASS\"}\n"
		"{\"ev\":\"case_end\",\"case\":\"a\",\"round\":1,\"seed\":\"5\",\"verdict\":\"FAIL\"}\n"
		"{\"ev\":\"case_end\",\"case\":\"b\",\"round\":1,\"seed\":\"5\",\"verdict\":\"PASS\"}\n"
		"{\"ev\":\"case_end\",\"case\":\"a\",\"round\":2,\"seed\":\"6\",\"verdict\":\"PASS\"}\n";
	struct state st;

	state_init(&st, "%n %s");
	feed(&st, text, strlen(text), 50);
	assert_true(st.v[0].settled);
	assert_false(st.v[1].settled);
	assert_string_equal(record_verdict(&st.v[0]), "FAIL");
	assert_string_equal(record_seed(&st, &st.v[0]), "5");
	assert_int_equal(st.v[0].runs, 3);
	assert_int_equal(st.v[0].bad_runs, 1);
	assert_ptr_equal(state_settle_next(&st), &st.v[1]);
	assert_null(state_settle_next(&st));
	assert_int_equal(st.totals.pass, 1);
	assert_int_equal(st.totals.fail, 1);
	state_free(&st);
}

/* The stream of a second boot has only the cases that were left. */
static void a_second_stream_goes_on(void **state)
{
	static const char more[] =
		"{\"ev\":\"run_start\",\"rounds\":1,\"cases\":[{\"name\":\"a.error\",\"clause\":\"a\"}]}\n"
		"{\"ev\":\"case_end\",\"case\":\"a.error\",\"round\":0,\"verdict\":\"PASS\"}\n"
		"{\"ev\":\"run_end\",\"interrupted\":\"\"}\n";
	static const char end[] = "{\"ev\":\"stream_end\",\"reason\":\"died\",\"console\":\"x\"}\n";
	size_t cut = strstr(stream, "{\"ev\":\"case_start\",\"t\":0.7") - stream;
	struct state st;

	state_init(&st, "");
	feed(&st, stream, cut, 100);
	feed(&st, end, strlen(end), 100);
	assert_string_equal(st.lost, "died");
	feed(&st, more, strlen(more), 100);
	assert_null(st.lost);
	assert_int_equal(st.n, 4);
	assert_int_equal(st.boots, 2);
	assert_int_equal(st.totals.pass, 2);
	assert_int_equal(st.nr_order, 4);
	state_free(&st);
}

/* The machine died: a case that reported a miss FAILs, one without a miss is an ERROR. */
static void a_miss_before_the_death_fails(void **state)
{
	static const char text[] =
		"{\"ev\":\"run_start\",\"rounds\":1,\"cases\":[{\"name\":\"a\",\"clause\":\"c\"},"
		"{\"name\":\"b\",\"clause\":\"c\"}]}\n"
		"{\"ev\":\"case_start\",\"case\":\"a\",\"round\":0}\n"
		"{\"ev\":\"case_start\",\"case\":\"b\",\"round\":0}\n"
		"{\"ev\":\"case_miss\",\"case\":\"a\",\"fail\":{\"text\":\"missed\"}}\n"
		"{\"ev\":\"stream_end\",\"reason\":\"died\"}\n";
	json_t *a, *b, *c;
	struct state st;

	state_init(&st, "");
	feed(&st, text, strlen(text), 100);
	a = state_verdict_for(&st, &st.v[0], "lost", NULL);
	b = state_verdict_for(&st, &st.v[1], "lost", NULL);
	c = state_verdict_for(&st, &st.v[1], "lost", "Kernel panic - x");
	assert_string_equal(jstr(a, "verdict"), "FAIL");
	assert_string_equal(jstr(json_array_get(json_object_get(a, "fails"), 0), "text"), "missed");
	assert_string_equal(jstr(b, "verdict"), "ERROR");
	assert_string_equal(jstr(c, "verdict"), "FAIL");
	assert_string_equal(jstr(json_array_get(json_object_get(c, "leaks"), 0), "clause"),
			    "leak.kernel_log");
	json_decref(a);
	json_decref(b);
	json_decref(c);
	state_free(&st);
}

static void collect(void *arg, json_t *ev)
{
	json_array_append_new(arg, ev);
}

/* The events in the results folder give the same run again. */
static void results_are_replayed(void **state)
{
	struct results res;
	struct state st, again;
	json_t *events = json_array(), *ev;
	struct event_reader reader = { 0 };
	char *one, *two, path[256];
	size_t i;

	load(&st);
	assert_int_equal(results_create(&res, unit_dir, &st), 0);
	events_feed(&reader, stream, strlen(stream), collect, events);
	events_end(&reader, collect, events);
	json_array_foreach(events, i, ev)
		results_event(&res, &st, ev);
	results_write(&res, &st, true);

	state_init(&again, "run %n with %s, 100%%");
	assert_int_equal(results_replay(res.dir, apply, &again), 0);
	one = tap(&st);
	two = tap(&again);
	assert_string_equal(one, two);

	snprintf(path, sizeof(path), "%s/latest/tap.txt", unit_dir);
	free(two);
	two = unit_read(path);
	assert_string_equal(one, two);
	free(one);
	free(two);
	snprintf(path, sizeof(path), "%s/latest/logs/a.pass.log", unit_dir);
	one = unit_read(path);
	assert_memory_equal(one, "hello\nPASS", 10);
	free(one);
	snprintf(path, sizeof(path), "%s/latest/dmesg.txt", unit_dir);
	one = unit_read(path);
	assert_string_equal(one, "[ 1.0] x\n");
	free(one);
	results_close(&res);
	json_decref(events);
	state_free(&st);
	state_free(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(totals_are_counted),
		cmocka_unit_test(exit_codes),
		cmocka_unit_test(tap_is_flat_and_complete),
		cmocka_unit_test(json_is_complete),
		cmocka_unit_test(skips_are_summed_up),
		cmocka_unit_test(junit_has_the_same),
		cmocka_unit_test(a_cut_at_every_byte_is_no_pass),
		cmocka_unit_test(garbage_is_skipped),
		cmocka_unit_test(rounds_keep_the_worst),
		cmocka_unit_test(a_second_stream_goes_on),
		cmocka_unit_test(a_miss_before_the_death_fails),
		in_dir(results_are_replayed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
