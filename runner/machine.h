/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Describes this machine for reports.
 */
#ifndef GM_RUNNER_MACHINE_H
#define GM_RUNNER_MACHINE_H

#include "util.h"

/* Sets version (of the suite), kernel, arch ("x86", "arm64"), cmdline, cpus, root. */
void machine_describe(json_t *obj);

#endif
