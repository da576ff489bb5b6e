// SPDX-License-Identifier: GPL-2.0-only
/* What the machine has its memory for. */
#include "inplace.h"

long ip_meminfo_kb(const char *what)
{
	FILE *f = fopen("/proc/meminfo", "re");
	size_t n = strlen(what);
	char line[128];
	long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, what, n) && line[n] == ':') {
			kb = strtol(line + n + 1, NULL, 10);
			break;
		}
	if (f)
		fclose(f);
	return kb;
}
