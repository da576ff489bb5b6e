/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every unit test includes this: cmocka and the headers that it needs, and a temporary folder.
 */
#ifndef GM_UNIT_H
#define GM_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../runner/util.h"

/* A folder that is removed at the end of the test; set-up and teardown of a cmocka test. */
static char unit_dir[64];

static inline int unit_make_dir(void **state)
{
	(void)state;
	strcpy(unit_dir, "/tmp/gm-unit.XXXXXX");
	return mkdtemp(unit_dir) ? 0 : -1;
}

static inline int unit_remove_dir(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", unit_dir);
	return system(command);
}

static inline void unit_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* The text of a file, to be freed; NULL if it cannot be opened. */
static inline char *unit_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text;
	size_t n;

	if (!f)
		return NULL;
	text = xalloc(1 << 20);
	n = fread(text, 1, (1 << 20) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

#define in_dir(test) cmocka_unit_test_setup_teardown(test, unit_make_dir, unit_remove_dir)

#endif
