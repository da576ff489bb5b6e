// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page of one run: what it says first, and the order of its sections.
 */
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "known.h"
#include "page.h"

static const struct {
	const char *id, *title;
	void (*write)(FILE *f, const json_t *run);
} sections[] = {
	{ "failures", "Failures", page_failures }, { "changes", "Changes", page_changes },
	{ "known", "Known failures", page_known }, { "skips", "Skipped", page_skips },
	{ "coverage", "Clauses", page_coverage },  { "gup", "What the host can reach", page_gup },
	{ "maps", "Page maps", page_maps },	   { "times", "Times", page_times },
	{ "machine", "Machine", page_machine },	   { "cases", "All cases", page_cases },
};

/* The totals: the key in results.json, and the verdict. */
static const struct {
	const char *key, *verdict;
} totals[] = {
	{ "pass", "PASS" },	 { "fail", "FAIL" },	  { "error", "ERROR" },
	{ "xfail", WORD_XFAIL }, { "xpass", WORD_XPASS }, { "skip", "SKIP" },
};

bool page_is(const json_t *c, const char *verdict)
{
	return !strcmp(jstr(c, "verdict"), verdict);
}

bool page_is_bad(const json_t *c)
{
	return page_is(c, gm_verdict_word(GM_FAILED)) || page_is(c, gm_verdict_word(GM_ERRORED));
}

void page_seconds(FILE *f, double s)
{
	if (s < 1)
		fprintf(f, "%.0f ms", s * 1000);
	else if (s < 100)
		fprintf(f, "%.1f s", s);
	else
		fprintf(f, "%.0f min %.0f s", (s - (long)s % 60) / 60, (double)((long)s % 60));
}

/* The whole result in a few words. To be freed. */
static char *headline(const json_t *run)
{
	const json_t *t = json_object_get(run, "totals");
	long long fail = jint(t, "fail"), error = jint(t, "error");
	const char *state = jstr(run, "state");

	if (!strcmp(state, "running"))
		return xprintf("Unfinished: %lld failed so far", fail);
	if (!strcmp(state, "died"))
		return xprintf("The machine was lost: %lld failed, %lld without a test", fail,
			       error);
	if (!strcmp(state, "interrupted"))
		return xprintf("Interrupted by %s: %lld failed", jstr(run, "interrupted"), fail);
	if (fail && error)
		return xprintf("%lld failed, %lld could not be tested", fail, error);
	if (fail || error)
		return xprintf("%lld %s", fail ?: error, fail ? "failed" : "could not be tested");
	if (json_array_size(json_object_get(run, "findings")))
		return xstrdup("Failed: something was left behind");
	if (jint(run, "exit") == EXIT_FAILED)
		return xstrdup("Failed: fewer cases ran than before");
	if (jint(run, "exit") == EXIT_SKIPPED)
		return xstrdup("All skipped");
	return xstrdup("No failure");
}

static const char *word_of(const json_t *run)
{
	const json_t *code = json_object_get(run, "exit");

	return !json_is_integer(code)		   ? "ERROR"
	       : jint(run, "exit") == EXIT_HELD	   ? "PASS"
	       : jint(run, "exit") == EXIT_SKIPPED ? "SKIP"
						   : "FAIL";
}

static void write_totals(FILE *f, const json_t *run)
{
	const json_t *t = json_object_get(run, "totals");

	fputs("<ul class=\"totals\" aria-label=\"Totals\">\n", f);
	for (size_t i = 0; i < ARRAY_SIZE(totals); i++) {
		long long nr = jint(t, totals[i].key);

		html(f, "<li class=\"$\">", nr ? totals[i].verdict : "SKIP");
		fprintf(f, "<b>%lld</b> ", nr);
		html(f, "$</li>\n", totals[i].verdict);
	}
	fputs("</ul>\n", f);
}

static void notice(FILE *f, const char *label, const char *text)
{
	if (*text)
		html(f, "<p class=\"notice\"><b>$</b> $</p>\n", label, text);
}

/* What the reader must know before any verdict. */
static void write_notices(FILE *f, const json_t *run)
{
	const json_t *item, *name;
	size_t i, k;

	if (!strcmp(jstr(run, "state"), "running"))
		notice(f, "Not the end.",
		       "The run goes on, or it was killed: cases without a verdict are shown as ERROR.");
	notice(f, "The machine was lost:", jstr(run, "lost"));
	json_array_foreach(json_object_get(run, "deaths"), i, item) {
		fprintf(f, "<p class=\"notice\"><b>Boot %lld ended", jint(item, "boot"));
		json_array_foreach(json_object_get(item, "cases"), k, name)
			html(f, "$$", k ? ", " : " with ", json_string_value(name) ?: "");
		html(f, ":</b> $</p>\n", jstr(item, "reason"));
	}
	json_array_foreach(json_object_get(run, "findings"), i, item)
		html(f, "<p class=\"notice\"><b>$:</b> $</p>\n", jstr(item, "clause"),
		     jstr(item, "text"));
	if (json_is_false(json_object_get(run, "klog")))
		notice(f, "The kernel log cannot be read:",
		       "a WARNING goes unnoticed. Run it as root.");
	notice(f, "Known failures:", jstr(run, "known_warnings"));
}

static void write_nav(FILE *f)
{
	fputs("<nav aria-label=\"Sections\">\n<ul>\n", f);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		html(f, "<li><a href=\"#$\">$</a></li>\n", sections[i].id, sections[i].title);
	fputs("</ul>\n</nav>\n", f);
}

static void write_head(FILE *f, const json_t *run, const char *line)
{
	const char *accel = jstr(json_object_get(run, "lab"), "accelerator");

	fputs("<header>\n<h1>", f);
	html_verdict(f, word_of(run));
	html(f, " $</h1>\n", line);
	html(f, "<p>Linux $, $", jstr(run, "kernel"), jstr(run, "arch"));
	if (*accel)
		html(f, " in QEMU ($)", accel);
	html(f, ", profile $, kvm-gmem-tests $", jstr(run, "profile"), jstr(run, "version"));
	html(f, "<br>\n<span class=\"muted\">$, ", jstr(run, "start"));
	page_seconds(f, jnum(run, "duration"));
	html(f, ", seed $</span></p>\n", jstr(run, "seed"));
	write_totals(f, run);
	fputs("</header>\n", f);
}

char *page_document(const json_t *run)
{
	char *line = headline(run), *text = NULL;
	char *title = xprintf("%s: %s %s %s", line, jstr(run, "kernel"), jstr(run, "arch"),
			      jstr(run, "start"));
	size_t size;
	FILE *f = open_memstream(&text, &size);

	html_begin(f, title);
	write_head(f, run, line);
	write_nav(f);
	fputs("<main id=\"main\">\n", f);
	write_notices(f, run);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		html(f, "<section id=\"$\" aria-labelledby=\"$-title\">\n", sections[i].id,
		     sections[i].id);
		html(f, "<h2 id=\"$-title\">$</h2>\n", sections[i].id, sections[i].title);
		sections[i].write(f, run);
		fputs("</section>\n", f);
	}
	fputs("</main>\n", f);
	html_end(f);
	fclose(f);
	free(title);
	free(line);
	return text;
}
