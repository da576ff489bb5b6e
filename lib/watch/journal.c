// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes the old value to disk before it changes a value, and restores each value once.
 *
 * A journal has lines of "path TAB old value", with newline, tab and backslash escaped. If the last
 * line has no newline, its value was not changed. Each operation holds the lock of the file "lock"
 * in the directory, so that no process recovers a journal while another one writes it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"
#include "protocol.h"
#include "text.h"

#define SUFFIX ".journal"

const char *gm_journal_dir(void)
{
	const char *dir = getenv(GM_ENV_JOURNAL_DIR);

	return dir && *dir ? dir : GM_JOURNAL_DIR;
}

/* Returns the fd that holds the directory's lock, or -errno. */
static int lock_dir(int dir)
{
	int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX)) {
		if (errno != EINTR) {
			err = -errno;
			close(fd);
			return err;
		}
	}
	return fd;
}

static bool has_suffix(const char *name)
{
	size_t len = strlen(name);

	return len > strlen(SUFFIX) && !strcmp(name + len - strlen(SUFFIX), SUFFIX);
}

static int read_value(const char *path, char *buf, size_t size)
{
	int n = gm_read_text(path, buf, size);
	char *from, *to;

	if (n < 0)
		return -errno;
	/*
	 * A full buffer may be truncated; gm_read_text() may have removed a newline from its end.
	 */
	if ((size_t)n + 2 >= size)
		return -EFBIG;
	while (n && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';

	from = strchr(buf, '[');
	to = from ? strchr(from, ']') : NULL;
	if (to) {
		*to = '\0';
		memmove(buf, from + 1, strlen(from + 1) + 1);
	}
	return 0;
}

static int write_value(const char *path, const char *value)
{
	int fd, err = 0;

	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static void escape(char *to, size_t size, const char *from)
{
	size_t n = 0;

	for (; *from && n + 3 < size; from++) {
		const char *special = strchr("\\\\\nn\tt", *from);

		if (special && (special - "\\\\\nn\tt") % 2 == 0) {
			to[n++] = '\\';
			to[n++] = special[1];
		} else {
			to[n++] = *from;
		}
	}
	to[n] = '\0';
}

static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (*text == '\\' && text[1]) {
			text++;
			*to++ = *text == 'n' ? '\n' : *text == 't' ? '\t' : *text;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* The whole file, NUL-terminated, freed by the caller; NULL: it cannot be read. */
static char *read_all(int fd)
{
	struct stat st;
	size_t have = 0;
	ssize_t n = 1;
	char *text;

	if (fstat(fd, &st))
		return NULL;
	text = malloc(st.st_size + 1);
	while (text && have < (size_t)st.st_size && n > 0) {
		n = pread(fd, text + have, st.st_size - have, have);
		have += n > 0 ? n : 0;
	}
	if (text)
		text[have] = '\0';
	return text;
}

/* Restores the values of the journal, last line first. Returns how many. */
static int undo(int fd, void (*report)(const char *text), int *last_err)
{
	char *text = read_all(fd);
	char *end = text ? strrchr(text, '\n') : NULL;
	int done = 0;

	if (end)
		*end = '\0';
	while (end) {
		char *line, *value;
		int err;

		end = strrchr(text, '\n');
		line = end ? end + 1 : text;
		value = strchr(line, '\t');
		if (value) {
			*value++ = '\0';
			unescape(line);
			unescape(value);
			err = write_value(line, value);
			if (err) {
				char msg[1024];

				*last_err = err;
				snprintf(msg, sizeof(msg), "cannot put %s back to '%.128s': %s",
					 line, value, strerror(-err));
				if (report)
					report(msg);
			} else {
				done++;
			}
		}
		if (end)
			*end = '\0';
	}
	free(text);
	return done;
}

int gm_journal_recover(const char *path, void (*report)(const char *text))
{
	int lock, dir, done = 0, err = 0;
	struct dirent *de;
	DIR *d;

	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Only root changes global state: a user without access here has nothing to restore. */
	if (dir < 0)
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	lock = lock_dir(dir);
	if (lock < 0) {
		close(dir);
		return lock == -EACCES || lock == -EROFS ? 0 : lock;
	}

	d = fdopendir(dir);
	while (d && (de = readdir(d))) {
		int fd;

		if (!has_suffix(de->d_name))
			continue;
		fd = openat(dir, de->d_name, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!flock(fd, LOCK_EX | LOCK_NB)) {
			done += undo(fd, report, &err);
			unlinkat(dir, de->d_name, 0);
		}
		close(fd);
	}
	if (d)
		closedir(d);
	else
		close(dir);
	close(lock);
	return done;
}

int gm_journal_open(struct gm_journal *j, const char *path)
{
	static unsigned int serial;

	j->fd = -1;
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	j->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir < 0)
		return -errno;
	snprintf(j->path, sizeof(j->path), "%d.%u" SUFFIX, getpid(), serial++);
	return 0;
}

/* The pid of the journal `name` if that journal has a change of the path `escaped`; else 0. */
static pid_t owner_of(struct gm_journal *j, const char *name, const char *escaped)
{
	size_t len = strlen(escaped);
	char *text, *line, *next;
	pid_t owner = 0;
	int fd;

	fd = openat(j->dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	text = read_all(fd);
	for (line = text; line && !owner; line = next ? next + 1 : NULL) {
		next = strchr(line, '\n');
		if (next && !strncmp(line, escaped, len) && line[len] == '\t')
			owner = atoi(name);
	}
	free(text);
	close(fd);
	return owner;
}

static bool path_is_taken(struct gm_journal *j, const char *escaped)
{
	const char *parent = gm_env_get(GM_ENV_JOURNAL_OWNER);
	bool taken = false;
	struct dirent *de;
	DIR *d;
	int fd;

	fd = openat(j->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	while (d && !taken && (de = readdir(d))) {
		pid_t owner;

		if (!has_suffix(de->d_name) || !strcmp(de->d_name, j->path))
			continue;
		owner = owner_of(j, de->d_name, escaped);
		taken = owner && !(parent && atoi(parent) == owner);
	}
	if (d)
		closedir(d);
	return taken;
}

static int append(struct gm_journal *j, const char *escaped, const char *old)
{
	char value[2 * GM_JOURNAL_VALUE + 4], line[2 * GM_JOURNAL_VALUE + 1100];
	int n;

	if (j->fd < 0) {
		j->fd = openat(j->dir, j->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (j->fd < 0)
			return -errno;
		if (flock(j->fd, LOCK_EX | LOCK_NB))
			return -errno;
	}
	escape(value, sizeof(value), old);
	n = snprintf(line, sizeof(line), "%s\t%s\n", escaped, value);
	if (write(j->fd, line, n) != n)
		return errno ? -errno : -ENOSPC;
	/* On tmpfs fsync() does nothing and succeeds. */
	return fsync(j->fd) || fsync(j->dir) ? -errno : 0;
}

int gm_journal_set(struct gm_journal *j, const char *path, const char *value)
{
	char old[GM_JOURNAL_VALUE], escaped[1024];
	int lock, err;

	lock = lock_dir(j->dir);
	if (lock < 0)
		return lock;
	err = read_value(path, old, sizeof(old));
	if (err || !strcmp(old, value))
		goto out;
	escape(escaped, sizeof(escaped), path);
	if (path_is_taken(j, escaped)) {
		err = -EBUSY;
		goto out;
	}
	errno = 0;
	err = append(j, escaped, old);
	if (!err)
		err = write_value(path, value);
out:
	close(lock);
	return err;
}

int gm_journal_restore(struct gm_journal *j)
{
	int lock, err = 0;

	if (j->dir < 0)
		return 0;
	lock = lock_dir(j->dir);
	if (j->fd >= 0) {
		undo(j->fd, NULL, &err);
		unlinkat(j->dir, j->path, 0);
		close(j->fd);
		j->fd = -1;
	}
	if (lock >= 0)
		close(lock);
	close(j->dir);
	j->dir = -1;
	return err;
}
