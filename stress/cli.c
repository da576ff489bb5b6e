// SPDX-License-Identifier: GPL-2.0-only
/* The commands of gm-stress, and their options. */
#include <getopt.h>

#include "child.h"
#include "cli.h"
#include "gen.h"
#include "minimize.h"
#include "mix.h"
#include "report.h"
#include "soak.h"
#include "suggest.h"

static const char usage[] =
	"usage: gm-stress COMMAND [OPTIONS]\n"
	"\n"
	"  run			runs random programs until one fails\n"
	"  replay FILE		runs a .gmops file again\n"
	"  shrink FILE		finds the shortest program that fails like this one\n"
	"  gen			prints the program of a seed; needs no KVM\n"
	"  reproducer FILE	prints a C program that does the same; needs no KVM\n"
	"  hunt			runs short programs of every kind, seeds 1 to 3, until one fails\n"
	"  merge DIR...		adds up the results of several runs\n"
	"  profiles		prints mixes, layouts and operations\n"
	"\n"
	"  --profile NAME	the mix of operations (conversion)\n"
	"  --provider NAME	who converts: attributes, inplace, huge_file, auto (auto: what the kernel offers;\n"
	"			gen: attributes); a .gmops file names its own\n"
	"  --seed N		the first seed (from the clock); each program has the next one\n"
	"  --seeds N		number of programs (run: no limit)\n"
	"  --for TIME		stop after 30, 90s, 10m, 8h\n"
	"  --shard I/N		of the seeds, every N-th from the I-th (1 to N)\n"
	"  --collect N		stop after N programs have failed (1)\n"
	"  --ops N, --vcpus N, --threads N, --layout NAME, --order strict|free|races\n"
	"  --weights OP=N,...	replace weights of the mix\n"
	"  --out DIR		the folder for results (stress-results)\n"
	"  --times N		replay: how many times (1)\n"
	"  --by COMMAND		shrink: run COMMAND FILE, which exits with 1 if FILE fails\n"
	"  --shrink-time TIME	limit for shrinking one program (60s; 0: do not shrink)\n"
	"  --timeout TIME	limit for one program (90s)\n";

static int complain(const char *fmt, ...)
{
	va_list ap;

	fputs("gm-stress: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\n", stderr);
	return 2;
}

/* "90", "90s", "10m", "8h" in seconds; -1: invalid. */
static long duration(const char *s)
{
	char *end;
	long n = strtol(s, &end, 10);
	long unit = *end == 'h' ? 3600 : *end == 'm' ? 60 : 1;

	if (end == s || n < 0 || (*end && (!strchr("smh", *end) || end[1])))
		return -1;
	return n * unit;
}

static int order_of(const char *s)
{
	return !strcmp(s, "strict") ? 1 : !strcmp(s, "free") ? 2 : !strcmp(s, "races") ? 3 : -1;
}

static bool shard_of(const char *s, struct st_soak *o)
{
	return sscanf(s, "%u/%u", &o->shard, &o->shards) == 2 && o->shard >= 1 &&
	       o->shard <= o->shards;
}

static bool provider_of(const char *s, enum gm_provider_id *p)
{
	*p = strcmp(s, "auto") ? gm_provider_find(s) : GM_PROVIDER_NONE;
	return *p == GM_PROVIDER_ATTRIBUTES || st_in_place(*p) || !strcmp(s, "auto");
}

static const struct option options[] = {
	{ "profile", required_argument, NULL, 'p' },
	{ "provider", required_argument, NULL, 'P' },
	{ "seed", required_argument, NULL, 's' },
	{ "seeds", required_argument, NULL, 'n' },
	{ "for", required_argument, NULL, 'f' },
	{ "shard", required_argument, NULL, 'i' },
	{ "collect", required_argument, NULL, 'c' },
	{ "ops", required_argument, NULL, 'o' },
	{ "vcpus", required_argument, NULL, 'v' },
	{ "threads", required_argument, NULL, 't' },
	{ "layout", required_argument, NULL, 'l' },
	{ "order", required_argument, NULL, 'O' },
	{ "weights", required_argument, NULL, 'w' },
	{ "out", required_argument, NULL, 'd' },
	{ "times", required_argument, NULL, 'r' },
	{ "by", required_argument, NULL, 'b' },
	{ "shrink-time", required_argument, NULL, 'S' },
	{ "timeout", required_argument, NULL, 'T' },
	{},
};

static const char *name_at(size_t i)
{
	return options[i].name;
}

static int unknown(const char *word)
{
	int len = strcspn(word, "=");
	const char *best = NULL;
	char name[40];

	if (!strncmp(word, "--", 2)) {
		snprintf(name, sizeof(name), "%.*s", len - 2, word + 2);
		best = gm_suggest(name, name_at);
	}
	if (best)
		return complain("unknown option %.*s; did you mean --%s?", len, word, best);
	return complain("unknown option %.*s; gm-stress help lists all", len, word);
}

/* Sets the value of an option; false: the value is invalid. */
static bool take(struct st_soak *o, int option, const char *val)
{
	uint64_t n = 0;
	bool number = !gm_seed_parse(val, &n);
	long t = duration(val);

	switch (option) {
	case 'p':
		o->gen.mix = val;
		return true;
	case 'P':
		return provider_of(val, &o->gen.provider);
	case 'l':
		o->gen.layout = val;
		return true;
	case 'w':
		o->gen.weights = val;
		return true;
	case 'b':
		o->by = val;
		return true;
	case 'd':
		o->out = val;
		return true;
	case 's':
		o->gen.seed = n;
		return number;
	case 'n':
		o->seeds = n;
		return number && n && n <= UINT32_MAX;
	case 'o':
		o->gen.ops = n;
		return number && n && n <= ST_OPS_MAX;
	case 'v':
		o->gen.vcpus = n;
		return number && n && n <= ST_VCPUS;
	case 't':
		o->gen.threads = n ?: ST_NO_THREADS;
		return number && n <= ST_THREADS;
	case 'c':
		o->collect = n;
		return number && n && n < 10000;
	case 'r':
		o->times = n;
		return number && n && n < 1000000;
	case 'O':
		o->gen.order = order_of(val);
		return order_of(val) > 0;
	case 'f':
		o->seconds = t;
		return t > 0;
	case 'S':
		o->shrink_seconds = t;
		return t >= 0;
	case 'T':
		o->timeout_ms = t * 1000;
		return t > 0;
	case 'i':
		return shard_of(val, o);
	default:
		return false;
	}
}

/* Parses the words after the command. 0, or 2 after an error message. */
static int take_options(struct st_soak *o, const char **file, int argc, char **argv)
{
	int c, row;

	opterr = 0;
	for (optind = 0;;) {
		const char *word = argv[optind ? optind : 1];

		/* "-": a word that is not an option is returned as option 1. */
		c = getopt_long(argc, argv, "-:", options, &row);
		if (c == -1)
			return 0;
		if (c == ':')
			return complain("%s needs a value; gm-stress help lists all", word);
		if (c == 1 && *file)
			return complain("%s: one file at a time", optarg);
		if (c == 1) {
			*file = optarg;
			continue;
		}
		/* Reject abbreviations, which getopt_long() takes. */
		if (c == '?' || strlen(options[row].name) + 2 != strcspn(word, "="))
			return unknown(word);
		if (!take(o, c, optarg))
			return complain("--%s %s: invalid value; gm-stress help lists all",
					options[row].name, optarg);
	}
}

static int print_tables(void)
{
	const struct st_mix *mix;
	const struct st_layout *l;

	puts("mixes (--profile):");
	for (unsigned int i = 0; (mix = st_mix_at(i)); i++)
		printf("  %-12s %s\n", mix->name, mix->text);
	puts("layouts:");
	for (unsigned int i = 0; (l = st_layout_at(i)); i++)
		printf("  %-12s %s\n", l->name, l->text);
	puts("operations (v: by a vCPU, t: by a thread of the host):");
	for (unsigned int i = 0; i < ST_OP_NR; i++)
		printf("  %c %-10s %s\n", st_ops[i]->flags & ST_VCPU ? 'v' : 't', st_ops[i]->name,
		       st_ops[i]->text);
	return 0;
}

static int load(const char *file, struct st_prog *p)
{
	FILE *f = strcmp(file, "-") ? fopen(file, "re") : stdin;
	char why[200];
	int ret;

	if (!f)
		return complain("%s: %s", file, strerror(errno));
	ret = st_prog_read(p, f, why, sizeof(why));
	if (f != stdin)
		fclose(f);
	return ret ? complain("%s: %s", file, why) : 0;
}

static int generate(const struct st_soak *o)
{
	struct st_prog p = {};
	char why[200];

	if (st_gen(&o->gen, &p, why, sizeof(why)))
		return complain("%s", why);
	st_soak_name(&p);
	st_prog_write(&p, stdout);
	st_prog_free(&p);
	return 0;
}

int st_cli(int argc, char **argv)
{
	struct st_soak o = { .collect = 1,
			     .shard = 1,
			     .shards = 1,
			     .times = 1,
			     .out = "stress-results",
			     .shrink_seconds = 60 };
	const char *command = argc > 1 ? argv[1] : "help", *file = NULL;
	struct st_prog p = {};
	int ret;

	/* So that a log shows the progress of a long run. */
	setlinebuf(stdout);
	if (!strcmp(command, "merge"))
		return st_merge(argc - 2, argv + 2);
	if (argc > 2) {
		ret = take_options(&o, &file, argc - 1, argv + 1);
		if (ret)
			return ret;
	}
	if (!strcmp(command, "help") || !strcmp(command, "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	if (!strcmp(command, "profiles"))
		return print_tables();
	if (!strcmp(command, "gen"))
		return generate(&o);
	if (!strcmp(command, "run"))
		return file ? complain("%s: run takes options only", file) : st_soak(&o);
	if (!strcmp(command, "hunt"))
		return file ? complain("%s: hunt takes options only", file) : st_hunt(&o);
	if (strcmp(command, "replay") && strcmp(command, "shrink") && strcmp(command, "reproducer"))
		return complain("%s: no such command; gm-stress help lists all", command);
	if (!file)
		return complain("%s takes a .gmops file", command);
	ret = load(file, &p);
	if (ret)
		return ret;
	if (!strcmp(command, "reproducer")) {
		st_reproducer(&p, stdout);
		return 0;
	}
	ret = !strcmp(command, "replay") ? st_replay(&o, &p) : st_shrink_file(&o, &p);
	st_prog_free(&p);
	return ret;
}
