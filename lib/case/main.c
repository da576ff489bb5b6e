// SPDX-License-Identifier: GPL-2.0-only
/*
 * The main() of every test program: lists its cases, or runs one of them in this process. With
 * other arguments executes the runner, gm-run, from the program's folder.
 */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

#include "anchor.h"
#include "caps.h"
#include "case.h"
#include "own_leaks.h"
#include "main.h"
#include "platform.h"
#include "policy.h"
#include "seed.h"
#include "underway.h"
#include "verdict.h"

static uint64_t case_seed;
static enum gm_provider_id case_provider;

uint64_t gm_seed(void)
{
	return case_seed;
}

enum gm_provider_id gm_case_provider(void)
{
	return case_provider;
}

static int list_names(void)
{
	for (size_t i = 0; i < gm_cases_nr(); i++)
		puts(gm_case_at(i)->name);
	return 0;
}

static void json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			putchar('\\');
		if ((unsigned char)*s < 0x20)
			printf("\\u%04x", *s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void json_field(const char *key, const char *value)
{
	printf("\"%s\": ", key);
	json_string(value);
	printf(", ");
}

/* "key": ["a", "b"], for the bits of `set` that have a name. */
static void json_bits(const char *key, uint64_t set, const char *(*name)(int bit))
{
	const char *sep = "";

	printf("\"%s\": [", key);
	for (int i = 0; i < 64; i++) {
		if (!(set & (1ULL << i)) || !name(i))
			continue;
		printf("%s", sep);
		json_string(name(i));
		sep = ", ";
	}
	printf("], ");
}

static const char *need_name(int bit)
{
	return bit < GM_NEED_NR ? gm_need_name(bit) : NULL;
}

static const char *cap_name(int bit)
{
	static char *name;

	cap_free(name);
	name = cap_to_name(bit);
	return bit <= CAP_LAST_CAP ? name : NULL;
}

static int list_json(void)
{
	puts("[");
	for (size_t i = 0; i < gm_cases_nr(); i++) {
		const struct gm_case *c = gm_case_at(i);
		unsigned int tokens = c->tokens;

		if (c->huge_2m || c->huge_1g)
			tokens |= GM_TOKEN_HUGE;
		printf("  {");
		json_field("name", c->name);
		json_field("clause", c->clause);
		json_field("text", c->text);
		json_field("profile", c->profile);
		json_bits("needs", c->needs, need_name);
		if (c->caps == GM_CAPS_ALL)
			printf("\"caps\": [\"all\"], ");
		else
			json_bits("caps", c->caps, cap_name);
		json_bits("flags", c->flags, gm_flag_word);
		json_bits("tokens", tokens, gm_token_word);
		printf("\"huge_2m\": %u, \"huge_1g\": %u, \"timeout\": %u}%s\n", c->huge_2m,
		       c->huge_1g, c->timeout ? c->timeout : GM_TIMEOUT,
		       i + 1 < gm_cases_nr() ? "," : "");
	}
	puts("]");
	return 0;
}

/* SKIPs with the first missing need; without KVM, with that one for all cases that need it. */
static void check_needs(const struct gm_case *c)
{
	const char *reason;
	char remedy[512];

	if (gm_need_of_kvm(c->needs) && !gm_platform_has(GM_NEED_KVM))
		gm_skip(gm_need_reason(GM_NEED_KVM), "%s", gm_need_remedy(GM_NEED_KVM));
	/* For example SELinux denies the new file. Some cases do not state this need. */
	if (gm_need_of_kvm(c->needs) && gm_need_denied(GM_NEED_GMEM))
		gm_skip("a security policy denies KVM_CREATE_GUEST_MEMFD", "%s",
			gm_need_remedy(GM_NEED_GMEM));
	for (int n = 0; n < GM_NEED_NR; n++)
		if ((c->needs & (1ULL << n)) && !gm_platform_has(n)) {
			if (gm_need_never(n))
				gm_missing(gm_need_name(n));
			gm_skip(gm_need_reason(n), "%s", gm_need_remedy(n));
		}
	if (!gm_platform_huge(c->huge_2m, c->huge_1g, &reason, remedy, sizeof(remedy)))
		gm_skip(reason, "%s", remedy);
	if (c->caps != GM_CAPS_ALL && gm_caps_missing(c->caps))
		gm_skip("a capability is missing", "run as root, or grant %s",
			gm_caps_missing(c->caps));
	if ((c->flags & GM_AS_USER) && getuid())
		gm_note("already an ordinary user");
}

static void own_leaks_end(void *arg __attribute__((unused)))
{
	/* A case that ends early does not close its files: the end of the process does. */
	if (!gm_failures() && !gm_skipped())
		gm_own_leaks_end();
}

static int run_case(const char *name, const char *seed)
{
	const struct gm_case *c = gm_case_find(name);
	const char *report = gm_env_get(GM_ENV_REPORT_FD);
	int fd = report ? atoi(report) : STDERR_FILENO;

	if (!c) {
		fprintf(stderr, "%s: no such case; --list prints them all\n", name);
		return 2;
	}
	if (report && fcntl(fd, F_SETFD, FD_CLOEXEC)) {
		fprintf(stderr, "%s=%s is not an open file\n", gm_env_name(GM_ENV_REPORT_FD),
			report);
		return 2;
	}
	gm_underway_in(gm_anchor_hold());
	case_provider = c->provider;
	case_seed = gm_seed_derive(strtoull(seed, NULL, 0), c->name);
	gm_report_open(fd, !report, c->flags & GM_REFUSAL);
	gm_policy_watch(fd);
	if (gm_case_problem(c))
		GM_ERROR("the declaration is invalid: %s", gm_case_problem(c));
	check_needs(c);
	if (gm_platform_has(GM_NEED_KVM))
		gm_framework_start();
	if (c->flags & GM_AS_USER)
		GM_SETUP(!getuid() ? !gm_caps_become_user() : true, "cannot become a user");
	else
		GM_SETUP(!gm_caps_apply(c->caps), "cannot apply the capabilities");
	gm_own_leaks_begin();
	gm_cleanup(own_leaks_end, NULL);
	c->run(c);
	gm_verdict(GM_PASS, "", "");
}

static int exec_runner(char **argv)
{
	char self[PATH_MAX] = "", dir[PATH_MAX];
	char **args, runner[PATH_MAX + 8];
	int n = 0;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		strcpy(self, argv[0]);
	strcpy(dir, self);
	snprintf(runner, sizeof(runner), "%s/gm-run", dirname(dir));
	while (argv[n])
		n++;
	args = calloc(n + 4, sizeof(*args));
	if (!args)
		return 2;
	args[0] = runner;
	args[1] = "--programs";
	args[2] = self;
	memcpy(args + 3, argv + 1, n * sizeof(*args));
	execv(runner, args);
	fprintf(stderr, "%s: %s; --case NAME runs one case without it\n", runner, strerror(errno));
	return 2;
}

/* For other arguments. A program can define its own. */
__attribute__((weak)) int gm_program_main(int argc, char **argv)
{
	return exec_runner(argv);
}

static int real_stdout = -1;

/*
 * A constructor of the framework prints a random seed to standard output, where --list must print
 * names only. This one runs before it and redirects standard output.
 */
__attribute__((constructor(101))) static void silence_stdout(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	real_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (null >= 0 && real_stdout >= 0)
		dup2(null, STDOUT_FILENO);
	if (null >= 0)
		close(null);
}

static void restore_stdout(void)
{
	fflush(stdout);
	if (real_stdout < 0)
		return;
	dup2(real_stdout, STDOUT_FILENO);
	close(real_stdout);
}

int main(int argc, char **argv)
{
	const char *name = NULL, *seed = "1";

	restore_stdout();
	if (argc == 2 && !strcmp(argv[1], "--list"))
		return list_names();
	if (argc == 2 && !strcmp(argv[1], "--list=json"))
		return list_json();
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--case"))
			name = argv[i + 1];
		else if (!strcmp(argv[i], "--seed"))
			seed = argv[i + 1];
	}
	return name ? run_case(name, seed) : gm_program_main(argc, argv);
}
