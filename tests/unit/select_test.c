// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line and the cases that it selects: exact options only, a remedy for each mistake.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "unit.h"

#include "../../runner/options.h"
#include "../../runner/schedule.h"
#include "../../runner/select.h"

static char complaint[4096];

/* Parses a command line given as one string, words separated by blanks; keeps stderr. */
static int parse(struct options *opt, const char *line)
{
	static char copy[512];
	char *argv[32] = { "gm-run" }, *save;
	int argc = 1, err = dup(2), fd = memfd_create("stderr", 0), ret;
	ssize_t n;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	dup2(fd, 2);
	ret = options_parse(opt, argc, argv);
	fflush(stderr);
	dup2(err, 2);
	close(err);
	n = pread(fd, complaint, sizeof(complaint) - 1, 0);
	complaint[n > 0 ? n : 0] = '\0';
	close(fd);
	return ret;
}

static void good_lines(void **state)
{
	struct options opt;

	assert_int_equal(
		parse(&opt,
		      "--filter fd.*,!fd.slow --filter=conv.* --clause fd.args --seed 0x10 "
		      "--repeat 3 --until-fail --for 10m --timeout-scale 2.5 --jobs 4 --strict "
		      "--results r --list=json --profile full"),
		0);
	assert_int_equal(opt.filters.n, 3);
	assert_string_equal(opt.filters.v[1], "!fd.slow");
	assert_int_equal(opt.clauses.n, 1);
	assert_int_equal(opt.seed, 16);
	assert_true(opt.have_seed && opt.until_fail && opt.strict && opt.list && opt.list_json &&
		    opt.full && !opt.failed);
	assert_int_equal(opt.repeat, 3);
	assert_int_equal(opt.jobs, 4);
	assert_true(opt.for_seconds == 600 && opt.scale == 2.5);
	assert_string_equal(opt.results, "r");
	options_free(&opt);
	assert_int_equal(parse(&opt, ""), 0);
	assert_true(opt.jobs == 1 && opt.scale == 1 && !opt.full && !opt.have_seed);
	assert_string_equal(opt.results, "results");
	options_free(&opt);
}

static void bad_lines_have_a_remedy(void **state)
{
	static const struct {
		const char *line, *says;
	} bad[] = {
		{ "--fliter x", "did you mean --filter?" },
		{ "--filt x", "did you mean --filter?" },
		{ "--xyzzy", "--help lists them all" },
		{ "fd.args", "--filter 'fd.args'" },
		{ "--filter", "needs a value: --filter GLOB" },
		{ "--filter=", "needs a name or a glob" },
		{ "--strict=yes", "takes no value" },
		{ "--jobs 0", "whole number" },
		{ "--jobs 1.5", "whole number" },
		{ "--jobs two", "whole number" },
		{ "--repeat -1", "whole number" },
		{ "--timeout-scale 0", "from 0.01" },
		{ "--timeout-scale nan", "from 0.01" },
		{ "--timeout-scale 0x2", "from 0.01" },
		{ "--for 10", NULL },
		{ "--for 10d", "90s, 10m or 2h" },
		{ "--for 0m", "90s, 10m or 2h" },
		{ "--seed 1x", "64-bit number" },
		{ "--seed 18446744073709551616", "64-bit number" },
		{ "--profile slow", "is not one of quick, full" },
		{ "--list=xml", "--list=json" },
		{ "--events a --attach b", "give one of them" },
		{ "--remaining a", "--remaining goes with --attach" },
		{ "--resume a", "--resume goes with --attach" },
		{ "--failed --case-list a", "give one of them" },
		{ "--reason x", "--reason goes with --finish" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct options opt;
		int ret = parse(&opt, bad[i].line);

		if (ret != (bad[i].says ? EXIT_USAGE : 0) ||
		    (bad[i].says && !strstr(complaint, bad[i].says)))
			fail_msg("'%s' gave %d: %s", bad[i].line, ret, complaint);
		/* One line. */
		assert_int_equal(complaint[0] ? strcspn(complaint, "\n") : 0,
				 complaint[0] ? strlen(complaint) - 1 : 0);
		options_free(&opt);
	}
}

static void fill(struct catalogue *cat)
{
	json_t *list = json_loads(
		"[{\"name\":\"fd.args.zero\",\"clause\":\"fd.args\"},"
		"{\"name\":\"fd.args.size\",\"clause\":\"fd.args\",\"timeout\":5,\"huge_1g\":2},"
		"{\"name\":\"fd.slow\",\"clause\":\"fd.slow\",\"flags\":[\"full_only\"]},"
		"{\"name\":\"conv.any\",\"clause\":\"conv.any\",\"flags\":[\"destructive\"]},"
		"{\"name\":\"conv.two\",\"clause\":\"conv.two\",\"tokens\":[\"alone\"]},"
		"{\"name\":\"iommu.map\",\"clause\":\"iommu.map\",\"tokens\":[\"iommu\"]},"
		"{\"name\":\"iommu.unmap\",\"clause\":\"iommu.unmap\",\"tokens\":[\"iommu\",\"huge\"]}]",
		0, NULL);

	memset(cat, 0, sizeof(*cat));
	assert_null(catalogue_add(cat, "bin/x_test", list));
	json_decref(list);
}

/* Six cells of a table, and one case. */
static void fill_table(struct catalogue *cat)
{
	json_t *list = json_array();

	for (int i = 0; i < 7; i++)
		json_array_append_new(list, json_pack("{s:o,s:s,s:[s*]}", "name",
						      json_sprintf("table.%d", i), "clause",
						      "table", "flags", i < 6 ? "sampled" : NULL));
	memset(cat, 0, sizeof(*cat));
	assert_null(catalogue_add(cat, "bin/x_test", list));
	json_decref(list);
}

/* The names that a command line selects, separated by blanks; NULL when it is refused. */
static const char *selected(const char *line)
{
	static char names[512];
	struct catalogue cat;
	struct options opt;
	int err, fd, ret;
	ssize_t n;

	assert_int_equal(parse(&opt, line), 0);
	fill(&cat);
	err = dup(2);
	fd = memfd_create("stderr", 0);
	dup2(fd, 2);
	ret = select_cases(&cat, &opt);
	dup2(err, 2);
	close(err);
	n = pread(fd, complaint, sizeof(complaint) - 1, 0);
	complaint[n > 0 ? n : 0] = '\0';
	close(fd);
	names[0] = '\0';
	for (size_t i = 0; i < cat.n && !ret; i++) {
		if (cat.v[i].selected)
			sprintf(names + strlen(names), "%s%s", names[0] ? " " : "", cat.v[i].name);
	}
	catalogue_free(&cat);
	options_free(&opt);
	return ret ? NULL : names;
}

static void sample_is_a_quarter(void **state)
{
	struct catalogue cat = { 0 };
	unsigned int seen[7] = { 0 };
	struct options opt;

	for (unsigned int seed = 0; seed < 4; seed++) {
		assert_int_equal(parse(&opt, "--filter table.*"), 0);
		memset(&cat, 0, sizeof(cat));
		fill_table(&cat);
		opt.seed = seed;
		assert_int_equal(select_cases(&cat, &opt), 0);
		for (size_t i = 0; i < cat.n; i++)
			seen[i] += cat.v[i].selected;
		catalogue_free(&cat);
		options_free(&opt);
	}
	/* The last one is not sampled. */
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(seen[6], 4);
}

static void filters_select(void **state)
{
	assert_string_equal(selected("--filter fd.*"), "fd.args.zero fd.args.size");
	assert_string_equal(selected("--filter fd.* --profile full"),
			    "fd.args.zero fd.args.size fd.slow");
	assert_string_equal(selected("--filter fd.*,!*.zero"), "fd.args.size");
	assert_string_equal(selected("--filter !fd.*,!conv.* --filter !iommu.map"), "iommu.unmap");
	assert_string_equal(selected("--filter *.map,conv.any"), "conv.any iommu.map");
	assert_string_equal(selected("--clause fd.args"), "fd.args.zero fd.args.size");
	assert_string_equal(selected("--clause fd.* --filter *.zero"), "fd.args.zero");
	assert_string_equal(selected("--clause !fd.*,!conv.*"), "iommu.map iommu.unmap");
	/* A full name selects a case that is in the full profile only. */
	assert_string_equal(selected("--filter fd.slow"), "fd.slow");
}

static void empty_selections_are_refused(void **state)
{
	static const struct {
		const char *line, *says;
	} bad[] = {
		{ "--filter fd", "did you mean 'fd.*'?" },
		{ "--filter nope.*", "matches nothing" },
		{ "--filter fd.*,nope", "'nope' matches nothing" },
		{ "--filter fd.*,!nope", "'nope' matches nothing" },
		{ "--filter FD.*", "matches nothing" },
		{ "--clause fd", "did you mean 'fd.*'?" },
		{ "--filter fd.s*", "--profile full" },
		{ "--filter fd.*,!fd.*", "no case matches" },
		{ "--filter fd.* --require conv.any", "in this selection" },
		{ "--case-list /nonexistent", "No such file" },
		{ "--failed --results /nonexistent", "no earlier results" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (selected(bad[i].line) || !strstr(complaint, bad[i].says))
			fail_msg("'%s': %s", bad[i].line, complaint);
}

static void lists_select(void **state)
{
	char path[128], line[256];

	snprintf(path, sizeof(path), "%s/list", unit_dir);
	snprintf(line, sizeof(line), "--case-list %s", path);
	unit_write(path, "# two\niommu.map\n\nfd.slow # long\n");
	assert_string_equal(selected(line), "fd.slow iommu.map");
	unit_write(path, "iommu.map\nnope\n");
	assert_null(selected(line));
	assert_non_null(strstr(complaint, "no case is called nope"));
	unit_write(path, "\n");
	assert_null(selected(line));

	snprintf(path, sizeof(path), "%s/latest", unit_dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/latest/results.json", unit_dir);
	snprintf(line, sizeof(line), "--failed --results %s", unit_dir);
	unit_write(path, "{\"cases\":[{\"name\":\"fd.slow\",\"verdict\":\"ERROR\"},"
			 "{\"name\":\"conv.any\",\"verdict\":\"PASS\"},"
			 "{\"name\":\"is.no.more\",\"verdict\":\"FAIL\"},"
			 "{\"name\":\"iommu.map\",\"verdict\":\"FAIL\"}]}");
	assert_string_equal(selected(line), "fd.slow iommu.map");
	unit_write(path, "{\"cases\":[{\"name\":\"fd.slow\",\"verdict\":\"PASS\"}]}");
	assert_null(selected(line));
	assert_non_null(strstr(complaint, "no FAIL or ERROR"));
}

static void required_cases(void **state)
{
	struct options opt;

	assert_int_equal(parse(&opt, "--require fd.*,iommu.map"), 0);
	assert_true(is_required(&opt, "fd.args.zero", "fd.args"));
	assert_true(is_required(&opt, "iommu.map.one", "iommu.map"));
	assert_false(is_required(&opt, "conv.any", "conv.any"));
	options_free(&opt);
	assert_int_equal(parse(&opt, "--strict"), 0);
	assert_true(is_required(&opt, "conv.any", "conv.any"));
	options_free(&opt);
}

static void bad_declarations_are_refused(void **state)
{
	static const char *const bad[] = {
		"{}",
		"[1]",
		"[{}]",
		"[{\"name\":\"a.b\"}]",
		"[{\"name\":\"A.b\",\"clause\":\"a\"}]",
		"[{\"name\":\"a/b\",\"clause\":\"a\"}]",
		"[{\"name\":\"..\",\"clause\":\"a\"}]",
		"[{\"name\":\"a..b\",\"clause\":\"a\"}]",
		"[{\"name\":\".a\",\"clause\":\"a\"}]",
		"[{\"name\":\"a b\",\"clause\":\"a\"}]",
		"[{\"name\":\"a\\n\",\"clause\":\"a\"}]",
		"[{\"name\":\"a\",\"clause\":\"a\",\"timeout\":-1}]",
		"[{\"name\":\"a\",\"clause\":\"a\",\"timeout\":\"x\"}]",
		"[{\"name\":\"a\",\"clause\":\"a\"},{\"name\":\"a\",\"clause\":\"a\"}]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *list = json_loads(bad[i], 0, NULL);
		struct catalogue cat = { 0 };
		char *wrong;

		assert_non_null(list);
		wrong = catalogue_add(&cat, "x", list);
		if (!wrong)
			fail_msg("taken: %s", bad[i]);
		free(wrong);
		catalogue_free(&cat);
		json_decref(list);
	}
}

static void order_and_tokens(void **state)
{
	struct sched_entry *a, *b, *c, *d;
	struct catalogue cat;
	struct schedule s;
	struct options opt;

	assert_int_equal(parse(&opt, "--jobs 3"), 0);
	fill(&cat);
	assert_int_equal(cat.v[1].timeout, 5);
	assert_int_equal(cat.v[0].timeout, 60);
	assert_int_equal(cat.v[1].tokens, GM_TOKEN_HUGE);
	assert_int_equal(select_cases(&cat, &opt), 0);
	sched_init(&s, &cat, &opt);
	assert_int_equal(s.n, 6);

	a = sched_next(&s, now());
	b = sched_next(&s, now());
	c = sched_next(&s, now());
	assert_string_equal(a->c->name, "fd.args.zero");
	assert_string_equal(b->c->name, "fd.args.size"); /* holds the token "huge" */
	assert_string_equal(c->c->name, "iommu.map");	 /* holds the token "iommu" */
	assert_null(sched_next(&s, now()));
	sched_done(&s, a, "PASS");
	/* iommu.unmap needs both tokens; cases that run alone wait for all others. */
	assert_null(sched_next(&s, now()));
	sched_done(&s, b, "PASS");
	assert_null(sched_next(&s, now()));
	sched_done(&s, c, "PASS");
	d = sched_next(&s, now());
	assert_string_equal(d->c->name, "iommu.unmap");
	assert_null(sched_next(&s, now()));
	sched_done(&s, d, "PASS");
	d = sched_next(&s, now());
	assert_string_equal(d->c->name, "conv.two");
	assert_null(sched_next(&s, now()));
	sched_done(&s, d, "PASS");
	d = sched_next(&s, now());
	assert_string_equal(d->c->name, "conv.any"); /* destructive: last */
	sched_done(&s, d, "PASS");
	assert_null(sched_next(&s, now()));
	assert_int_equal(s.running, 0);
	sched_free(&s);
	catalogue_free(&cat);
	options_free(&opt);
}

/* Runs all cases: conv.any is a SKIP, iommu.map a FAIL in round `fails`. Returns how many ran. */
static unsigned int rounds_of(const char *line, unsigned int fails)
{
	struct sched_entry *e;
	struct catalogue cat;
	struct schedule s;
	struct options opt;
	unsigned int runs = 0;

	assert_int_equal(parse(&opt, line), 0);
	fill(&cat);
	assert_int_equal(select_cases(&cat, &opt), 0);
	sched_init(&s, &cat, &opt);
	/* One second ahead, so that a shorter --for is over. */
	while (runs < 1000 && (e = sched_next(&s, now() + 1))) {
		bool fail = s.round + 1 == fails && !strcmp(e->c->name, "iommu.map");

		runs++;
		sched_done(&s, e, fail ? "FAIL" : strcmp(e->c->name, "conv.any") ? "PASS" : "SKIP");
	}
	sched_free(&s);
	catalogue_free(&cat);
	options_free(&opt);
	return runs;
}

static void rounds(void **state)
{
	assert_int_equal(rounds_of("", 0), 6);
	/* A case that skipped does not run again. */
	assert_int_equal(rounds_of("--repeat 3", 0), 6 + 5 + 5);
	assert_int_equal(rounds_of("--repeat 3", 2), 6 + 5 + 5);
	assert_int_equal(rounds_of("--until-fail", 3), 6 + 5 + 3);
	assert_int_equal(rounds_of("--until-fail --repeat 2", 3), 6 + 5);
	assert_int_equal(rounds_of("--until-fail", 1), 3);
	/* The first round completes, however short the time. */
	assert_int_equal(rounds_of("--for 0.5s", 0), 6);
	assert_int_equal(rounds_of("--for 1h --repeat 2", 0), 6 + 5);
	assert_int_equal(rounds_of("--filter conv.any --until-fail", 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines),
		cmocka_unit_test(bad_lines_have_a_remedy),
		cmocka_unit_test(filters_select),
		cmocka_unit_test(sample_is_a_quarter),
		cmocka_unit_test(empty_selections_are_refused),
		in_dir(lists_select),
		cmocka_unit_test(required_cases),
		cmocka_unit_test(bad_declarations_are_refused),
		cmocka_unit_test(order_and_tokens),
		cmocka_unit_test(rounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
