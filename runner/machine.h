/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which machine this is, as far as a report needs to know.
 */
#ifndef GM_RUNNER_MACHINE_H
#define GM_RUNNER_MACHINE_H

#include "util.h"

/* Sets version (of the suite), kernel, arch ("x86", "arm64"), cmdline, cpus, root. */
void machine_describe(json_t *obj);

#endif
