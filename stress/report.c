// SPDX-License-Identifier: GPL-2.0-only
/* Files of a run: programs, failures, reproducers, sums. */
#include <glob.h>
#include <sys/stat.h>

#include "report.h"

static FILE *open_in(const char *dir, const char *name, const char *mode)
{
	char path[4096];
	FILE *f;

	mkdir(dir, 0777);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, mode);
	if (!f)
		fprintf(stderr, "gm-stress: %s: %s\n", path, strerror(errno));
	return f;
}

static void write_prog(const char *dir, const char *name, const struct st_prog *p)
{
	FILE *f = open_in(dir, name, "we");

	if (!f)
		return;
	st_prog_write(p, f);
	fclose(f);
}

static void describe(FILE *f, const struct st_prog *full, const struct st_prog *min,
		     enum st_end end, const struct st_result *r, const struct st_shrunk *s)
{
	fprintf(f, "seed %lu, mix %s, layout %s, provider %s: %s%s%s\n%s\n", full->head.seed,
		full->head.mix, full->head.layout, gm_provider_name(full->head.provider),
		st_end_name(end), r->clause[0] ? ", clause " : "", r->clause, r->text);
	if (min)
		fprintf(f,
			"shrunk from %u to %u operations by %u runs in %.0f s; it fails %u of %u times\n",
			s->from, min->nr, s->tries, s->seconds, s->fails, s->of);
	if (r->has_page && r->history[0])
		fprintf(f, "\nwhat happened to page %#x (clock, operation):\n%s", r->page,
			r->history);
}

void st_report_failure(const char *dir, const struct st_prog *full, const struct st_prog *min,
		       enum st_end end, const struct st_result *r, const struct st_shrunk *s)
{
	char name[64];
	FILE *f;

	snprintf(name, sizeof(name), "%lu.gmops", full->head.seed);
	write_prog(dir, name, full);
	if (min) {
		snprintf(name, sizeof(name), "%lu.min.gmops", full->head.seed);
		write_prog(dir, name, min);
	}
	snprintf(name, sizeof(name), "%lu.c", full->head.seed);
	f = open_in(dir, name, "we");
	if (f) {
		st_reproducer(min ?: full, f);
		fclose(f);
	}
	snprintf(name, sizeof(name), "%lu.txt", full->head.seed);
	f = open_in(dir, name, "we");
	if (f) {
		describe(f, full, min, end, r, s);
		fclose(f);
	}
	describe(stdout, full, min, end, r, s);
	if (min && min->nr <= 40) {
		puts("");
		st_prog_write(min, stdout);
	}
	printf("again: gm-stress replay %s/%lu.%sgmops\n\n", dir, full->head.seed,
	       min ? "min." : "");
	fflush(stdout);
}

/* --- the reproducer --- */

/* A C program with the stress program as a string, which st_prog_read() parses. */
void st_reproducer(const struct st_prog *p, FILE *f)
{
	fprintf(f,
		"// SPDX"
		"-License-Identifier: GPL-2.0-only\n"
		"/*\n"
		" * Stand-alone reproducer of a stress program of kvm-gmem-tests. In the suite's tree:\n"
		" *	make reproducer C=%lu.c\n"
		" * builds it (KSRC= and O= as for other goals). It runs the operations below. If a clause\n"
		" * is broken it prints the clause and the history of the page, and exits with 1.\n"
		" */\n"
		"#include \"stress/repro.h\"\n\n"
		"static const char program[] =\n",
		p->head.seed);
	fputs("\t\"", f);
	st_head_write(&p->head, "\\n", f);
	fputs("\"\n", f);
	for (uint32_t i = 0; i < p->nr; i++)
		fprintf(f, "\t\"%-40s\\n\" /* %s */\n", st_op_str(&p->op[i]),
			st_ops[p->op[i].code]->text);
	fputs("\t;\n\n/* main() is in the library. */\n"
	      "int gm_program_main(int argc, char **argv)\n{\n\treturn st_repro(program);\n}\n",
	      f);
}

/* --- sums --- */

static const struct {
	const char *name;
	size_t at;
} counters[] = {
#define C(x)                                                                                       \
	{                                                                                          \
#x, offsetof(struct st_sum, x)                                                     \
	}
	C(seeds), C(ops), C(conversions), C(reads), C(races), C(failed), C(errors), C(killed),
#undef C
};

#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

static uint64_t *counter(const struct st_sum *s, unsigned int i)
{
	return (uint64_t *)((char *)s + counters[i].at);
}

int st_sum_write(const struct st_sum *s, const char *dir)
{
	FILE *f = open_in(dir, "summary.tsv", "we");

	if (!f)
		return -1;
	for (unsigned int i = 0; i < COUNTERS; i++)
		fprintf(f, "%s\t%lu\n", counters[i].name, *counter(s, i));
	fprintf(f, "seconds\t%.1f\n", s->seconds);
	for (unsigned int i = 0; i < ST_OP_NR; i++)
		if (s->runs[i])
			fprintf(f, "op\t%s\t%lu\n", st_ops[i]->name, s->runs[i]);
	for (unsigned int c = 0; c < ST_CLASSES; c++)
		for (unsigned int i = 0; i < ST_OP_NR; i++)
			if (s->pair[c][i])
				fprintf(f, "pair\t%u\t%s\t%#lx\n", c, st_ops[i]->name,
					s->pair[c][i]);
	return fclose(f);
}

static bool sum_read(struct st_sum *s, FILE *f)
{
	char line[200], name[64];
	unsigned long long val;
	unsigned int class;
	double seconds;

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "seconds\t%lf", &seconds) == 1) {
			s->seconds += seconds;
		} else if (!strncmp(line, "op\t", 3) &&
			   sscanf(line, "op %63s %llu", name, &val) == 2) {
			if (st_op_find(name) < ST_OP_NR)
				s->runs[st_op_find(name)] += val;
		} else if (sscanf(line, "pair\t%u\t%63s\t%llx", &class, name, &val) == 3) {
			if (class < ST_CLASSES && st_op_find(name) < ST_OP_NR)
				s->pair[class][st_op_find(name)] |= val;
		} else if (sscanf(line, "%63s\t%llu", name, &val) == 2) {
			for (unsigned int i = 0; i < COUNTERS; i++)
				if (!strcmp(name, counters[i].name))
					*counter(s, i) += val;
		} else {
			return false;
		}
	}
	return true;
}

/* Prints the first two lines about each failure: seed and clause, observation. */
static void print_failures(const char *dir)
{
	char pattern[4096], line[1000];
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/*.txt", dir);
	if (glob(pattern, 0, NULL, &g))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		FILE *f = fopen(g.gl_pathv[i], "re");

		printf("%s:\n", g.gl_pathv[i]);
		for (int n = 0; f && n < 2 && fgets(line, sizeof(line), f); n++)
			printf("  %s", line);
		if (f)
			fclose(f);
	}
	globfree(&g);
}

int st_merge(int nr, char **dirs)
{
	unsigned int of, seen;
	struct st_sum s = {};

	if (nr < 1) {
		fputs("gm-stress: merge takes folders that run --out wrote\n", stderr);
		return 2;
	}
	for (int i = 0; i < nr; i++) {
		FILE *f = open_in(dirs[i], "summary.tsv", "re");

		if (!f || !sum_read(&s, f)) {
			fprintf(stderr, "gm-stress: %s: has no summary of a run\n", dirs[i]);
			return 2;
		}
		fclose(f);
	}
	for (unsigned int i = 0; i < COUNTERS; i++)
		printf("%s\t%lu\n", counters[i].name, *counter(&s, i));
	seen = st_sum_coverage(&s, &of);
	printf("seconds\t%.1f\ncoverage\t%u of %u pairs by border\n", s.seconds, seen, of);
	for (int i = 0; i < nr; i++)
		print_failures(dirs[i]);
	return s.failed || s.errors ? 1 : 0;
}
