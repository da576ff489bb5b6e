// SPDX-License-Identifier: GPL-2.0-only
#include "cpus.h"

#include <sched.h>
#include <unistd.h>

#include "check.h"

int gm_cpu_first_of_two(void)
{
	cpu_set_t set;
	int cpu = 0;

	GM_SETUP_OK(sched_getaffinity(0, sizeof(set), &set));
	if (CPU_COUNT(&set) < 2)
		gm_skip("one CPU runs one call at a time", "two CPUs online");
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	return cpu;
}

void gm_cpu_use(int cpu, bool only)
{
	cpu_set_t set;

	GM_SETUP_OK(sched_getaffinity(0, sizeof(set), &set));
	if (only) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
	} else {
		CPU_CLR(cpu, &set);
	}
	GM_SETUP_OK(sched_setaffinity(0, sizeof(set), &set));
}

void gm_cpu_as_parent(void)
{
	cpu_set_t set;

	GM_SETUP_OK(sched_getaffinity(getppid(), sizeof(set), &set));
	GM_SETUP_OK(sched_setaffinity(0, sizeof(set), &set));
}
