// SPDX-License-Identifier: GPL-2.0-only
/*
 * Isolation: every program is ended, and so are all processes that it started.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "unit.h"

#include "isolate.h"

static char mark[128];

struct outcome {
	struct gm_iso_end end;
	char out[65536];
	char report[4096];
};

static void drain(int fd, char *buf, size_t size)
{
	size_t have = 0;
	ssize_t n;

	while ((n = read(fd, buf + have, size - 1 - have)) > 0)
		have += n;
	buf[have] = '\0';
	close(fd);
}

static void spawn(struct gm_iso *iso, const char *program, const char *name, unsigned int timeout,
		  int *out_fd, int *report_fd)
{
	char *argv[6] = { (char *)program, "--case", (char *)name, "--seed", "5", NULL };
	char *env[4] = { "GM_REPORT_FD=3", "ASAN_OPTIONS=", NULL, NULL };
	struct gm_iso_spec spec = {
		.argv = argv,
		.envp = env,
		.timeout_ms = timeout,
		.grace_ms = 300,
		.kill_ms = 3000,
	};
	char variable[160];
	int out[2], report[2];

	snprintf(mark, sizeof(mark), "%s/mark", unit_dir);
	snprintf(variable, sizeof(variable), "GM_FAKE_MARK=%s", mark);
	env[2] = variable;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	spec.out_fd = out[1];
	spec.report_fd = report[1];
	assert_int_equal(gm_iso_spawn(iso, &spec), 0);
	close(out[1]);
	close(report[1]);
	*out_fd = out[0];
	*report_fd = report[0];
}

static void run(struct outcome *o, const char *program, const char *name, unsigned int timeout)
{
	struct gm_iso iso;
	int out, report;

	spawn(&iso, program, name, timeout, &out, &report);
	drain(out, o->out, sizeof(o->out));
	drain(report, o->report, sizeof(o->report));
	assert_int_equal(gm_iso_wait(&iso, &o->end), 0);
	assert_int_equal(iso.fd, -1);
	/* No process of it is a child of this one. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* The pid that the fake daemon wrote to the file `mark`. */
static pid_t marked(void)
{
	char *text = unit_read(mark), *blank;
	pid_t pid;

	assert_non_null(text);
	blank = strchr(text, ' ');
	assert_non_null(blank);
	pid = atoi(blank);
	free(text);
	assert_true(pid > 1);
	return pid;
}

static bool is_gone(pid_t pid)
{
	return kill(pid, 0) == -1 && errno == ESRCH;
}

static void ends_by_itself(void **state)
{
	struct outcome o;

	run(&o, GM_FAKE_PROGRAM, "end.fail", 5000);
	assert_true(o.end.reaped);
	assert_true(WIFEXITED(o.end.status));
	assert_int_equal(WEXITSTATUS(o.end.status), 1);
	assert_false(o.end.timed_out || o.end.killed || o.end.stopped);
	assert_int_equal(o.end.leftovers + o.end.stuck, 0);
	assert_string_equal(o.out, "printed before the miss\n");
	assert_non_null(strstr(o.report, "verdict\tFAIL\t"));
}

static void environment_is_clean(void **state)
{
	struct outcome o;
	int stray = open("/dev/null", O_RDONLY);

	/* Empty stdin, its own session, and none of our open files. */
	run(&o, GM_FAKE_PROGRAM, "end.environment", 5000);
	close(stray);
	assert_int_equal(WEXITSTATUS(o.end.status), 0);
	assert_non_null(strstr(o.report, "verdict\tPASS"));
}

static void signal_is_reported(void **state)
{
	struct outcome o;

	run(&o, GM_FAKE_PROGRAM, "end.segv", 5000);
	assert_true(o.end.reaped && WIFSIGNALED(o.end.status));
	assert_int_equal(WTERMSIG(o.end.status), SIGSEGV);
}

static void missing_program_is_reported(void **state)
{
	struct outcome o;

	run(&o, "/nonexistent/program", "x", 5000);
	assert_int_equal(WEXITSTATUS(o.end.status), 127);
	assert_non_null(strstr(o.out, "cannot run /nonexistent/program: No such file"));
}

static void hang_is_terminated(void **state)
{
	struct outcome o;

	run(&o, GM_FAKE_PROGRAM, "slow.hang", 200);
	assert_true(o.end.timed_out);
	assert_false(o.end.killed || o.end.stopped);
	assert_true(WIFSIGNALED(o.end.status));
	assert_int_equal(WTERMSIG(o.end.status), SIGTERM);
	assert_non_null(strstr(o.end.text, "task "));
}

static void stubborn_is_killed(void **state)
{
	struct outcome o;

	run(&o, GM_FAKE_PROGRAM, "slow.stubborn", 300);
	assert_true(o.end.timed_out && o.end.killed);
	assert_int_equal(WTERMSIG(o.end.status), SIGKILL);
	assert_non_null(strstr(o.out, "ignores SIGTERM"));
}

/* The keeper is stopped, as by a host stall, for longer than the program's time limit. */
static void host_stall_is_no_hang(void **state)
{
	struct gm_iso_end end;
	struct gm_iso iso;
	int fd, out, report;
	char c;

	snprintf(mark, sizeof(mark), "%s/mark", unit_dir);
	fd = open(mark, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	spawn(&iso, GM_FAKE_PROGRAM, "slow.until_unlinked", 3000, &out, &report);
	assert_int_equal(read(out, &c, 1), 1);
	kill(iso.keeper, SIGSTOP);
	poll(NULL, 0, 3500);
	kill(iso.keeper, SIGCONT);
	poll(NULL, 0, 50);
	unlink(mark);
	assert_int_equal(gm_iso_wait(&iso, &end), 0);
	assert_false(end.timed_out || end.stopped);
	assert_true(WIFEXITED(end.status) && !WEXITSTATUS(end.status));
	assert_true(end.seconds >= 3.5);
	close(out);
	close(report);
}

static void daemon_is_found(void **state)
{
	struct outcome o;

	run(&o, GM_FAKE_PROGRAM, "slow.orphan", 5000);
	assert_false(o.end.timed_out);
	assert_int_equal(WEXITSTATUS(o.end.status), 0);
	assert_int_equal(o.end.leftovers, 1);
	assert_non_null(strstr(o.end.text, "left behind: pid"));
	assert_true(is_gone(marked()));
}

static void daemon_of_a_hang_is_killed(void **state)
{
	struct outcome o;

	run(&o, GM_FAKE_PROGRAM, "slow.orphan_hang", 3000);
	assert_true(o.end.timed_out);
	assert_int_equal(o.end.leftovers, 0);
	assert_true(is_gone(marked()));
}

static void stop_ends_it(void **state)
{
	struct gm_iso_end end;
	struct gm_iso iso;
	int out, report;

	spawn(&iso, GM_FAKE_PROGRAM, "slow.hang", 0, &out, &report);
	gm_iso_stop(&iso);
	assert_int_equal(gm_iso_wait(&iso, &end), 0);
	assert_true(end.stopped);
	assert_false(end.timed_out);
	assert_true(end.reaped);
	close(out);
	close(report);
}

/* The caller is killed with SIGKILL and cannot stop the keeper: all processes end nevertheless. */
static void death_of_the_caller_ends_all(void **state)
{
	int ready[2], out, report;
	struct gm_iso iso;
	struct pollfd p;
	pid_t caller;
	char c;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	snprintf(mark, sizeof(mark), "%s/mark", unit_dir);
	caller = fork();
	if (!caller) {
		spawn(&iso, GM_FAKE_PROGRAM, "slow.orphan_hang", 0, &out, &report);
		while (access(mark, R_OK))
			poll(NULL, 0, 5);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	kill(caller, SIGKILL);
	waitpid(caller, NULL, 0);

	/* It is not our child, so poll for its end, with a bound. */
	for (int i = 0; i < 500 && !is_gone(marked()); i++) {
		p = (struct pollfd){ .fd = -1 };
		poll(&p, 1, 10);
	}
	assert_true(is_gone(marked()));
}

/* If the keeper itself is killed, the caller gets an error. */
static void death_of_the_keeper_is_an_error(void **state)
{
	struct gm_iso_end end;
	struct gm_iso iso;
	int out, report;

	spawn(&iso, GM_FAKE_PROGRAM, "slow.hang", 0, &out, &report);
	kill(iso.keeper, SIGKILL);
	assert_int_equal(gm_iso_wait(&iso, &end), -EPIPE);
	assert_false(end.reaped);
	close(out);
	close(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(ends_by_itself),
		in_dir(environment_is_clean),
		in_dir(signal_is_reported),
		in_dir(missing_program_is_reported),
		in_dir(hang_is_terminated),
		in_dir(stubborn_is_killed),
		in_dir(host_stall_is_no_hang),
		in_dir(daemon_is_found),
		in_dir(daemon_of_a_hang_is_killed),
		in_dir(stop_ends_it),
		in_dir(death_of_the_caller_ends_all),
		in_dir(death_of_the_keeper_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
