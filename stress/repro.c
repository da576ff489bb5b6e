// SPDX-License-Identifier: GPL-2.0-only
/* The entry point of reproducers. */
#include "child.h"
#include "main.h"
#include "repro.h"
#include "soak.h"

int st_repro(const char *program)
{
	FILE *f = fmemopen((void *)program, strlen(program), "r");
	struct st_soak o = { .times = 1, .out = "." };
	struct st_prog p = {};
	char why[200];

	if (!f || st_prog_read(&p, f, why, sizeof(why))) {
		fprintf(stderr, "the program: %s\n", why);
		return 2;
	}
	fclose(f);
	return st_replay(&o, &p);
}
