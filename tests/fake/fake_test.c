// SPDX-License-Identifier: GPL-2.0-only
/*
 * A test program without KVM: each case behaves in one way that the runner must handle. GM_FAKE
 * selects cases by glob (default: end.*, which all end at once).
 */
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "anchor.h"
#include "journal.h"
#include "underway.h"

static int report_fd = 2;
static const char *seed = "";

static void report(const char *record)
{
	dprintf(report_fd, "%s\n", record);
}

static void pass(void)
{
	report("note\tseen\\tit\\nall");
	report("verdict\tPASS\t\t\tchecks=3\tcontrols=0");
	exit(0);
}

static void fail(void)
{
	puts("printed before the miss");
	report("note\tseed is here");
	report("fail\tfake_test.c:42\texpected EINVAL, observed 0 <&>\\nsecond line of it");
	report("verdict\tFAIL\t1 of 3 checks missed\t\tchecks=3\tcontrols=1");
	exit(1);
}

static void skip(void)
{
	report("verdict\tSKIP\tno such device\tload the module # now\tchecks=0\tcontrols=0");
	exit(4);
}

/* Skips for a need that this kernel does not have. */
static void missing(void)
{
	report("missing\tinplace");
	report("verdict\tSKIP\tno such conversion\tanother kernel\tchecks=0\tcontrols=0");
	exit(4);
}

/* The same with a leak, so it FAILs. */
static void missing_and_leak(void)
{
	report("leak\tleak.fds\t2 more open");
	missing();
}

/* Fails but for the second time, by the count in the file that GM_FAKE_COUNT names. */
static void second_passes(void)
{
	const char *path = getenv("GM_FAKE_COUNT");
	FILE *f = path ? fopen(path, "r+") : NULL;
	int n = 0;

	if (!f || fscanf(f, "%d", &n) != 1)
		exit(9);
	rewind(f);
	fprintf(f, "%d\n", ++n);
	fclose(f);
	if (n == 2)
		pass();
	fail();
}

static void error(void)
{
	report("verdict\tERROR\tcannot map: ENOMEM # SKIP\tadd memory\tchecks=0\tcontrols=0");
	exit(2);
}

static void silent(int status)
{
	fprintf(stderr, "==== Test Assertion Failure ====\n  lib/kvm_util.c:100: ret == 0\n");
	exit(status);
}

static void exit_0(void)
{
	silent(0);
}
static void exit_4(void)
{
	silent(4);
}
static void exit_254(void)
{
	silent(254);
}

static void segv(void)
{
	raise(SIGSEGV);
}

static void pass_then_abort(void)
{
	report("verdict\tPASS\t\t\tchecks=1\tcontrols=0");
	abort();
}

static void pass_then_254(void)
{
	report("verdict\tPASS\t\t\tchecks=1\tcontrols=0");
	exit(254);
}

static void vacuous(void)
{
	report("verdict\tPASS\t\t\tchecks=0\tcontrols=0");
	exit(0);
}

static void no_control(void)
{
	report("verdict\tPASS\t\t\tchecks=1\tcontrols=0");
	exit(0);
}

static void two_verdicts(void)
{
	if (!fork()) {
		report("verdict\tFAIL\tin the child\t\tchecks=1\tcontrols=0");
		_exit(1);
	}
	wait(NULL);
	pass();
}

static void pass_with_miss(void)
{
	report("fail\tx.c:1\tlost miss");
	report("verdict\tPASS\t\t\tchecks=1\tcontrols=0");
	exit(0);
}

static void own_leak(void)
{
	report("leak\tleak.fds\t2 more open");
	report("verdict\tPASS\t\t\tchecks=1\tcontrols=0");
	exit(0);
}

static void garbage(void)
{
	report("verdict\tMAYBE\t\t\tchecks=1\tcontrols=0");
	report("nonsense");
	exit(0);
}

static void cut_verdict(void)
{
	dprintf(report_fd, "verdict\tPASS\t\t\tchecks=1\tcontrols=0");
	exit(0);
}

static void binary(void)
{
	static const char dirt[] = "note\t\xff\xfe\x01 \xed\xa0\x80 ]]> \x1b[31m\n";

	if (write(report_fd, dirt, sizeof(dirt) - 1) < 0 || write(1, dirt, sizeof(dirt)) < 0)
		exit(9);
	report("fail\tx.c:2\t]]> & <b> \x02");
	report("verdict\tFAIL\tdirty\t\tchecks=1\tcontrols=0");
	exit(1);
}

static void hang(void)
{
	for (;;)
		pause();
}

/* Dies with a setting changed: the file that GM_FAKE_SETTING names. */
static void changed(void)
{
	const char *path = getenv("GM_FAKE_SETTING");
	struct gm_journal j;

	if (!path || gm_journal_open(&j, gm_journal_dir()) || gm_journal_set(&j, path, "changed"))
		exit(9);
	report("fail\tfake_test.c:1\tit was changed");
	raise(SIGKILL);
}

static void reads_setting(void)
{
	char now[16] = "";
	FILE *f = fopen(getenv("GM_FAKE_SETTING"), "r");

	if (!f || !fgets(now, sizeof(now), f) || strncmp(now, "old", 3))
		exit(9);
	fclose(f);
	pass();
}

/* Hangs as if in a call that never returns. */
static void underway(void)
{
	gm_underway_in(gm_anchor_hold());
	gm_underway("KVM_RUN");
	hang();
}

/* Hangs after its call has returned; a child's call does not count. */
static void underway_over(void)
{
	gm_underway_in(gm_anchor_hold());
	gm_underway("KVM_RUN");
	if (!fork()) {
		gm_underway("a child's");
		_exit(0);
	}
	wait(NULL);
	gm_underway_end();
	hang();
}

static void stubborn(void)
{
	signal(SIGTERM, SIG_IGN);
	puts("ignores SIGTERM");
	fflush(stdout);
	hang();
}

/* A process in a session of its own whose parent has exited: only a subreaper can find it. */
static void daemonize(const char *mark)
{
	int p[2];
	char c;

	if (pipe(p))
		exit(9);
	if (!fork()) {
		setsid();
		if (!fork()) {
			signal(SIGTERM, SIG_IGN);
			if (getenv("GM_FAKE_MARK")) {
				FILE *f = fopen(getenv("GM_FAKE_MARK"), "a");

				fprintf(f, "%s %d\n", mark, getpid());
				fclose(f);
			}
			if (write(p[1], "x", 1) != 1)
				_exit(9);
			hang();
		}
		_exit(0);
	}
	if (read(p[0], &c, 1) != 1)
		exit(9);
}

static void orphan(void)
{
	daemonize("orphan");
	pass();
}

static void orphan_hang(void)
{
	daemonize("orphan_hang");
	hang();
}

/* Runs until the file that GM_FAKE_MARK names is removed. */
static void until_unlinked(void)
{
	printf("here\n");
	fflush(stdout);
	while (!access(getenv("GM_FAKE_MARK"), F_OK))
		usleep(2000);
	pass();
}

static void hang_after_pass(void)
{
	report("verdict\tPASS\t\t\tchecks=1\tcontrols=0");
	hang();
}

static void flood(void)
{
	char line[1024];

	memset(line, 'x', sizeof(line));
	line[1023] = '\n';
	for (int i = 0; i < 8192; i++)
		if (write(1, line, sizeof(line)) < 0)
			exit(9);
	pass();
}

/* FAILs if another case with this function runs: only one can create the lock file. */
static void exclusive(void)
{
	const char *path = getenv("GM_FAKE_LOCK");
	int fd = path ? open(path, O_CREAT | O_EXCL | O_WRONLY, 0600) : -2;

	if (fd == -1) {
		report("fail\tfake_test.c:1\tanother case of this token runs");
		report("verdict\tFAIL\t\t\tchecks=1\tcontrols=0");
		exit(1);
	}
	usleep(50000);
	if (path)
		unlink(path);
	pass();
}

static void third_time(void)
{
	const char *path = getenv("GM_FAKE_COUNT");
	FILE *f = path ? fopen(path, "a+") : NULL;

	if (f) {
		fputc('x', f);
		fflush(f);
		if (ftell(f) >= 3)
			fail();
	}
	pass();
}

static void note_seed(void)
{
	char line[128];

	snprintf(line, sizeof(line), "note\tseed=%s", seed);
	report(line);
	pass();
}

static void check_environment(void)
{
	struct stat st;
	char c;

	if (fstat(0, &st) || !S_ISCHR(st.st_mode) || read(0, &c, 1) || getsid(0) != getpid() ||
	    report_fd != 3 || fcntl(4, F_GETFD) != -1 || fcntl(5, F_GETFD) != -1)
		fail();
	pass();
}

/* Writes into the folder that stands in for /sys, /proc and /dev. */
static void poke(const char *path, const char *text, const char *mode)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", getenv("GM_FAKE_ROOT") ?: "/nonexistent", path);
	f = fopen(full, mode);
	if (!f)
		exit(9);
	fputs(text, f);
	fclose(f);
}

#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"

static void leak_huge(void)
{
	poke(POOL, "7\n", "w");
	pass();
}

static void borrow_huge(void)
{
	poke(POOL, "5\n", "w");
	poke(POOL, "8\n", "w");
	pass();
}

static void leak_taint(void)
{
	poke("/proc/sys/kernel/tainted", "512\n", "w");
	pass();
}

static void leak_pins(void)
{
	poke("/proc/vmstat", "nr_foll_pin_acquired 9\nnr_foll_pin_released 8\n", "w");
	skip();
}

static void leak_kmsg(void)
{
	poke("/dev/kmsg",
	     "4,7,99,-;WARNING: CPU: 0 PID: 1 at virt/kvm/x.c:1\n4,8,99,-;Call Trace:\n", "a");
	pass();
}

/* The kernel ends it with an Oops. */
static void oops(void)
{
	poke("/proc/sys/kernel/tainted", "128\n", "w");
	poke("/dev/kmsg", "4,7,99,-;Oops: 0002 [#1]\n4,8,99,-;RIP: 0010:f+0x1\n", "a");
	raise(SIGKILL);
}

static void user_kmsg(void)
{
	poke("/dev/kmsg",
	     "12,7,99,-;WARNING: says a user\n6,8,99,-;Memory failure: 0x1: Recovered\n", "a");
	pass();
}

/* Two cases, neither of which ends before both have started. */
static void meet(const char *own, const char *other)
{
	char full[512];

	poke(own, "x", "w");
	snprintf(full, sizeof(full), "%s%s", getenv("GM_FAKE_ROOT"), other);
	for (int i = 0; i < 1000 && access(full, F_OK); i++)
		usleep(5000);
}

static void meet_a(void)
{
	meet("/a", "/b");
	leak_taint();
}

static void meet_b(void)
{
	meet("/b", "/a");
	pass();
}

static const struct fake {
	const char *name;
	void (*run)(void);
	const char *more; /* JSON fields */
} fakes[] = {
	{ "end.pass", pass, "" },
	{ "end.fail", fail, "" },
	{ "end.skip", skip, "" },
	{ "end.error", error, "" },
	{ "end.exit_0", exit_0, "" },
	{ "end.exit_4", exit_4, "" },
	{ "end.exit_254", exit_254, "" },
	{ "end.segv", segv, "" },
	{ "end.pass_then_abort", pass_then_abort, "" },
	{ "end.pass_then_254", pass_then_254, "" },
	{ "end.vacuous", vacuous, "" },
	{ "end.no_control", no_control, ", \"flags\": [\"refusal\"]" },
	{ "end.two_verdicts", two_verdicts, "" },
	{ "end.pass_with_miss", pass_with_miss, "" },
	{ "end.own_leak", own_leak, "" },
	{ "end.garbage", garbage, "" },
	{ "end.cut_verdict", cut_verdict, "" },
	{ "end.binary", binary, "" },
	{ "end.environment", check_environment, "" },
	{ "slow.hang", hang, ", \"timeout\": 1" },
	{ "setting.a_changed", changed, "" },
	{ "setting.b_reads", reads_setting, "" },
	{ "slow.underway", underway, ", \"timeout\": 1" },
	{ "slow.underway_over", underway_over, ", \"timeout\": 1" },
	{ "slow.stubborn", stubborn, ", \"timeout\": 1" },
	{ "slow.orphan", orphan, "" },
	{ "slow.orphan_hang", orphan_hang, ", \"timeout\": 1" },
	{ "slow.hang_after_pass", hang_after_pass, ", \"timeout\": 1" },
	{ "slow.until_unlinked", until_unlinked, "" },
	{ "slow.flood", flood, "" },
	{ "lock.a", exclusive, ", \"tokens\": [\"iommu\"]" },
	{ "lock.b", exclusive, ", \"tokens\": [\"iommu\"]" },
	{ "lock.c", exclusive, ", \"tokens\": [\"iommu\", \"module\"]" },
	{ "lock.alone", exclusive, ", \"tokens\": [\"alone\"]" },
	{ "order.destructive", pass, ", \"flags\": [\"destructive\"]" },
	{ "order.plain", pass, "" },
	{ "round.third_time", third_time, "" },
	{ "round.seed", note_seed, "" },
	{ "long.only", pass, ", \"flags\": [\"full_only\"]" },
	{ "retry.second", second_passes, "" },
	{ "dies.a_oops", oops, "" },
	{ "dies.b_after", pass, "" },
	{ "leak.a_huge", leak_huge, ", \"tokens\": [\"huge\"]" },
	{ "leak.b_borrow", borrow_huge, ", \"tokens\": [\"huge\"]" },
	{ "leak.c_taint", leak_taint, "" },
	{ "leak.d_pins", leak_pins, "" },
	{ "leak.e_kmsg", leak_kmsg, "" },
	{ "leak.f_user_kmsg", user_kmsg, "" },
	{ "leak.g_nothing", pass, "" },
	{ "meet.a", meet_a, "" },
	{ "meet.b", meet_b, "" },
	{ "need.a_kvm", pass, ", \"needs\": [\"kvm\"]" },
	{ "need.b_missing", missing, ", \"needs\": [\"inplace\"]" },
	{ "need.c_alike", missing, ", \"needs\": [\"inplace\"]" },
	{ "need.d_kvm", pass, ", \"needs\": [\"kvm\"]" },
	{ "need.e_alike", missing, ", \"needs\": [\"kvm\", \"inplace\"], \"tokens\": [\"alone\"]" },
	{ "doubt.a_missing", missing_and_leak, ", \"needs\": [\"inplace\"]" },
	{ "doubt.b_asks", pass, ", \"needs\": [\"inplace\"]" },
	{ "forever.hang", hang, ", \"timeout\": 600" },
};

static int list(void)
{
	const char *glob = getenv("GM_FAKE") ?: "end.*", *sep = "";

	puts("[");
	for (size_t i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
		char *area = strndup(fakes[i].name, strcspn(fakes[i].name, "."));

		if (!fnmatch(glob, fakes[i].name, 0)) {
			printf("%s{\"name\": \"%s\", \"clause\": \"fake.%s\", \"text\": \"says \\\"%s\\\"\", \"profile\": \"any\"%s}\n",
			       sep, fakes[i].name, area, fakes[i].name, fakes[i].more);
			sep = ",";
		}
		free(area);
	}
	puts("]");
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = "";

	if (argc == 2 && !strcmp(argv[1], "--list=json"))
		return list();
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--case"))
			name = argv[i + 1];
		if (!strcmp(argv[i], "--seed"))
			seed = argv[i + 1];
	}
	if (getenv("GM_REPORT_FD"))
		report_fd = atoi(getenv("GM_REPORT_FD"));
	for (size_t i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++)
		if (!strcmp(name, fakes[i].name))
			fakes[i].run();
	return 2;
}
