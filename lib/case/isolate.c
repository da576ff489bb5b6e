// SPDX-License-Identifier: GPL-2.0-only
/*
 * The keeper: runs a program, and ends all of its descendants after it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "isolate.h"
#include "text.h"

/* A descendant that exits within this time after the program is not a leftover. */
#define LEFTOVER_GRACE_MS 250
/* How often the keeper reads the clock, and how much time counts at most, see tick(). */
#define TICK_MS 250
#define TICK_MAX_MS 1000
/* Processes of the system that one scan reads at most. */
#define MAX_TASKS 4096

struct task {
	pid_t pid, ppid;
	char state;
	bool ours;
	char comm[32];
};

struct keeper {
	const struct gm_iso_spec *spec;
	struct gm_iso_end end;
	struct task tasks[MAX_TASKS];
	size_t nr_tasks;
	pid_t main;
	bool main_gone;
	bool childless; /* no descendants are left: the keeper adopts all of them */
	bool orphaned;	/* the caller is dead */
	int fd, sigfd;
	size_t text_len;
	long long ticked, awake; /* ms: the last tick(), and the time that counts */
};

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void __attribute__((format(printf, 2, 3))) add_text(struct keeper *k, const char *fmt, ...)
{
	size_t room = sizeof(k->end.text) - k->text_len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(k->end.text + k->text_len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		k->text_len += (size_t)n < room ? (size_t)n : room - 1;
}

static bool read_task(pid_t pid, struct task *t)
{
	char path[64], buf[512];
	const char *open_paren, *close_paren;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (gm_read_text(path, buf, sizeof(buf)) <= 0)
		return false;

	/* The name is between the first '(' and the last ')', and may contain both. */
	open_paren = strchr(buf, '(');
	close_paren = strrchr(buf, ')');
	if (!open_paren || !close_paren || close_paren < open_paren)
		return false;
	if (sscanf(close_paren + 1, " %c %d", &t->state, &t->ppid) != 2)
		return false;
	t->pid = pid;
	t->ours = false;
	snprintf(t->comm, sizeof(t->comm), "%.*s", (int)(close_paren - open_paren - 1),
		 open_paren + 1);
	return true;
}

static bool is_dead(const struct task *t)
{
	return t->state == 'Z' || t->state == 'X';
}

/*
 * A process whose first thread has ended is a zombie as long as another thread hangs in the kernel:
 * counts the threads that have not ended.
 */
static unsigned int living_threads(pid_t pid)
{
	char path[64];
	unsigned int n = 0;
	struct dirent *de;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (de = readdir(dir))) {
		struct task t;

		n += atoi(de->d_name) && read_task(atoi(de->d_name), &t) && !is_dead(&t);
	}
	if (dir)
		closedir(dir);
	return n;
}

/* Lists the living descendants of this process in k->tasks, without zombies. Returns how many. */
static size_t scan(struct keeper *k)
{
	pid_t self = getpid();
	size_t n = 0, kept = 0;
	struct dirent *de;
	bool more = true;
	DIR *proc;

	proc = opendir("/proc");
	if (!proc)
		return k->nr_tasks = 0;
	while (n < MAX_TASKS && (de = readdir(proc))) {
		pid_t pid = atoi(de->d_name);

		if (pid > 0 && read_task(pid, &k->tasks[n]))
			n++;
	}
	closedir(proc);

	while (more) {
		more = false;
		for (size_t i = 0; i < n; i++) {
			struct task *t = &k->tasks[i];
			bool child = t->ppid == self;

			for (size_t j = 0; !t->ours && !child && j < n; j++)
				child = k->tasks[j].ours && k->tasks[j].pid == t->ppid;
			if (!t->ours && child)
				t->ours = more = true;
		}
	}

	for (size_t i = 0; i < n; i++) {
		struct task *t = &k->tasks[i];

		if (t->ours && (!is_dead(t) || living_threads(t->pid)))
			k->tasks[kept++] = *t;
	}
	return k->nr_tasks = kept;
}

/* Adds where in the kernel each thread of a task is, to debug a hang. */
static void describe_task(struct keeper *k, pid_t pid)
{
	char path[320], buf[4096];
	struct dirent *de;
	int threads = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && threads < 8 && (de = readdir(dir))) {
		struct task t;
		char *line, *save;

		if (!atoi(de->d_name) || !read_task(atoi(de->d_name), &t))
			continue;
		threads++;
		add_text(k, "task %s (%s) state %c", de->d_name, t.comm, t.state);
		snprintf(path, sizeof(path), "/proc/%d/task/%s/wchan", pid, de->d_name);
		if (gm_read_text(path, buf, sizeof(buf)) > 0 && strcmp(buf, "0"))
			add_text(k, " in %s", buf);
		add_text(k, "\n");
		snprintf(path, sizeof(path), "/proc/%d/task/%s/stack", pid, de->d_name);
		if (gm_read_text(path, buf, sizeof(buf)) <= 0)
			continue;
		for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			add_text(k, "  %s\n", line);
	}
	if (dir)
		closedir(dir);
}

static void reap(struct keeper *k)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != k->main)
			continue;
		k->end.status = status;
		k->end.reaped = true;
		k->main_gone = true;
	}
	k->childless = pid < 0 && errno == ECHILD;
}

/*
 * Waits until a child ends, the caller orders a stop or dies, or `ms` have passed (-1: no limit).
 */
static void wait_event(struct keeper *k, long long ms)
{
	struct pollfd fds[2] = {
		{ .fd = k->sigfd, .events = POLLIN },
		{ .fd = k->orphaned ? -1 : k->fd, .events = POLLIN },
	};
	struct signalfd_siginfo info;
	char order;

	if (ms > 60000)
		ms = 60000;
	if (poll(fds, 2, ms < 0 ? -1 : (int)ms) > 0) {
		if (fds[0].revents && read(k->sigfd, &info, sizeof(info)) < 0)
			return;
		if (fds[1].revents) {
			k->end.stopped = true;
			if (recv(k->fd, &order, 1, MSG_DONTWAIT) <= 0)
				k->orphaned = true;
		}
	}
	reap(k);
}

/*
 * Does not count time in which the machine stalled (suspended, or not run by its hypervisor): at
 * most TICK_MAX_MS count between two ticks. True: it stalled.
 */
static bool tick(struct keeper *k)
{
	long long now = now_ms(), passed = now - k->ticked;

	k->ticked = now;
	k->awake += passed < TICK_MAX_MS ? passed : TICK_MAX_MS;
	return passed > TICK_MAX_MS;
}

/*
 * Waits until the program's own process ends, or `ms` have passed (-1: no limit), or a stop is
 * ordered. After a stall at least a third of `ms` is left, in which calls can return (see
 * gm_underway_stuck()).
 */
static void wait_main(struct keeper *k, long long ms, bool heed_stop)
{
	bool again = true;
	long long deadline;

	tick(k);
	deadline = k->awake + ms;
	while (!k->main_gone && !(heed_stop && k->end.stopped)) {
		long long left = ms < 0 ? -1 : deadline - k->awake;

		if (ms >= 0 && left <= 0)
			return;
		wait_event(k, left > TICK_MS ? TICK_MS : left);
		/* Once: if all ticks were late, the deadline would never come. */
		if (tick(k) && again && deadline < k->awake + ms / 3) {
			deadline = k->awake + ms / 3;
			again = false;
		}
	}
}

static void kill_all(struct keeper *k)
{
	if (!k->main_gone)
		kill(-k->main, SIGKILL);
	for (size_t i = 0; i < k->nr_tasks; i++)
		kill(k->tasks[i].pid, SIGKILL);
}

/*
 * Kills descendants until none is left. Tasks that are left after kill_ms are stuck; time in which
 * the machine stalled does not count.
 */
static void kill_tree(struct keeper *k)
{
	long long pause = 2, deadline;

	tick(k);
	deadline = k->awake + k->spec->kill_ms;
	for (;;) {
		reap(k);
		if (k->childless)
			return;
		scan(k);
		kill_all(k);
		tick(k);
		if (k->awake >= deadline)
			break;
		wait_event(k, pause);
		pause = pause < 100 ? pause * 2 : pause;
	}

	for (size_t i = 0; i < k->nr_tasks; i++) {
		k->end.stuck++;
		add_text(k, "cannot be killed: pid %d (%s)\n", k->tasks[i].pid, k->tasks[i].comm);
		describe_task(k, k->tasks[i].pid);
	}
	/* An Oops during exit leaves a task that is dead and has no exit status. */
	if (!k->nr_tasks) {
		k->end.stuck++;
		add_text(k, "cannot be killed: a process that is dead and has not ended%s\n",
			 k->main_gone ? "" : ", the case's own");
	}
}

static void end_leftovers(struct keeper *k)
{
	long long deadline = now_ms() + LEFTOVER_GRACE_MS;
	long long pause = 2;

	/* The common case, and much cheaper than a scan of all processes. */
	reap(k);
	if (k->childless)
		return;
	while (scan(k) && now_ms() < deadline && !k->orphaned) {
		wait_event(k, pause);
		pause = pause < 50 ? pause * 2 : pause;
	}
	for (size_t i = 0; i < k->nr_tasks; i++) {
		k->end.leftovers++;
		add_text(k, "left behind: pid %d (%s)\n", k->tasks[i].pid, k->tasks[i].comm);
	}
	kill_tree(k);
}

static void close_all_but(int a, int b, int c)
{
	int keep[3] = { a, b, c };
	unsigned int from = 3;

	for (int i = 0; i < 3; i++) {
		for (int j = i + 1; j < 3; j++) {
			if (keep[j] < keep[i]) {
				int t = keep[i];

				keep[i] = keep[j];
				keep[j] = t;
			}
		}
	}
	for (int i = 0; i < 3; i++) {
		if (keep[i] < (int)from)
			continue;
		if ((unsigned int)keep[i] > from)
			syscall(SYS_close_range, from, keep[i] - 1, 0);
		from = keep[i] + 1;
	}
	syscall(SYS_close_range, from, ~0U, 0);
}

static void __attribute__((noreturn)) run_program(const struct gm_iso_spec *spec, pid_t keeper)
{
	int out, report, null;
	sigset_t none;

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != keeper)
		_exit(127);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	/* Move them away from the fds 0 to 3, which are assigned next. */
	out = fcntl(spec->out_fd, F_DUPFD, 10);
	report = spec->report_fd < 0 ? -1 : fcntl(spec->report_fd, F_DUPFD, 10);
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(127);
	if (report >= 0 && dup2(report, GM_ISO_REPORT_FD) < 0)
		_exit(127);
	syscall(SYS_close_range, report >= 0 ? GM_ISO_REPORT_FD + 1 : 3, ~0U, 0);

	execve(spec->argv[0], spec->argv, spec->envp);
	dprintf(2, "cannot run %s: %s\n", spec->argv[0], strerror(errno));
	_exit(127);
}

static void __attribute__((noreturn)) keep(const struct gm_iso_spec *spec, int fd)
{
	static struct keeper keeper; /* too big for a stack */
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP };
	struct keeper *k = &keeper;
	pid_t self = getpid();
	long long start;
	sigset_t chld;

	/* A session of its own: the caller handles Ctrl-C, and then orders a stop. */
	setsid();
	prctl(PR_SET_NAME, "gm-keeper");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_SETMASK, &chld, NULL);
	close_all_but(fd, spec->out_fd, spec->report_fd);

	k->spec = spec;
	k->fd = fd;
	k->sigfd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	start = now_ms();
	k->main = fork();
	if (!k->main)
		run_program(spec, self);
	/* The caller must read end-of-file when the program has closed them. */
	close(spec->out_fd);
	if (spec->report_fd >= 0)
		close(spec->report_fd);

	if (k->main > 0) {
		wait_main(k, spec->timeout_ms ? (long long)spec->timeout_ms : -1, true);
		if (!k->main_gone) {
			k->end.timed_out = !k->end.stopped;
			if (k->end.timed_out)
				describe_task(k, k->main);
			kill(-k->main, SIGTERM);
			/* A stopped process does not handle SIGTERM before it continues. */
			kill(-k->main, SIGCONT);
			wait_main(k, k->orphaned ? 0 : spec->grace_ms, false);
			k->end.killed = !k->main_gone;
			kill_tree(k);
		}
		k->end.seconds = (now_ms() - start) / 1000.0;
		if (!k->end.timed_out && !k->end.stopped)
			end_leftovers(k);
		else if (!k->end.stuck)
			kill_tree(k);
	}
	if (!k->orphaned)
		send(fd, &k->end, sizeof(k->end), MSG_NOSIGNAL);
	_exit(0);
}

int gm_iso_spawn(struct gm_iso *iso, const struct gm_iso_spec *spec)
{
	int sv[2];
	int err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return -errno;
	iso->keeper = fork();
	if (iso->keeper < 0) {
		err = -errno;
		close(sv[0]);
		close(sv[1]);
		return err;
	}
	if (!iso->keeper)
		keep(spec, sv[1]);
	close(sv[1]);
	iso->fd = sv[0];
	return 0;
}

void gm_iso_stop(struct gm_iso *iso)
{
	char order = 'x';

	send(iso->fd, &order, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int gm_iso_wait(struct gm_iso *iso, struct gm_iso_end *end)
{
	ssize_t n;

	do {
		n = recv(iso->fd, end, sizeof(*end), 0);
	} while (n < 0 && errno == EINTR);
	while (waitpid(iso->keeper, NULL, 0) < 0 && errno == EINTR)
		;
	close(iso->fd);
	iso->fd = -1;
	if (n != sizeof(*end)) {
		memset(end, 0, sizeof(*end));
		return -EPIPE;
	}
	end->text[sizeof(end->text) - 1] = '\0';
	return 0;
}
