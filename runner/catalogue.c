// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists the cases of each test program, and checks every declaration.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "case.h"
#include "isolate.h"
#include "catalogue.h"
#include "report.h"
#include "speed.h"

/* Takes milliseconds; on an emulated CPU of a busy host it has taken a minute. */
#define LIST_SECONDS 600
#define LIST_MAX (16 << 20)

/* The folder of this executable, to be freed. */
static char *self_dir(void)
{
	char path[PATH_MAX] = "";

	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		strcpy(path, "./gm-run");
	return xstrdup(dirname(path));
}

/* The list of words decl[key] as a bit set; word(bit) names a bit. Unknown words are ignored. */
static unsigned int word_bits(const json_t *decl, const char *key, const char *(*word)(int bit))
{
	const json_t *list = json_object_get(decl, key), *item;
	unsigned int set = 0;
	size_t i;

	json_array_foreach(list, i, item)
		for (int bit = 0; word(bit); bit++)
			if (!strcmp(json_string_value(item) ?: "", word(bit)))
				set |= 1U << bit;
	return set;
}

static const char *problem(const json_t *decl)
{
	static const char *const numbers[] = { "huge_2m", "huge_1g", "timeout" };
	const char *name = jstr(decl, "name");

	if (!*name)
		return "a case has no name";
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.")] || strlen(name) > 128)
		return "its name is longer than 128 letters or has others than [a-z0-9_.]";
	/* The name becomes a file name. */
	if (name[0] == '.' || strstr(name, "..") || name[strlen(name) - 1] == '.')
		return "its name begins or ends with a dot, or has two in a row";
	if (!*jstr(decl, "clause"))
		return "it has no clause";
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const json_t *value = json_object_get(decl, numbers[i]);

		if (value && (!json_is_integer(value) || json_integer_value(value) < 0 ||
			      json_integer_value(value) > 1000000))
			return "huge_2m, huge_1g or timeout is not a number from 0 to 1000000";
	}
	return NULL;
}

char *catalogue_add(struct catalogue *cat, const char *program, json_t *list)
{
	json_t *decl;
	size_t i;

	if (!json_is_array(list))
		return xprintf("%s --list=json does not print a JSON array", program);
	json_array_foreach(list, i, decl) {
		const char *wrong = problem(decl);
		struct test_case *c;

		if (wrong)
			return xprintf("%s: case '%s': %s", program, jstr(decl, "name"), wrong);
		for (size_t j = 0; j < cat->n; j++)
			if (!strcmp(cat->v[j].name, jstr(decl, "name")))
				return xprintf("%s: case %s is also in %s", program, cat->v[j].name,
					       cat->v[j].program);

		cat->v = xgrow(cat->v, (cat->n + 1) * sizeof(*cat->v));
		c = &cat->v[cat->n++];
		memset(c, 0, sizeof(*c));
		c->decl = json_incref(decl);
		c->name = jstr(decl, "name");
		c->clause = jstr(decl, "clause");
		c->program = xstrdup(program);
		c->timeout = jint(decl, "timeout") ? jint(decl, "timeout") : GM_TIMEOUT;
		c->huge_2m = jint(decl, "huge_2m");
		c->huge_1g = jint(decl, "huge_1g");
		c->flags = word_bits(decl, "flags", gm_flag_word);
		c->tokens = word_bits(decl, "tokens", gm_token_word);
		if (c->huge_2m || c->huge_1g)
			c->tokens |= GM_TOKEN_HUGE;
		json_object_set_new(
			decl, "program",
			jtext(strrchr(program, '/') ? strrchr(program, '/') + 1 : program));
	}
	return NULL;
}

/* The output of `program --list=json`, to be freed. */
static char *read_list(const char *program, size_t *len, struct gm_iso_end *end)
{
	char *argv[3] = { (char *)program, "--list=json", NULL };
	struct gm_iso_spec spec = {
		.argv = argv,
		.envp = environ,
		.report_fd = -1,
		.timeout_ms = LIST_SECONDS * 1000 * speed_of_machine(NULL),
		.grace_ms = 1000,
		.kill_ms = 5000,
	};
	struct gm_iso iso;
	char *text = NULL;
	ssize_t n = 0;
	int fds[2];

	*len = 0;
	memset(end, 0, sizeof(*end));
	if (pipe2(fds, O_CLOEXEC))
		return xstrdup("");
	spec.out_fd = fds[1];
	if (gm_iso_spawn(&iso, &spec)) {
		close(fds[0]);
		close(fds[1]);
		return xstrdup("");
	}
	close(fds[1]);
	do {
		*len += n > 0 ? n : 0;
		text = xgrow(text, *len + 65537);
		n = read(fds[0], text + *len, 65536);
	} while ((n > 0 && *len < LIST_MAX) || (n < 0 && errno == EINTR));
	text[*len] = '\0';
	close(fds[0]);
	if (gm_iso_wait(&iso, end))
		strcpy(end->text, "its keeper process was killed");
	return text;
}

/* How the program ended, where it was then, and the end of what it printed. */
static char *list_failure(const char *program, const char *text, size_t len,
			  const struct gm_iso_end *end)
{
	char *how = end->timed_out ? xprintf("did not end within %.0f s",
					     LIST_SECONDS * speed_of_machine(NULL))
				   : describe_end(end);
	char *at = clean_text(end->text, strlen(end->text));
	char *tail = clean_text(text + (len > 200 ? len - 200 : 0), len > 200 ? 200 : len);
	char *wrong = xprintf("%s --list=json: %s, after %zu bytes of output%s%s%s%s", program, how,
			      len, *tail ? ", the last: " : "", tail, *at ? "; " : "", at);

	free(how);
	free(at);
	free(tail);
	return wrong;
}

static int load_program(struct catalogue *cat, const char *program)
{
	struct gm_iso_end end;
	json_error_t err;
	char *text, *wrong = NULL;
	int ret = EXIT_USAGE;
	json_t *list;
	size_t len;

	if (access(program, X_OK)) {
		complain("%s: %s; --programs takes a test program or a folder of them", program,
			 strerror(errno));
		return EXIT_USAGE;
	}
	text = read_list(program, &len, &end);
	if (!end.reaped || end.timed_out || !WIFEXITED(end.status) || WEXITSTATUS(end.status)) {
		wrong = list_failure(program, text, len, &end);
		ret = EXIT_LOST;
	} else {
		list = json_loadb(text, len, 0, &err);
		if (!list)
			wrong = xprintf("%s --list=json is not JSON: line %d: %s", program,
					err.line, err.text);
		else
			wrong = catalogue_add(cat, program, list);
		json_decref(list);
	}
	free(text);
	if (!wrong)
		return 0;
	complain("%s", wrong);
	free(wrong);
	return ret;
}

static int is_test(const struct dirent *de)
{
	size_t len = strlen(de->d_name);

	return len > 5 && !strcmp(de->d_name + len - 5, "_test");
}

static int load_path(struct catalogue *cat, const char *path)
{
	struct dirent **names;
	struct stat st;
	int n, ret = 0;

	if (stat(path, &st)) {
		complain("%s: %s; --programs takes a test program or a folder of them", path,
			 strerror(errno));
		return EXIT_USAGE;
	}
	if (!S_ISDIR(st.st_mode))
		return load_program(cat, path);

	n = scandir(path, &names, is_test, alphasort);
	if (n <= 0) {
		complain(
			"%s: no test program (*_test) there; make builds them, --programs names others",
			path);
		if (!n)
			free(names);
		return EXIT_USAGE;
	}
	for (int i = 0; i < n; i++) {
		char *program = xprintf("%s/%s", path, names[i]->d_name);

		if (!ret)
			ret = load_program(cat, program);
		free(program);
		free(names[i]);
	}
	free(names);
	return ret;
}

int catalogue_load(struct catalogue *cat, const struct strv *programs)
{
	int ret = 0;

	memset(cat, 0, sizeof(*cat));
	if (!programs->n) {
		char *dir = self_dir();

		ret = load_path(cat, dir);
		free(dir);
	}
	for (size_t i = 0; i < programs->n && !ret; i++)
		ret = load_path(cat, programs->v[i]);
	if (!ret && !cat->n) {
		complain("the test programs have no cases");
		ret = EXIT_USAGE;
	}
	return ret;
}

void catalogue_free(struct catalogue *cat)
{
	for (size_t i = 0; i < cat->n; i++) {
		json_decref(cat->v[i].decl);
		free(cat->v[i].program);
	}
	free(cat->v);
	json_decref(cat->clauses);
	memset(cat, 0, sizeof(*cat));
}

static FILE *open_contract(void)
{
	char *dir = self_dir();
	char *places[4] = {
		xstrdup("contract/clauses.tsv"), xprintf("%s/contract/clauses.tsv", dir),
		xprintf("%s/../contract/clauses.tsv", dir),
		xprintf("%s/../../../contract/clauses.tsv", dir), /* build/<arch>/bin */
	};
	FILE *f = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (!f)
			f = fopen(places[i], "re");
		free(places[i]);
	}
	free(dir);
	return f;
}

int catalogue_add_clauses(struct catalogue *cat, const char *file)
{
	FILE *f = file ? fopen(file, "re") : open_contract();
	size_t size = 0, found = 0;
	char *line = NULL;

	if (!f && file) {
		complain("%s: %s; --contract takes the file contract/clauses.tsv", file,
			 strerror(errno));
		return EXIT_USAGE;
	}
	if (!f)
		return 0;
	cat->clauses = json_array();
	while (getline(&line, &size, f) > 0) {
		char *save, *id, *arch, *profiles, *text;

		if (*line == '#')
			continue;
		/* id, arch, profiles, statement, source */
		id = strtok_r(line, "\t\n", &save);
		arch = id ? strtok_r(NULL, "\t\n", &save) : NULL;
		profiles = arch ? strtok_r(NULL, "\t\n", &save) : NULL;
		text = profiles ? strtok_r(NULL, "\t\n", &save) : NULL;
		if (!text)
			continue;
		json_array_append_new(cat->clauses,
				      json_pack("{s:o s:o s:o s:o}", "id", jtext(id), "arch",
						jtext(arch), "profiles", jtext(profiles), "text",
						jtext(text)));
		for (size_t i = 0; i < cat->n; i++) {
			if (!strcmp(cat->v[i].clause, id)) {
				json_object_set_new(cat->v[i].decl, "clause_text", jtext(text));
				found++;
			}
		}
	}
	free(line);
	fclose(f);
	if (!found && file)
		complain("%s: has none of the clauses of these cases", file);
	return 0;
}
