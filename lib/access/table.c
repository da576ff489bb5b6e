// SPDX-License-Identifier: GPL-2.0-only
/* The table: every family of probes, in the order in which the matrix shows them. */
#include "access.h"

const struct gm_probe *const gm_probes[] = {
	gm_probes_cpu, gm_probes_uaccess, gm_probes_remote,
	NULL
};
