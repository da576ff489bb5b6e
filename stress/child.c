// SPDX-License-Identifier: GPL-2.0-only
/* Runs each program in a process, and checks for leaks after its end. */
#include <poll.h>
#include <time.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "child.h"
#include "fail_nth.h"
#include "klog.h"
#include "leakscan.h"
#include "pool.h"
#include "text.h"
#include "time_factor.h"
#include "verdict.h"

#define TIMEOUT_MS 90000U
#define POOLS 2

static const char *const names[] = { "held", "FAILED", "ERROR", "HUNG", "DIED", "skipped" };

const char *st_end_name(enum st_end e)
{
	return names[e];
}

struct st_result *st_result_new(void)
{
	struct st_result *r =
		mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	GM_SETUP(r != MAP_FAILED, "out of memory");
	return r;
}

void st_result_free(struct st_result *r)
{
	munmap(r, sizeof(*r));
}

/* If memory runs out, the OOM killer must take the program, not its parent. */
static void prefer_oom_kill(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "1000", 4) < 0)
		gm_note("oom_score_adj: %s", gm_errno_name(errno));
	close(fd);
}

static void child(const struct st_prog *p, struct st_result *out, int report)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	signal(SIGINT, SIG_IGN);
	prefer_oom_kill();
	/* The library's reports go to the parent, which judges them. */
	gm_report_open(report, true, false);
	st_exec(p, out);
	_exit(0);
}

/* Waits for the end of the process; false: it did not end in timeout_ms. */
static bool ended(pid_t pid, int timeout_ms, int *status)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int n = 1;

	while (fd >= 0 && (n = poll(&poll_fd, 1, timeout_ms)) < 0 && errno == EINTR)
		;
	if (fd >= 0)
		close(fd);
	if (!n)
		return false;
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return true;
}

/* The child's last verdict or miss, or else its first record. */
static void last_record(int report, char *text, size_t room)
{
	char s[4096], *line, *save, *best = NULL;
	ssize_t n = pread(report, s, sizeof(s) - 1, 0);

	if (n <= 0)
		return;
	s[n] = 0;
	for (line = strtok_r(s, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, "verdict", 7) || !strncmp(line, "fail", 4) || !best)
			best = line;
	snprintf(text, room, "%s", best);
}

/* For a hang: the kernel function that the main thread waits in. */
static void add_wchan(pid_t pid, char *text, size_t room)
{
	char path[64], wchan[64];
	size_t at = strlen(text);

	snprintf(path, sizeof(path), "/proc/%d/wchan", pid);
	if (gm_read_text(path, wchan, sizeof(wchan)) > 0 && at < room)
		snprintf(text + at, room - at, " (main thread in %s)", wchan);
}

static enum st_end judge_end(struct st_result *out, int status, int report)
{
	char record[400] = "nothing";

	if (out->failed)
		return ST_FAILED;
	if (WIFEXITED(status) && !WEXITSTATUS(status) && (out->over || out->killed))
		return ST_HELD;
	last_record(report, record, sizeof(record));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 4) {
		snprintf(out->text, sizeof(out->text), "%s", record);
		return ST_SKIP;
	}
	if (WIFSIGNALED(status)) {
		snprintf(out->text, sizeof(out->text), "killed by signal %d after %u operations%s",
			 WTERMSIG(status), out->done,
			 WTERMSIG(status) == SIGKILL ? " (out of memory?)" : "");
		return ST_DIED;
	}
	snprintf(out->text, sizeof(out->text),
		 "ended with status %d after %u operations and reported: %s", WEXITSTATUS(status),
		 out->done, record);
	/* Status 1 is a FAIL: the kernel refused a legal operation of the library. */
	return WEXITSTATUS(status) == 1 ? ST_FAILED : ST_ERROR;
}

struct splat {
	char text[300];
};

static void find_splat(void *arg, const char *line, const char *text, bool kernel)
{
	struct splat *s = arg;

	if (s && kernel && !s->text[0] && gm_klog_is_splat(text))
		snprintf(s->text, sizeof(s->text), "%s", line);
}

/* Skips the lines that are in the log already: they are not of this program. */
static void open_klog(struct gm_klog *log)
{
	if (gm_klog_open(log, NULL))
		log->fd = -1;
	else
		gm_klog_read(log, find_splat, NULL);
}

/* A WARN_ONCE must fire again for each program, since it fails the program that runs. */
static void clear_warn_once(void)
{
	int fd = open("/sys/kernel/debug/clear_warn_once", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "1", 1) < 0)
		gm_note("clear_warn_once: %s", gm_errno_name(errno));
	close(fd);
}

/* Prepares fault injection for the first program that uses fail=N. */
static void allow_failures(const struct st_prog *p)
{
	static bool open;

	for (uint32_t i = 0; i < p->nr && !open; i++) {
		const struct gm_sop *op = &p->op[i];

		if (!st_injected(op))
			continue;
		open = true;
		if (gm_platform_has(GM_NEED_FAIL_NTH))
			gm_fail_nth_open();
		else
			gm_note("no fault injection in this kernel: fail=N does nothing");
	}
}

/* A splat in the kernel log fails the program. */
static enum st_end judge_klog(struct gm_klog *log, struct st_result *out, enum st_end end)
{
	struct splat s = {};

	if (log->fd < 0)
		return end;
	gm_klog_read(log, find_splat, &s);
	gm_klog_close(log);
	if (!s.text[0] || end == ST_FAILED)
		return end;
	snprintf(out->clause, sizeof(out->clause), "leak.kernel_log");
	snprintf(out->text, sizeof(out->text), "in the kernel log: %s", s.text);
	out->failed = true;
	return ST_FAILED;
}

static void found_leak(void *arg, const char *clause, const char *text)
{
	struct st_result *out = arg;

	snprintf(out->clause, sizeof(out->clause), "%s", clause);
	snprintf(out->text, sizeof(out->text), "after the process exited: %s", text);
}

/* No VM and no pinned page may be left when the process is gone. */
static enum st_end judge_leaks(struct st_result *out, enum st_end end,
			       const struct gm_leakscan *before)
{
	const unsigned int kinds = GM_LEAK_VM | GM_LEAK_PINS;
	struct gm_leakscan now;

	if (end != ST_HELD)
		return end;
	for (int tries = 0; tries < gm_time_limit(200); tries++) {
		const struct timespec moment = { .tv_nsec = 25000000 };

		gm_leakscan_take(&now);
		if (!gm_leakscan_diff(before, &now, kinds, NULL, NULL))
			return end;
		nanosleep(&moment, NULL);
	}
	gm_leakscan_diff(before, &now, kinds, found_leak, out);
	out->failed = true;
	return ST_FAILED;
}

/* A killed program may have left the pool larger. */
static void restore_pool(const struct gm_pool *before)
{
	struct gm_pool now;
	FILE *f;

	gm_pool_read(&now, before->size);
	if (now.nr == before->nr)
		return;
	f = fopen("/proc/sys/vm/nr_hugepages", "we");
	if (!f)
		return;
	fprintf(f, "%ld\n", before->nr);
	fclose(f);
}

/* All huge pages must be back in their pools when the process is gone. */
static enum st_end judge_pools(struct st_result *out, enum st_end end, const struct gm_pool *before)
{
	for (int i = 0; i < POOLS; i++) {
		struct gm_pool now;

		/* Deferred work frees a device's pages, within a few seconds. */
		for (int tries = 0; tries < gm_time_limit(200); tries++) {
			const struct timespec moment = { .tv_nsec = 25000000 };

			gm_pool_read(&now, before[i].size);
			if (now.free == before[i].free && now.resv == before[i].resv)
				break;
			nanosleep(&moment, NULL);
		}
		if (end != ST_HELD || (now.free == before[i].free && now.resv == before[i].resv))
			continue;
		snprintf(out->clause, sizeof(out->clause), "fungible.pool_back");
		snprintf(
			out->text, sizeof(out->text),
			"pool of pages of %#lx bytes: expected %ld free and %ld reserved as before, observed %ld and %ld",
			before[i].size, before[i].free, before[i].resv, now.free, now.resv);
		out->failed = true;
		end = ST_FAILED;
	}
	return end;
}

enum st_end st_child_run(const struct st_prog *p, struct st_result *out, unsigned int timeout_ms)
{
	int report = memfd_create("stress", MFD_CLOEXEC), status = 0;
	struct gm_pool pool[POOLS];
	struct gm_leakscan before;
	struct gm_klog log;
	enum st_end end;
	pid_t pid;

	GM_SETUP(report >= 0, "no memfd: %s", gm_errno_name(errno));
	memset(out, 0, sizeof(*out));
	gm_pool_read(&pool[0], GM_2M);
	gm_pool_read(&pool[1], GM_1G);
	gm_leakscan_take(&before);
	open_klog(&log);
	clear_warn_once();
	allow_failures(p);
	fflush(NULL);
	pid = fork();
	GM_SETUP(pid >= 0, "no process: %s", gm_errno_name(errno));
	if (!pid)
		child(p, out, report);
	if (ended(pid, gm_time_limit(timeout_ms ?: TIMEOUT_MS), &status)) {
		end = judge_end(out, status, report);
		if (out->killed)
			restore_pool(&pool[0]);
		end = judge_leaks(out, judge_pools(out, end, pool), &before);
	} else {
		snprintf(out->text, sizeof(out->text),
			 "no end after %u s; %u operations were judged",
			 gm_time_limit(timeout_ms ?: TIMEOUT_MS) / 1000, out->done);
		add_wchan(pid, out->text, sizeof(out->text));
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		if (!ended(pid, gm_time_limit(20000), &status)) {
			size_t at = strlen(out->text);

			snprintf(out->text + at, sizeof(out->text) - at,
				 ", and it survives SIGKILL");
		}
		end = ST_HUNG;
	}
	close(report);
	return judge_klog(&log, out, end);
}
