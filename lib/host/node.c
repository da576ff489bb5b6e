// SPDX-License-Identifier: GPL-2.0-only
/* Memory nodes (NUMA): move_pages(2) and sysfs. */
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "node.h"

int gm_node_of(void *page)
{
	int status = -EINVAL;

	GM_SETUP_OK(syscall(SYS_move_pages, 0, 1UL, &page, NULL, &status, 0));
	return status;
}

int gm_node_other(int node)
{
	char path[64];

	for (int n = 0; n < 64; n++) {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", n);
		if (n != node && !access(path, R_OK))
			return n;
	}
	return -1;
}
