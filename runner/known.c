// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads known failures, and compares what failed with them.
 */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "known.h"
#include "machine.h"

#define OR " | "

static int bad(const struct known_row *row, const char *what, const char *value)
{
	complain("--known %s:%d: %s%s%s", row->file, row->nr, what, value ? ": " : "", value ?: "");
	return EXIT_USAGE;
}

static bool is_date(const char *s)
{
	static const char form[] = "dddd-dd-dd";
	int month, day;

	for (size_t i = 0; i < sizeof(form); i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != form[i])
			return false;
	month = atoi(s + 5);
	day = atoi(s + 8);
	return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static bool is_release(const char *s, size_t len)
{
	return !len || (isdigit((unsigned char)*s) && strspn(s, "0123456789.") >= len);
}

/* Splits off the next condition: its key, and its value, which may begin with "!". */
static bool next_condition(char **at, char **key, char **value)
{
	char *word = strtok_r(NULL, " ", at);

	*key = word;
	*value = word ? strchr(word, '=') : NULL;
	if (*value)
		*(*value)++ = '\0';
	return word;
}

static const char *wrong_condition(const char *key, const char *value)
{
	const char *dots;

	if (!value || !*value)
		return "a condition is KEY=VALUE";
	if (!strcmp(key, "kernel")) {
		dots = strstr(value, "..");
		if (!dots || !is_release(value, dots - value) ||
		    !is_release(dots + 2, strlen(dots + 2)))
			return "kernel= takes A..B, as in 7.3..7.3.9";
	} else if (!strcmp(key, "arch")) {
		if (strcmp(value, "x86") && strcmp(value, "arm64"))
			return "arch= takes x86 or arm64";
	} else if (!strcmp(key, "config")) {
		if (!machine_config_known(value + (*value == '!')))
			return "this runner does not report that option of the kernel";
	} else if (strcmp(key, "cmdline")) {
		return "the conditions are kernel=, arch=, cmdline= and config=";
	}
	return NULL;
}

/* Calls fn for each condition until it returns a text; returns that. */
static const char *each_condition(const char *where,
				  const char *(*fn)(void *arg, const char *key, const char *value),
				  void *arg)
{
	char *copy = xprintf("x %s", where), *at, *key, *value;
	const char *found = NULL;

	strtok_r(copy, " ", &at);
	if (strcmp(where, "-"))
		while (!found && next_condition(&at, &key, &value))
			found = fn(arg, key, value);
	free(copy);
	return found;
}

static const char *check_condition(void *arg, const char *key, const char *value)
{
	return wrong_condition(key, value);
}

static int check_row(const struct known_row *row)
{
	const char *wrong;

	if (!*row->glob || strpbrk(row->glob, " /"))
		return bad(row, "the first field is a glob for the name of a case or a clause",
			   row->glob);
	if (!*row->message)
		return bad(row, "the second field is a piece of the message, and is empty", NULL);
	wrong = *row->where ? each_condition(row->where, check_condition, NULL)
			    : "the third field has conditions, or is -";
	if (wrong)
		return bad(row, wrong, row->where);
	if (!is_date(row->expires))
		return bad(row, "the fourth field is the date YYYY-MM-DD on which it expires",
			   row->expires);
	if (!*row->owner || !*row->link || !*row->text)
		return bad(row, "owner, link and text must not be empty", NULL);
	return 0;
}

static int add_row(struct known *k, const char *file, int nr, const char *line)
{
	struct known_row row = { .line = xstrdup(line), .file = file, .nr = nr };
	const char **field[] = { &row.glob,  &row.message, &row.where, &row.expires,
				 &row.owner, &row.link,	   &row.text };
	char *at = row.line;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(field) && at; i++) {
		*field[i] = at;
		at = strchr(at, '\t');
		if (at)
			*at++ = '\0';
	}
	k->v = xgrow(k->v, (k->n + 1) * sizeof(*k->v));
	k->v[k->n++] = row;
	if (i < ARRAY_SIZE(field) || at)
		return bad(
			&row,
			"a row has seven fields, separated by TAB: case, message, where, expires, owner, link, text",
			NULL);
	return check_row(&row);
}

static int load_file(struct known *k, const char *file)
{
	FILE *f = fopen(file, "re");
	size_t size = 0;
	char *line = NULL;
	int nr = 0, ret = 0;

	if (!f) {
		complain("--known %s: %s", file, strerror(errno));
		return EXIT_USAGE;
	}
	errno = 0;
	while (!ret && getline(&line, &size, f) > 0) {
		nr++;
		line[strcspn(line, "\r\n")] = '\0';
		if (*line && *line != '#')
			ret = add_row(k, file, nr, line);
	}
	if (!ret && ferror(f)) {
		complain("--known %s: %s", file, strerror(errno));
		ret = EXIT_USAGE;
	}
	free(line);
	fclose(f);
	return ret;
}

int known_load(struct known *k, const struct strv *files)
{
	int ret = 0;

	memset(k, 0, sizeof(*k));
	for (size_t i = 0; i < files->n && !ret; i++)
		ret = load_file(k, files->v[i]);
	return ret;
}

void known_free(struct known *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->v[i].line);
	free(k->v);
	memset(k, 0, sizeof(*k));
}

/*
 * Compares releases number by number, as far as `bound` goes: 7.3.4 is 7.3, since the bound says no
 * more.
 */
static int compare_release(const char *release, const char *bound, size_t len)
{
	const char *end = bound + len;

	while (bound < end) {
		long a = strtol(release, (char **)&release, 10),
		     b = strtol(bound, (char **)&bound, 10);

		if (a != b)
			return a < b ? -1 : 1;
		release += *release == '.';
		bound += bound < end && *bound == '.';
	}
	return 0;
}

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len)
		if ((at == text || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

static bool holds(const json_t *start, const char *key, const char *value)
{
	bool no = *value == '!', is;

	if (!strcmp(key, "kernel")) {
		const char *dots = strstr(value, ".."), *release = jstr(start, "kernel");

		return compare_release(release, value, dots - value) >= 0 &&
		       compare_release(release, dots + 2, strlen(dots + 2)) <= 0;
	}
	if (!strcmp(key, "arch"))
		return !strcmp(jstr(start, "arch"), value);
	if (!strcmp(key, "cmdline"))
		is = has_word(jstr(start, "cmdline"), value + no);
	else
		is = *jstr(json_object_get(start, "config"), value + no);
	return is != no;
}

static const char *unmet(void *arg, const char *key, const char *value)
{
	return holds(arg, key, value) ? NULL : key;
}

void known_begin(struct known *k, const json_t *start)
{
	for (size_t i = 0; i < k->n; i++) {
		struct known_row *row = &k->v[i];
		const json_t *c;
		size_t j;

		row->here = !each_condition(row->where, unmet, (void *)start);
		/* The time of the run, in UTC, begins with its date. */
		row->expired = strncmp(jstr(start, "time"), row->expires, strlen(row->expires)) > 0;
		row->cases = row->used = 0;
		json_array_foreach(json_object_get(start, "cases"), j, c)
			row->cases += !fnmatch(row->glob, jstr(c, "name"), 0) ||
				      !fnmatch(row->glob, jstr(c, "clause"), 0);
	}
}

static bool is_about(const struct known_row *row, const char *name, const char *clause)
{
	return row->here && !row->expired &&
	       (!fnmatch(row->glob, name, 0) || !fnmatch(row->glob, clause, 0));
}

struct known_row *known_find(const struct known *k, const char *name, const char *clause)
{
	for (size_t i = 0; i < k->n; i++)
		if (is_about(&k->v[i], name, clause))
			return &k->v[i];
	return NULL;
}

static bool has_piece(const struct known_row *row, const char *text)
{
	char *pieces = xstrdup(row->message), *piece = pieces, *next;
	bool found = false;

	for (; piece && !found; piece = next) {
		next = strstr(piece, OR);
		if (next) {
			*next = '\0';
			next += strlen(OR);
		}
		found = *piece && strstr(text, piece);
	}
	free(pieces);
	return found;
}

static struct known_row *row_of(const struct known *k, const char *name, const char *clause,
				const char *text)
{
	for (size_t i = 0; i < k->n; i++)
		if (is_about(&k->v[i], name, clause) && has_piece(&k->v[i], text))
			return &k->v[i];
	return NULL;
}

struct known_row *known_explains(const struct known *k, const char *name, const char *clause,
				 const json_t *end)
{
	const json_t *lists[] = { json_object_get(end, "fails"), json_object_get(end, "leaks") };
	struct known_row *first = NULL, *row;
	const json_t *item;
	size_t i, parts = 0;

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		json_array_foreach(lists[l], i, item) {
			row = row_of(k, name, clause, jstr(item, "text"));
			if (!row)
				return NULL;
			first = first ?: row;
			parts++;
		}
	}
	return parts ? first : row_of(k, name, clause, jstr(end, "reason"));
}

char *known_warnings(const struct known *k, bool all)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (size_t i = 0; i < k->n; i++) {
		const struct known_row *row = &k->v[i];

		if (row->here && row->expired && row->cases)
			fprintf(f,
				"known failure expired on %s, and is no excuse any more: %s (%s:%d, %s)\n",
				row->expires, row->glob, row->file, row->nr, row->owner);
		else if (row->here && !row->cases && all)
			fprintf(f, "known failure of no case of this run: %s (%s:%d)\n", row->glob,
				row->file, row->nr);
	}
	fclose(f);
	return text;
}
