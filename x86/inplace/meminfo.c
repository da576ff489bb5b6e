// SPDX-License-Identifier: GPL-2.0-only
/* Memory use of the system, from /proc/meminfo. */
#include "inplace.h"
#include "text.h"

long ip_meminfo_kb(const char *what)
{
	long kb = 0;

	gm_read_field("/proc/meminfo", what, &kb);
	return kb;
}
