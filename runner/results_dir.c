// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes results so that a kill -9 or a full disk leaves the last complete files.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "events.h"
#include "files.h"
#include "page.h"
#include "picture.h"
#include "results_dir.h"
#include "sink.h"

static void broken(struct results *res, const char *file, int err)
{
	if (res->err)
		return;
	res->err = err;
	complain(
		"cannot write %s/%s: %s; verdicts still go to stdout, --results DIR uses another folder",
		res->dir, file, strerror(-err));
}

static void append(struct results *res, const char *file, const char *text)
{
	int fd, err;

	if (res->err || !*text)
		return;
	fd = openat(res->fd, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	err = fd < 0 ? -errno : write_all(fd, text, strlen(text));
	if (fd >= 0)
		close(fd);
	if (err)
		broken(res, file, err);
}

static void replace(struct results *res, const char *file, const char *text, bool sync)
{
	int err = res->err ? 0 : file_replace(res->fd, file, text, sync);

	if (err)
		broken(res, file, err);
}

static int make_folders(const char *path)
{
	char *part = xstrdup(path);
	int err = 0;

	for (char *s = part + 1; !err; s++) {
		char c = *s;

		if (c && c != '/')
			continue;
		*s = '\0';
		if (mkdir(part, 0777) && errno != EEXIST)
			err = -errno;
		*s = c;
		if (!c)
			break;
	}
	free(part);
	return err;
}

static void point_latest(const char *base, const char *name)
{
	char *tmp = xprintf("%s/.latest.%d", base, getpid()), *link = xprintf("%s/latest", base);

	unlink(tmp);
	if (symlink(name, tmp) || rename(tmp, link)) {
		unlink(tmp);
		complain("cannot point %s to the new results: %s", link, strerror(errno));
	}
	free(tmp);
	free(link);
}

static int open_files(struct results *res)
{
	char last = '\n';
	off_t size;

	res->fd = open(res->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (res->fd < 0 || (mkdirat(res->fd, "logs", 0777) && errno != EEXIST))
		return -errno;
	res->events =
		openat(res->fd, "events.jsonl", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (res->events < 0)
		return -errno;
	/* A killed run may have left half a line: end it. */
	size = lseek(res->events, 0, SEEK_END);
	if (size > 0 && pread(res->events, &last, 1, size - 1) == 1 && last != '\n' &&
	    write(res->events, "\n", 1) != 1)
		return -errno;
	return 0;
}

int results_create(struct results *res, const char *base, const struct state *st)
{
	char *time = utc_time(true);
	char *name = xprintf("%s-%s-%s", time, jstr(st->start, "kernel"), jstr(st->start, "arch"));
	int err = make_folders(base);

	memset(res, 0, sizeof(*res));
	res->fd = res->events = -1;
	for (char *s = name; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-._+", *s))
			*s = '_';

	for (int i = 1; !err; i++) {
		char *leaf = i == 1 ? xstrdup(name) : xprintf("%s.%d", name, i);

		free(res->dir);
		res->dir = xprintf("%s/%s", base, leaf);
		if (!mkdir(res->dir, 0777)) {
			err = open_files(res);
			if (!err)
				point_latest(base, leaf);
			else
				rmdir(res->dir);
			free(leaf);
			break;
		}
		free(leaf);
		if (errno != EEXIST || i == 100)
			err = -errno;
	}
	free(time);
	free(name);
	if (err) {
		complain("cannot make results in %s: %s; --results DIR uses another folder", base,
			 strerror(-err));
		free(res->dir);
		res->dir = NULL;
		res->err = err;
	}
	return err;
}

int results_reopen(struct results *res, const char *dir)
{
	int err;

	memset(res, 0, sizeof(*res));
	res->dir = xstrdup(dir);
	err = open_files(res);
	if (err) {
		complain("cannot continue the results in %s: %s", dir, strerror(-err));
		res->err = err;
	}
	return err;
}

static char *start_text(const struct state *st, const json_t *ev)
{
	if (json_object_get(ev, "try"))
		return xprintf("--- try %lld again\n", jint(ev, "try"));
	if (jint(st->start, "rounds") == 1)
		return xstrdup("");
	return xprintf("--- round %lld, seed %s\n", jint(ev, "round"), jstr(ev, "seed"));
}

static void add_pairs(FILE *f, const json_t *list, const char *label, const char *key)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		fprintf(f, "%s %s: %s\n", label, jstr(item, key), jstr(item, "text"));
}

/* The case's report, which the log has below the case's output. */
static char *end_text(const json_t *ev)
{
	const json_t *item;
	char *text = NULL;
	size_t size, i;
	FILE *f = open_memstream(&text, &size);

	json_array_foreach(json_object_get(ev, "notes"), i, item)
		fprintf(f, "note: %s\n", json_string_value(item));
	json_array_foreach(json_object_get(ev, "control_list"), i, item)
		fprintf(f, "control: %s\n", json_string_value(item));
	add_pairs(f, json_object_get(ev, "fails"), "miss", "at");
	add_pairs(f, json_object_get(ev, "leaks"), "left behind,", "clause");
	fprintf(f, "%s%s%s (%s, %lld checks, %lld controls, seed %s)\n", jstr(ev, "verdict"),
		*jstr(ev, "reason") ? ": " : "", jstr(ev, "reason"), jstr(ev, "ended"),
		jint(ev, "checks"), jint(ev, "controls"), jstr(ev, "seed"));
	fclose(f);
	return text;
}

void results_event(struct results *res, const struct state *st, const json_t *ev)
{
	const char *kind = jstr(ev, "ev"), *name = jstr(ev, "case");
	char *file, *text = NULL;
	bool known = false;
	int err;

	if (!res->dir || res->err)
		return;
	if (strcmp(kind, "heartbeat")) {
		err = event_write(res->events, ev);
		if (err)
			broken(res, "events.jsonl", err);
		res->dirty = true;
	}
	if (!strcmp(kind, "kmsg"))
		append(res, "dmesg.txt", jstr(ev, "text"));
	/* A name becomes a file name only if it was declared. */
	for (size_t i = 0; i < st->n && !known; i++)
		known = !strcmp(st->v[i].name, name);
	if (!known)
		return;
	file = xprintf("logs/%s.log", name);
	if (!strcmp(kind, "log"))
		text = xstrdup(jstr(ev, "text"));
	else if (!strcmp(kind, "case_start"))
		text = start_text(st, ev);
	else if (!strcmp(kind, "case_end"))
		text = end_text(ev);
	if (text)
		append(res, file, text);
	free(text);
	free(file);
	if (strcmp(kind, "case_end"))
		return;
	text = picture_of(name, json_object_get(ev, "notes"));
	if (!text)
		return;
	file = xprintf("logs/%s.svg", name);
	replace(res, file, text, false);
	free(file);
	free(text);
}

/* After the other documents, which are kept if there is no room for the page. */
static void write_page(struct results *res, const json_t *run, bool last)
{
	char *text;
	int err;

	if (res->err || (res->page_err && !last))
		return;
	text = page_document(run);
	err = file_replace(res->fd, "index.html", text, last);
	if (err && !res->page_err)
		complain("cannot write %s/index.html: %s; the other results are there", res->dir,
			 strerror(-err));
	res->page_err = err;
	free(text);
}

void results_write(struct results *res, const struct state *st, bool last)
{
	double start = now();
	char *text = NULL;
	json_t *doc;
	size_t size;
	FILE *f;

	if (!res->dir || res->err || !st->start)
		return;
	/* Writing takes a twentieth of the time at most. */
	if (!last && (!res->dirty || start < res->last + (res->cost > 0.05 ? 20 * res->cost : 1)))
		return;
	f = open_memstream(&text, &size);
	tap_document(f, st, res->verbose);
	fclose(f);
	replace(res, "tap.txt", text, last);
	free(text);
	doc = json_results(st);
	text = json_dumps(doc, JSON_INDENT(1));
	replace(res, "results.json", text, last);
	free(text);
	text = junit_document(st);
	replace(res, "junit.xml", text, last);
	free(text);
	write_page(res, doc, last);
	json_decref(doc);
	res->dirty = false;
	res->last = now();
	res->cost = res->last - start;
}

void results_close(struct results *res)
{
	if (res->dir && res->fd >= 0)
		close(res->fd);
	if (res->dir && res->events >= 0)
		close(res->events);
	free(res->dir);
	res->dir = NULL;
}

int results_replay(const char *dir, void (*emit)(void *arg, json_t *event), void *arg)
{
	struct event_reader reader = { 0 };
	char *file = xprintf("%s/events.jsonl", dir);
	char buf[65536];
	ssize_t n;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? -errno : 0;

	while (!err && (n = read(fd, buf, sizeof(buf)))) {
		if (n > 0)
			events_feed(&reader, buf, n, emit, arg);
		else if (errno != EINTR)
			err = -errno;
	}
	if (fd >= 0)
		close(fd);
	events_end(&reader, emit, arg);
	if (err)
		complain("%s: %s; it must be a folder that an earlier run wrote", file,
			 strerror(-err));
	free(file);
	return err;
}
