// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine, the kernel under test, and the lab around it.
 */
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "page.h"

static void fact(FILE *f, const char *name, const char *value)
{
	if (*value)
		html(f, "<div><dt>$</dt><dd>$</dd></div>\n", name, value);
}

/* Frees the value. */
static void made_fact(FILE *f, const char *name, char *value)
{
	fact(f, name, value);
	free(value);
}

/* "qemu_cpu" as "qemu cpu"; to be freed. */
static char *words(const char *key)
{
	char *text = xprintf("Lab: %s", key);

	for (char *s = text; *s; s++)
		if (*s == '_')
			*s = ' ';
	return text;
}

static void config(FILE *f, const json_t *set)
{
	struct strv list = { 0 };
	const char *name;
	json_t *value;
	char *text;

	json_object_foreach((json_t *)set, name, value)
	{
		text = xprintf("%s=%s", name, json_string_value(value) ?: "");
		strv_add(&list, text);
		free(text);
	}
	text = strv_join(&list, " ");
	fact(f, "Its configuration, in part", *text ? text : "not readable");
	free(text);
	strv_free(&list);
}

static void arguments(FILE *f, const json_t *args)
{
	struct strv list = { 0 };
	const json_t *arg;
	size_t i;

	json_array_foreach(args, i, arg)
		strv_add(&list, json_string_value(arg) ?: "");
	made_fact(f, "Options of the runner", strv_join(&list, " "));
	strv_free(&list);
}

void page_machine(FILE *f, const json_t *run)
{
	const json_t *speed = json_object_get(run, "speed"), *lab = json_object_get(run, "lab");
	const char *key;
	json_t *value;

	fputs("<dl class=\"facts\">\n", f);
	made_fact(f, "Kernel under test",
		  xprintf("Linux %s, %s", jstr(run, "kernel"), jstr(run, "arch")));
	fact(f, "Its build", jstr(run, "kernel_build"));
	fact(f, "Its command line", jstr(run, "cmdline"));
	config(f, json_object_get(run, "config"));
	fact(f, "CPU model", jstr(run, "cpu"));
	made_fact(f, "CPUs", xprintf("%lld", jint(run, "cpus")));
	fact(f, "Run as", json_is_true(json_object_get(run, "root")) ? "root" : "an ordinary user");
	made_fact(f, "Speed factor",
		  xprintf("%g (process %.0f us, page fault %.1f us, clearing a page %.1f us)",
			  jnum(run, "time_factor"), jnum(speed, "process_us"),
			  jnum(speed, "fault_us"), jnum(speed, "clear_us")));
	if (jnum(run, "timeout_scale") != 1)
		made_fact(f, "--timeout-scale", xprintf("%g", jnum(run, "timeout_scale")));
	json_object_foreach((json_t *)lab, key, value)
	{
		char *name = words(key);

		fact(f, name, json_string_value(value) ?: "");
		free(name);
	}
	if (!lab)
		fact(f, "Lab", "none: the kernel of this machine");
	made_fact(f, "Boots", xprintf("%lld", jint(run, "boots")));
	arguments(f, json_object_get(run, "args"));
	fputs("</dl>\n", f);
}
