// SPDX-License-Identifier: GPL-2.0-only
/* What the machine has its memory for. */
#include "inplace.h"
#include "text.h"

long ip_meminfo_kb(const char *what)
{
	long kb = 0;

	gm_read_field("/proc/meminfo", what, &kb);
	return kb;
}
