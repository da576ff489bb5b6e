// SPDX-License-Identifier: GPL-2.0-only
/*
 * results.json: the whole run, for programs.
 *
 * Top: suite, version, state (running, finished, interrupted, died), exit, kernel, arch, cmdline,
 * profile, seed (string), args, start, end, duration, rounds, boots, deaths[] of {boot, cases[],
 * reason}, totals, findings, config, changes[] of {case, change, before, after} (--baseline),
 * before {run, start, kernel, common, changes[]}: the run before this one in the same folder (common:
 * only cases of both runs are compared), known_warnings, clauses[]: the contract, skips[] of {reason, remedy, cases: how many}, cases.
 * Of the machine: cpu (model), lab {} (--lab; lab/run says host_kernel, qemu, accel, ...), klog and
 * debugfs (readable), timeout_scale (the option), time_factor (how slow it is: all time limits are
 * multiplied by both), speed {process_us, fault_us, clear_us}.
 * A case: its declaration; verdict, reason, remedy, ran, time, runs, failed_runs, checks, controls,
 * fails[] of {at, text}, notes[], control_list[], leaks[] of {clause, text}, tail, log, seed, rerun;
 * klog[]: the last lines of the kernel log during a case that is FAIL or ERROR;
 * known {file, line, text, link, owner, expires} of an XFAIL or XPASS; tries[] of {verdict, reason,
 * time} and flaky of a case that was tried again.
 * While the run goes on, a case without a verdict is an ERROR with "ran": false.
 */
#include <stdlib.h>
#include <string.h>

#include "sink.h"

static void copy(json_t *to, const json_t *from, const char *const *keys)
{
	for (; *keys; keys++) {
		json_t *value = json_object_get(from, *keys);

		if (value)
			json_object_set(to, *keys, value);
	}
}

static json_t *case_record(const struct state *st, const struct record *rec)
{
	static const char *const keys[] = { "remedy", "checks",	      "controls", "fails",
					    "notes",  "control_list", "leaks",	  "ended",
					    "tail",   "round",	      NULL };
	json_t *obj = json_deep_copy(rec->decl);
	json_t *ran = json_object_get(rec->end, "ran");
	char *log = record_log(rec), *again = state_rerun(st, rec);

	json_object_set_new(obj, "verdict", json_string(record_verdict(rec)));
	json_object_set_new(obj, "reason", json_string(record_reason(rec)));
	json_object_set_new(obj, "final", json_boolean(rec->settled));
	json_object_set_new(obj, "ran",
			    json_boolean(rec->running || (rec->end && !json_is_false(ran))));
	json_object_set_new(obj, "time", json_real(rec->time));
	json_object_set_new(obj, "runs", json_integer(rec->runs));
	json_object_set_new(obj, "failed_runs", json_integer(rec->bad_runs));
	copy(obj, rec->end, keys);
	if (rec->klog)
		json_object_set(obj, "klog", rec->klog);
	if (rec->known)
		json_object_set_new(obj, "known",
				    json_pack("{s:s s:i s:s s:s s:s s:s}", "file", rec->known->file,
					      "line", rec->known->nr, "text", rec->known->text,
					      "link", rec->known->link, "owner", rec->known->owner,
					      "expires", rec->known->expires));
	if (rec->tries) {
		json_object_set(obj, "tries", rec->tries);
		json_object_set_new(obj, "flaky", json_boolean(record_flaky(rec)));
	}
	json_object_set_new(obj, "log", json_string(log));
	json_object_set_new(obj, "seed", json_string(record_seed(st, rec)));
	json_object_set_new(obj, "rerun", jtext(again));
	free(log);
	free(again);
	return obj;
}

json_t *json_results(const struct state *st)
{
	static const char *const keys[] = { "version", "kernel",	"kernel_build",
					    "arch",    "cmdline",	"cpu",
					    "cpus",    "root",		"profile",
					    "seed",    "args",		"jobs",
					    "rounds",  "config",	"klog",
					    "debugfs", "timeout_scale", "time_factor",
					    "speed",   "clauses",	NULL };
	struct totals t = state_totals_now(st);
	json_t *doc = json_object(), *cases = json_array(), *skips = json_array();
	char *end = utc_time(false), *warnings;

	json_object_set_new(doc, "suite", json_string("kvm-gmem-tests"));
	json_object_set_new(doc, "state", json_string(state_word(st)));
	json_object_set_new(doc, "exit",
			    st->over ? json_integer(state_exit_code(st)) : json_null());
	json_object_set_new(doc, "interrupted",
			    st->interrupted && *st->interrupted ? json_string(st->interrupted)
								: json_null());
	json_object_set_new(doc, "lost", st->lost ? jtext(st->lost) : json_null());
	copy(doc, st->start, keys);
	if (st->lab)
		json_object_set(doc, "lab", st->lab);
	json_object_set_new(doc, "start", json_string(jstr(st->start, "time")));
	json_object_set_new(doc, "end", json_string(end));
	json_object_set_new(doc, "duration", json_real(st->t));
	json_object_set_new(doc, "boots", json_integer(st->boots));
	json_object_set_new(doc, "totals",
			    json_pack("{s:i s:i s:i s:i s:i s:i}", "pass", t.pass, "fail", t.fail,
				      "xfail", t.xfail, "xpass", t.xpass, "skip", t.skip, "error",
				      t.error));
	json_object_set(doc, "deaths", st->deaths);
	json_object_set(doc, "findings", st->findings);
	if (st->changes)
		json_object_set(doc, "changes", st->changes);
	if (st->before)
		json_object_set(doc, "before", st->before);
	warnings = state_known_warnings(st);
	if (*warnings)
		json_object_set_new(doc, "known_warnings", jtext(warnings));
	free(warnings);
	for (size_t i = 0; i < st->nr_skips; i++)
		json_array_append_new(skips, json_pack("{s:o s:o s:i}", "reason",
						       jtext(st->skips[i].reason), "remedy",
						       jtext(st->skips[i].remedy), "cases",
						       st->skips[i].nr));
	json_object_set_new(doc, "skips", skips);
	for (size_t i = 0; i < st->n; i++)
		json_array_append_new(cases, case_record(st, &st->v[i]));
	json_object_set_new(doc, "cases", cases);
	free(end);
	return doc;
}

char *json_document(const struct state *st)
{
	json_t *doc = json_results(st);
	char *text = json_dumps(doc, JSON_INDENT(1));

	json_decref(doc);
	return text;
}
