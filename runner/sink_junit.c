// SPDX-License-Identifier: GPL-2.0-only
/*
 * junit.xml: FAIL is <failure>, ERROR is <error>, SKIP is <skipped>, XFAIL is <skipped type="xfail">;
 * the clause is the class.
 */
#include <mxml.h>
#include <stdlib.h>
#include <string.h>

#include "sink.h"

static void attr(mxml_node_t *node, const char *name, const char *value)
{
	/* XML readers turn a newline in an attribute into a blank anyway. */
	char *text = clean_text(value, strlen(value));

	for (char *s = text; *s; s++)
		if (*s == '\n' || *s == '\t')
			*s = ' ';
	mxmlElementSetAttr(node, name, text);
	free(text);
}

static void attr_number(mxml_node_t *node, const char *name, const char *fmt, double value)
{
	char text[64];

	snprintf(text, sizeof(text), fmt, value);
	mxmlElementSetAttr(node, name, text);
}

static void property(mxml_node_t *list, const char *name, const char *value)
{
	mxml_node_t *node = mxmlNewElement(list, "property");

	attr(node, "name", name);
	attr(node, "value", value);
}

static void result(mxml_node_t *node, const char *element, const char *type, const char *message,
		   const char *text)
{
	mxml_node_t *child = mxmlNewElement(node, element);

	attr(child, "message", message);
	attr(child, "type", type);
	if (*text)
		mxmlNewOpaque(child, text);
}

static void add_case(mxml_node_t *suite, const struct state *st, const struct record *rec)
{
	mxml_node_t *node = mxmlNewElement(suite, "testcase");
	const char *verdict = record_verdict(rec), *reason = record_reason(rec);
	const json_t *miss = json_array_get(json_object_get(rec->end, "fails"), 0);
	char *block;

	attr(node, "classname", rec->clause);
	attr(node, "name", rec->name);
	attr_number(node, "time", "%.3f", rec->time);
	if (!strcmp(verdict, gm_verdict_word(GM_PASS)) || !strcmp(verdict, WORD_XPASS))
		return;
	/* As pytest does it: readers count it as skipped. */
	if (!strcmp(verdict, WORD_XFAIL)) {
		block = state_block(st, rec);
		result(node, "skipped", "xfail", rec->known->text, block);
		free(block);
		return;
	}
	if (!strcmp(verdict, gm_verdict_word(GM_SKIPPED))) {
		result(node, "skipped", "skip", reason, jstr(rec->end, "remedy"));
		return;
	}
	block = state_block(st, rec);
	if (!strcmp(verdict, gm_verdict_word(GM_FAILED)))
		result(node, "failure", rec->clause, *reason || !miss ? reason : jstr(miss, "text"),
		       block);
	else
		result(node, "error", "error", reason, block);
	free(block);
}

/* A finding of the run, or the loss of the machine, as a test case of its own. */
static bool add_run(mxml_node_t *suite, const struct state *st)
{
	const json_t *first = json_array_get(st->findings, 0);
	mxml_node_t *node;

	if (!first && !st->lost)
		return false;
	node = mxmlNewElement(suite, "testcase");
	attr(node, "classname", "run");
	attr(node, "name", "run.end");
	attr(node, "time", "0");
	if (first)
		result(node, "error", jstr(first, "clause"), jstr(first, "text"),
		       jstr(first, "text"));
	else
		result(node, "error", "lost", st->lost, st->console ?: "");
	return true;
}

static void totals(mxml_node_t *node, const struct state *st, bool extra)
{
	struct totals t = state_totals_now(st);

	attr_number(node, "tests", "%.0f", st->n + extra);
	attr_number(node, "failures", "%.0f", t.fail);
	attr_number(node, "errors", "%.0f", t.error + extra);
	attr_number(node, "skipped", "%.0f", t.skip + t.xfail);
	attr_number(node, "time", "%.3f", st->t);
}

char *junit_document(const struct state *st)
{
	mxml_node_t *xml = mxmlNewXML("1.0");
	mxml_node_t *suites = mxmlNewElement(xml, "testsuites");
	mxml_node_t *suite = mxmlNewElement(suites, "testsuite"), *list;
	const char *time = jstr(st->start, "time");
	bool extra;
	char *text;

	attr(suites, "name", "kvm-gmem-tests");
	attr(suite, "name", "kvm-gmem-tests");
	/* ISO 8601 without a zone, as the JUnit schema wants it; the time is UTC. */
	text = xprintf("%.*s", (int)strcspn(time, "Z"), time);
	attr(suite, "timestamp", text);
	free(text);
	list = mxmlNewElement(suite, "properties");
	property(list, "version", jstr(st->start, "version"));
	property(list, "kernel", jstr(st->start, "kernel"));
	property(list, "arch", jstr(st->start, "arch"));
	property(list, "profile", jstr(st->start, "profile"));
	property(list, "seed", jstr(st->start, "seed"));
	property(list, "state", state_word(st));
	for (size_t i = 0; i < st->n; i++)
		add_case(suite, st, &st->v[i]);
	extra = add_run(suite, st);
	totals(suite, st, extra);
	totals(suites, st, extra);

	mxmlSetWrapMargin(0);
	text = mxmlSaveAllocString(xml, MXML_NO_CALLBACK);
	mxmlDelete(xml);
	return text;
}
