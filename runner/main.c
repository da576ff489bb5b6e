// SPDX-License-Identifier: GPL-2.0-only
/*
 * gm-run: runs the test programs and reports the results.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy.h"
#include "attach.h"
#include "baseline.h"
#include "catalogue.h"
#include "compare.h"
#include "console.h"
#include "engine.h"
#include "events.h"
#include "options.h"
#include "page.h"
#include "render.h"
#include "seed.h"
#include "select.h"
#include "setup.h"

/* The command that repeats one case of this run; --rerun-format replaces it. To be freed. */
static char *rerun_format(const struct options *opt)
{
	const char *self = strchr(opt->self, '/') ? opt->self : "gm-run";
	char *text = NULL;
	size_t size;
	FILE *f;

	if (opt->rerun_format)
		return xstrdup(opt->rerun_format);
	f = open_memstream(&text, &size);
	fputs(self, f);
	for (size_t i = 0; i < opt->programs.n; i++)
		fprintf(f, " --programs %s", opt->programs.v[i]);
	if (opt->scale != 1)
		fprintf(f, " --timeout-scale %g", opt->scale);
	if (opt->setup)
		fputs(" --setup", f);
	fputs(" --filter %n --seed %s", f);
	fclose(f);
	return text;
}

static int list(const struct catalogue *cat, const struct options *opt)
{
	json_t *all = json_array();
	char *text;

	for (size_t i = 0; i < cat->n; i++) {
		if (!cat->v[i].selected)
			continue;
		if (opt->list_json)
			json_array_append(all, cat->v[i].decl);
		else
			puts(cat->v[i].name);
	}
	if (opt->list_json) {
		text = json_dumps(all, JSON_INDENT(1));
		puts(text);
		free(text);
	}
	json_decref(all);
	return fflush(stdout) ? EXIT_USAGE : 0;
}

static int run_here(const struct catalogue *cat, const struct options *opt)
{
	struct render r;
	struct engine_io io = { render_event, render_tick, render_broken, &r };
	char *format = rerun_format(opt), *reason;
	int sig, ret;

	render_init(&r, opt, format);
	sig = engine_run(cat, opt, &io);
	reason = sig ? xprintf("not run: interrupted by %s", signal_name(sig))
		     : xstrdup("not run: the run ended before its turn");
	ret = render_finish(&r, reason);
	render_free(&r);
	free(reason);
	free(format);
	return ret;
}

struct writer {
	int fd, err;
	bool broken; /* the stream ends early, for a reboot */
};

static void write_event(void *arg, json_t *ev)
{
	struct writer *w = arg;

	if (!w->err)
		w->err = event_write(w->fd, ev);
	w->broken |= !strcmp(jstr(ev, "ev"), "broken");
	json_decref(ev);
}

static void no_tick(void *arg)
{
	(void)arg;
}

static bool writer_broken(void *arg)
{
	struct writer *w = arg;

	return w->err;
}

/* The exit code says only whether the stream is complete; the reader judges the verdicts. */
static int run_to_stream(const struct catalogue *cat, const struct options *opt)
{
	struct writer w = { .err = 0 };
	struct engine_io io = { write_event, no_tick, writer_broken, &w };
	int sig;

	w.fd = open(opt->events, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
	if (w.fd < 0) {
		complain("--events %s: %s", opt->events, strerror(errno));
		return EXIT_USAGE;
	}
	sig = engine_run(cat, opt, &io);
	if (close(w.fd) && !w.err)
		w.err = -errno;
	if (w.err) {
		complain("--events %s: %s", opt->events, strerror(-w.err));
		return EXIT_USAGE;
	}
	return sig ? 128 + sig : w.broken ? EXIT_LOST : 0;
}

static int attach_or_finish(const struct options *opt)
{
	const char *dir = opt->finish ?: opt->resume;
	char *format = rerun_format(opt), *reason, *tail;
	struct render r;
	json_t *ev;
	int ret = 0;

	render_init(&r, opt, format);
	free(format);
	if (dir)
		ret = render_resume(&r, dir);
	if (!ret && opt->attach) {
		ret = attach(&r, opt);
	} else if (!ret) {
		/* Without run_end the machine died: say why. */
		if (!r.st.interrupted) {
			tail = opt->console ? console_tail(opt->console)
					    : xstrdup(r.st.console ?: "");
			ev = event_new("stream_end", r.st.t);
			json_object_set_new(ev, "reason", jtext(opt->reason ?: r.st.lost ?:
							       "the machine died"));
			json_object_set_new(ev, "console", jtext(tail));
			render_event(&r, ev);
			free(tail);
		}
		reason = xprintf("not run: %s", r.st.lost ?: "the run ended before its turn");
		ret = render_finish(&r, reason);
		free(reason);
	}
	render_free(&r);
	return ret;
}

static int run(const struct options *opt)
{
	struct gm_journal journal;
	struct catalogue cat;
	int ret;

	ret = catalogue_load(&cat, &opt->programs);
	if (!ret)
		ret = select_cases(&cat, opt);
	if (!ret && (!opt->list || opt->list_json))
		ret = catalogue_add_clauses(&cat, opt->contract);
	if (!ret && opt->list) {
		ret = list(&cat, opt);
	} else if (!ret) {
		setup_recover();
		if (opt->setup)
			ret = setup_begin(&journal, &cat);
		if (!ret) {
			ret = opt->events ? run_to_stream(&cat, opt) : run_here(&cat, opt);
			if (opt->setup)
				setup_end(&journal);
		}
	}
	catalogue_free(&cat);
	return ret;
}

/*
 * No test program can run where a policy denies these calls: say so once instead of in each case.
 */
static bool can_run(void)
{
	const char *call;
	int err;

	call = gm_policy_bars_all(&err);
	if (call)
		complain(
			"a security policy denies %s (%s): allow it in seccomp, SELinux, AppArmor or the container",
			call, strerrorname_np(err));
	return !call;
}

int main(int argc, char **argv)
{
	struct known known = { 0 };
	struct options opt;
	int ret;

	ret = options_parse(&opt, argc, argv);
	if (ret)
		goto out;
	if (opt.help) {
		options_help();
		goto out;
	}
	if (opt.compare.n) {
		ret = compare(&opt.compare, stdout);
		goto out;
	}
	if (opt.report.n) {
		ret = page_report_write(&opt.report, opt.output ?: "report.html");
		goto out;
	}
	/* Errors in these files are told before anything runs. */
	ret = known_load(&known, &opt.known);
	opt.known_rows = &known;
	if (!ret && opt.baseline) {
		opt.baseline_results = results_load("--baseline", opt.baseline);
		ret = opt.baseline_results ? 0 : EXIT_USAGE;
	}
	if (ret)
		goto out;
	catch_signals();
	/* The seed also selects the sampled cases. */
	if (!opt.have_seed) {
		opt.seed = gm_seed_fresh();
		opt.have_seed = true;
	}
	if (opt.attach || opt.finish)
		ret = attach_or_finish(&opt);
	else
		ret = can_run() ? run(&opt) : EXIT_USAGE;
out:
	json_decref(opt.baseline_results);
	known_free(&known);
	options_free(&opt);
	return ret;
}
