// SPDX-License-Identifier: GPL-2.0-only
/* The commands of gm-stress, and their options. */
#include "child.h"
#include "cli.h"
#include "gen.h"
#include "minimize.h"
#include "profile.h"
#include "report.h"
#include "soak.h"

static const char usage[] =
	"usage: gm-stress COMMAND [OPTIONS]\n"
	"\n"
	"  run			programs out of seeds, until one fails\n"
	"  replay FILE		runs a .gmops file again\n"
	"  shrink FILE		the shortest program that fails as this one does\n"
	"  gen			prints the program of a seed; needs no KVM\n"
	"  reproducer FILE	prints a C program that does the same; needs no KVM\n"
	"  hunt			short programs of every kind, seeds 1 to 3, until one fails\n"
	"  merge DIR...		brings the results of several runs together\n"
	"  profiles		prints profiles, layouts and operations\n"
	"\n"
	"  --profile NAME	what the programs are made of (conversion)\n"
	"  --provider NAME	who converts: attributes, inplace, auto (auto: what the kernel offers;\n"
	"			gen: attributes); a .gmops file says it itself\n"
	"  --seed N		the first seed (of the clock); each program has the next one\n"
	"  --seeds N		so many programs (run: without end, unless --for says otherwise)\n"
	"  --for TIME		30, 90s, 10m, 8h\n"
	"  --shard I/N		of the seeds, every N-th from the I-th (1 to N)\n"
	"  --collect N		goes on until N programs have failed (1)\n"
	"  --ops N, --vcpus N, --threads N, --layout NAME, --order strict|free|races\n"
	"  --weights OP=N,...	over those of the profile\n"
	"  --out DIR		where results go (stress-results)\n"
	"  --times N		replay: so often (1)\n"
	"  --by COMMAND		shrink: ends with 1 when the file that is its last word fails\n"
	"  --shrink-time TIME	at most (60s; 0: not at all)\n"
	"  --timeout TIME	of one program (90s)\n";

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

/* "90", "90s", "10m", "8h" in seconds; -1: none of these. */
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
	return *p == GM_PROVIDER_ATTRIBUTES || *p == GM_PROVIDER_INPLACE || !strcmp(s, "auto");
}

/* One option with its value; 0, or 2 with a complaint. */
static int option(struct st_soak *o, const char *name, const char *val)
{
	uint64_t n = 0;
	bool number = !gm_seed_parse(val, &n);
	long t = duration(val);

	if (!strcmp(name, "--profile"))
		o->gen.profile = val;
	else if (!strcmp(name, "--provider") && provider_of(val, &o->gen.provider))
		;
	else if (!strcmp(name, "--layout"))
		o->gen.layout = val;
	else if (!strcmp(name, "--weights"))
		o->gen.weights = val;
	else if (!strcmp(name, "--by"))
		o->by = val;
	else if (!strcmp(name, "--out"))
		o->out = val;
	else if (!strcmp(name, "--seed") && number)
		o->gen.seed = n;
	else if (!strcmp(name, "--seeds") && number && n && n <= UINT32_MAX)
		o->seeds = n;
	else if (!strcmp(name, "--ops") && number && n && n <= ST_OPS_MAX)
		o->gen.ops = n;
	else if (!strcmp(name, "--vcpus") && number && n && n <= ST_VCPUS)
		o->gen.vcpus = n;
	else if (!strcmp(name, "--threads") && number && n <= ST_THREADS)
		o->gen.threads = n ?: ST_NO_THREADS;
	else if (!strcmp(name, "--collect") && number && n && n < 10000)
		o->collect = n;
	else if (!strcmp(name, "--times") && number && n && n < 1000000)
		o->times = n;
	else if (!strcmp(name, "--order") && order_of(val) > 0)
		o->gen.order = order_of(val);
	else if (!strcmp(name, "--for") && t > 0)
		o->seconds = t;
	else if (!strcmp(name, "--shrink-time") && t >= 0)
		o->shrink_seconds = t;
	else if (!strcmp(name, "--timeout") && t > 0)
		o->timeout_ms = t * 1000;
	else if (!strcmp(name, "--shard") && shard_of(val, o))
		;
	else
		return complain("%s %s: no such option or not a value of it; help prints them all",
				name, val);
	return 0;
}

static int profiles(void)
{
	const struct st_profile *p;
	const struct st_layout *l;

	puts("profiles:");
	for (unsigned int i = 0; (p = st_profile_at(i)); i++)
		printf("  %-12s %s\n", p->name, p->text);
	puts("layouts:");
	for (unsigned int i = 0; (l = st_layout_at(i)); i++)
		printf("  %-12s %s\n", l->name, l->text);
	puts("operations (v: of a vCPU, t: of a thread of the host):");
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

	/* A log is to show how far a long run, or one with a boot for each step, has come. */
	setlinebuf(stdout);
	if (!strcmp(command, "merge"))
		return st_merge(argc - 2, argv + 2);
	for (int i = 2; i < argc; i++) {
		if (argv[i][0] != '-' || !argv[i][1]) {
			if (file)
				return complain("%s: one file at a time", argv[i]);
			file = argv[i];
			continue;
		}
		if (i + 1 == argc)
			return complain("%s needs a value; help prints them all", argv[i]);
		ret = option(&o, argv[i], argv[i + 1]);
		if (ret)
			return ret;
		i++;
	}
	if (!strcmp(command, "help") || !strcmp(command, "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	if (!strcmp(command, "profiles"))
		return profiles();
	if (!strcmp(command, "gen"))
		return generate(&o);
	if (!strcmp(command, "run"))
		return file ? complain("%s: run takes options only", file) : st_soak(&o);
	if (!strcmp(command, "hunt"))
		return file ? complain("%s: hunt takes options only", file) : st_hunt(&o);
	if (strcmp(command, "replay") && strcmp(command, "shrink") && strcmp(command, "reproducer"))
		return complain("%s: no such command; help prints them all", command);
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
