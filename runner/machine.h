/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Describes this machine for reports.
 */
#ifndef GM_RUNNER_MACHINE_H
#define GM_RUNNER_MACHINE_H

#include "util.h"

/* Options of the kernel that a report names and a known failure may depend on, without CONFIG_. */
bool machine_config_known(const char *name);

/*
 * Sets config, an object with "y" or "m" for each of these options that is set, or nothing if the
 * configuration cannot be read; and version (of the suite), kernel, arch ("x86", "arm64"), cpu (its model),
 * cmdline, cpus, root.
 */
void machine_describe(json_t *obj);

#endif
