/* SPDX-License-Identifier: GPL-2.0-only */
/* Keeps threads apart: on one CPU they never run at the same time. */
#ifndef GM_CPUS_H
#define GM_CPUS_H

#include <stdbool.h>

/* The first CPU that the calling thread may use. SKIPs if there is no second one. */
int gm_cpu_first_of_two(void);

/*
 * Moves the calling thread to `cpu` alone; or, if not `only`, to all CPUs that it may use without
 * `cpu`. Threads and processes that it creates later inherit this. Ends the case as an ERROR if no
 * CPU remains.
 */
void gm_cpu_use(int cpu, bool only);

/* Lets the calling process use the CPUs of its parent's first thread again. */
void gm_cpu_as_parent(void);

#endif
