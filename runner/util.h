/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small things that every file of the runner needs: allocation that never fails, lists of strings,
 * clean text, the clock.
 */
#ifndef GM_RUNNER_UTIL_H
#define GM_RUNNER_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Exit codes of the runner; a signal is 128 + its number. */
enum {
	EXIT_HELD = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2, /* also: no space, no permission */
	EXIT_LOST = 3,	/* --attach: the stream ended before the run did */
	EXIT_SKIPPED = 4,
};

void *xalloc(size_t size); /* zeroed; out of memory ends the program */
void *xgrow(void *old, size_t size);
char *xstrdup(const char *s);
char *xprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct strv {
	char **v;
	size_t n;
};

void strv_add(struct strv *list, const char *s);
void strv_add_commas(struct strv *list, const char *s);	   /* "a,b" is two */
char *strv_join(const struct strv *list, const char *sep); /* to be freed */
void strv_free(struct strv *list);

/* "gm-run: ..." on stderr, always one line. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Seconds on the monotonic clock. */
double now(void);
/* "2026-01-31T12:34:56Z"; with `compact` "20260131T123456Z". To be freed. */
char *utc_time(bool compact);

/*
 * The first `len` bytes of `s` as UTF-8 that is valid in XML 1.0 and JSON: invalid bytes and
 * control characters other than tab and newline become U+FFFD; CR is dropped. To be freed.
 */
char *clean_text(const char *s, size_t len);

/* Like jansson's getters, but with a default for a missing key or object. */
const char *jstr(const json_t *obj, const char *key); /* "" when missing */
double jnum(const json_t *obj, const char *key);      /* 0 when missing */
long long jint(const json_t *obj, const char *key);
/* A new JSON string from text of any kind. */
json_t *jtext(const char *s);
json_t *jtextn(const char *s, size_t len);

/* The length of the first `lines` lines of `text`, without the last newline. */
size_t first_lines(const char *text, int lines);

/* Calls fn with each line of `text`, without newline; the last need not have one. */
void each_line(const char *text, void (*fn)(void *arg, const char *line), void *arg);

#endif
