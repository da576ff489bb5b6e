// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small things that every file of the runner needs.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util.h"

static void __attribute__((noreturn)) no_memory(void)
{
	fputs("gm-run: out of memory\n", stderr);
	exit(EXIT_USAGE);
}

void *xalloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		no_memory();
	return p;
}

void *xgrow(void *old, size_t size)
{
	void *p = realloc(old, size);

	if (!p)
		no_memory();
	return p;
}

char *xstrdup(const char *s)
{
	char *p = strdup(s);

	if (!p)
		no_memory();
	return p;
}

char *xprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		no_memory();
	return s;
}

void strv_add(struct strv *list, const char *s)
{
	list->v = xgrow(list->v, (list->n + 1) * sizeof(*list->v));
	list->v[list->n++] = xstrdup(s);
}

void strv_add_commas(struct strv *list, const char *s)
{
	char *copy = xstrdup(s), *save, *word;

	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
		strv_add(list, word);
	free(copy);
}

char *strv_join(const struct strv *list, const char *sep)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (size_t i = 0; i < list->n; i++)
		fprintf(f, "%s%s", i ? sep : "", list->v[i]);
	fclose(f);
	return text;
}

void strv_free(struct strv *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	list->v = NULL;
	list->n = 0;
}

void complain(const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (char *p = line; *p; p++)
		if (*p == '\n')
			*p = ' ';
	fflush(stdout);
	fprintf(stderr, "gm-run: %s\n", line);
}

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

char *utc_time(bool compact)
{
	time_t t = time(NULL);
	char text[64];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), compact ? "%Y%m%dT%H%M%SZ" : "%Y-%m-%dT%H:%M:%SZ", &tm);
	return xstrdup(text);
}

/* Length of the UTF-8 sequence at `s`; 0: invalid (RFC 3629: no surrogates, no overlong forms). */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	size_t len = s[0] < 0x80		   ? 1
		     : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		     : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
		     : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						   : 0;

	if (!len || len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	/* XML has no U+FFFE and U+FFFF. */
	if (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe)
		return 0;
	return len;
}

char *clean_text(const char *s, size_t len)
{
	const unsigned char *from = (const unsigned char *)s;
	char *text = xalloc(len * 3 + 1), *to = text;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_length(from + i, len - i);

		if (n == 1 && from[i] == '\r') {
			i++;
			continue;
		}
		if (!n || (n == 1 && from[i] < 0x20 && from[i] != '\n' && from[i] != '\t') ||
		    (n == 1 && from[i] == 0x7f)) {
			memcpy(to, "\xef\xbf\xbd", 3);
			to += 3;
			i++;
			continue;
		}
		memcpy(to, from + i, n);
		to += n;
		i += n;
	}
	*to = '\0';
	return text;
}

const char *jstr(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : "";
}

double jnum(const json_t *obj, const char *key)
{
	return json_number_value(json_object_get(obj, key));
}

long long jint(const json_t *obj, const char *key)
{
	return json_integer_value(json_object_get(obj, key));
}

json_t *jtextn(const char *s, size_t len)
{
	char *text = clean_text(s, len);
	json_t *j = json_string(text);

	free(text);
	if (!j)
		no_memory();
	return j;
}

json_t *jtext(const char *s)
{
	return jtextn(s ? s : "", s ? strlen(s) : 0);
}

size_t first_lines(const char *text, int lines)
{
	const char *at = text + strcspn(text, "\n");

	while (--lines > 0 && at[0] && at[1])
		at += 1 + strcspn(at + 1, "\n");
	return at - text;
}

void each_line(const char *text, void (*fn)(void *arg, const char *line), void *arg)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		char *line = xalloc(len + 1);

		memcpy(line, text, len);
		fn(arg, line);
		free(line);
		text += len + (text[len] == '\n');
	}
}
