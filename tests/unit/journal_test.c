// SPDX-License-Identifier: GPL-2.0-only
/*
 * Journal: changed settings are restored exactly once; after a kill -9 by the next run.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "unit.h"

#include "journal.h"

static char dir[128], a[128], b[128], output[1024];

static int make(void **state)
{
	int ret = unit_make_dir(state);

	snprintf(dir, sizeof(dir), "%s/journal", unit_dir);
	snprintf(a, sizeof(a), "%s/a", unit_dir);
	snprintf(b, sizeof(b), "%s/b", unit_dir);
	unit_write(a, "1\n");
	unit_write(b, "always [madvise] never\n");
	unsetenv("GM_JOURNAL_OWNER");
	output[0] = '\0';
	return ret;
}

static void print(const char *text)
{
	strncat(output, text, sizeof(output) - strlen(output) - 1);
}

static void expect(const char *path, const char *value)
{
	char *text = unit_read(path);

	assert_non_null(text);
	assert_string_equal(text, value);
	free(text);
}

static int journals(void)
{
	struct dirent *de;
	DIR *d = opendir(dir);
	int n = 0;

	while (d && (de = readdir(d)))
		n += strstr(de->d_name, ".journal") != NULL;
	if (d)
		closedir(d);
	return n;
}

static void set_and_restore(void **state)
{
	struct gm_journal j;

	assert_int_equal(gm_journal_open(&j, dir), 0);
	assert_int_equal(gm_journal_set(&j, a, "2"), 0);
	assert_int_equal(gm_journal_set(&j, a, "3"), 0);
	assert_int_equal(gm_journal_set(&j, b, "never"), 0);
	expect(a, "3");
	expect(b, "never");
	assert_int_equal(journals(), 1);
	assert_int_equal(gm_journal_restore(&j), 0);
	expect(a, "1");
	/* Of a list of choices only the selected word is written back. */
	expect(b, "madvise");
	assert_int_equal(journals(), 0);
	assert_int_equal(gm_journal_restore(&j), 0);
}

static void same_value_is_no_change(void **state)
{
	struct gm_journal j;

	assert_int_equal(gm_journal_open(&j, dir), 0);
	assert_int_equal(gm_journal_set(&j, a, "1"), 0);
	assert_int_equal(gm_journal_set(&j, b, "madvise"), 0);
	assert_int_equal(journals(), 0);
	expect(a, "1\n");
	gm_journal_restore(&j);
}

static void unreadable_is_refused(void **state)
{
	struct gm_journal j;
	char path[160];

	snprintf(path, sizeof(path), "%s/none", unit_dir);
	assert_int_equal(gm_journal_open(&j, dir), 0);
	assert_int_equal(gm_journal_set(&j, path, "1"), -ENOENT);
	assert_int_equal(access(path, F_OK), -1);
	gm_journal_restore(&j);
	assert_int_equal(gm_journal_open(&j, "/nonexistent/dir"), -ENOENT);
}

/* Runs fn in a process that is then killed with SIGKILL. */
static void in_killed(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		fn();
		raise(SIGKILL);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void change_both(void)
{
	struct gm_journal j;

	if (gm_journal_open(&j, dir) || gm_journal_set(&j, a, "2") || gm_journal_set(&j, a, "7") ||
	    gm_journal_set(&j, b, "always"))
		_exit(1);
}

static void killed_owner_is_undone(void **state)
{
	in_killed(change_both);
	expect(a, "7");
	expect(b, "always");
	assert_int_equal(gm_journal_recover(dir, print), 3);
	expect(a, "1");
	expect(b, "madvise");
	assert_string_equal(output, "");
	/* Only once: a later value stays. */
	unit_write(a, "9");
	assert_int_equal(gm_journal_recover(dir, print), 0);
	expect(a, "9");
}

/* A kill while a line is written: its change was not made yet. */
static void torn_line_is_not_undone(void **state)
{
	char *text, path[512], name[256] = "";
	struct dirent *de;
	size_t len;
	DIR *d;

	in_killed(change_both);
	d = opendir(dir);
	while ((de = readdir(d)))
		if (strstr(de->d_name, ".journal"))
			strcpy(name, de->d_name);
	closedir(d);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	text = unit_read(path);
	len = strlen(text);
	for (size_t cut = 0; cut <= len; cut++) {
		int lines = 0;

		for (size_t i = 0; i < cut; i++)
			lines += text[i] == '\n';
		unit_write(a, "7");
		unit_write(b, "always");
		unit_write(path, text);
		assert_int_equal(truncate(path, cut), 0);
		assert_int_equal(gm_journal_recover(dir, print), lines);
		expect(a, lines ? "1" : "7");
		expect(b, lines == 3 ? "madvise" : "always");
	}
	free(text);
}

static void unwritable_path_is_reported(void **state)
{
	in_killed(change_both);
	unlink(a);
	rmdir(a);
	assert_int_equal(mkdir(a, 0700), 0); /* cannot be written */
	assert_int_equal(gm_journal_recover(dir, print), 1);
	assert_non_null(strstr(output, a));
	expect(b, "madvise");
	assert_int_equal(journals(), 0);
}

static void no_directory_is_nothing_to_do(void **state)
{
	assert_int_equal(gm_journal_recover("/nonexistent/dir", print), 0);
}

/* Others neither undo nor overwrite the changes of an owner that lives. */
static void two_owners_keep_apart(void **state)
{
	struct gm_journal j;
	int status;
	pid_t pid;

	assert_int_equal(gm_journal_open(&j, dir), 0);
	assert_int_equal(gm_journal_set(&j, a, "2"), 0);
	pid = fork();
	if (!pid) {
		struct gm_journal other;

		/* A second runner, which does not have our files open. */
		close(j.fd);
		close(j.dir);
		if (gm_journal_recover(dir, NULL) || gm_journal_open(&other, dir))
			_exit(1);
		if (gm_journal_set(&other, a, "3") != -EBUSY)
			_exit(2);
		if (gm_journal_set(&other, b, "never") || gm_journal_restore(&other))
			_exit(3);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	expect(a, "2");
	expect(b, "madvise");
	gm_journal_restore(&j);
	expect(a, "1");
}

/* A case may change a setting of its runner, and restores the runner's value. */
static void a_case_nests_in_its_runner(void **state)
{
	struct gm_journal runner, own;
	char pid[32];

	assert_int_equal(gm_journal_open(&runner, dir), 0);
	assert_int_equal(gm_journal_set(&runner, a, "2"), 0);
	assert_int_equal(gm_journal_open(&own, dir), 0);
	assert_int_equal(gm_journal_set(&own, a, "3"), -EBUSY);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("GM_JOURNAL_OWNER", pid, 1);
	assert_int_equal(gm_journal_set(&own, a, "3"), 0);
	expect(a, "3");
	gm_journal_restore(&own);
	expect(a, "2");
	gm_journal_restore(&runner);
	expect(a, "1");
}

static void odd_values_survive(void **state)
{
	struct gm_journal j;

	unit_write(a, "a\tb\\n\nc\n");
	assert_int_equal(gm_journal_open(&j, dir), 0);
	assert_int_equal(gm_journal_set(&j, a, "x"), 0);
	gm_journal_restore(&j);
	expect(a, "a\tb\\n\nc");
}

#define journalled(test) cmocka_unit_test_setup_teardown(test, make, unit_remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		journalled(set_and_restore),
		journalled(same_value_is_no_change),
		journalled(unreadable_is_refused),
		journalled(killed_owner_is_undone),
		journalled(torn_line_is_not_undone),
		journalled(unwritable_path_is_reported),
		journalled(no_directory_is_nothing_to_do),
		journalled(two_owners_keep_apart),
		journalled(a_case_nests_in_its_runner),
		journalled(odd_values_survive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
