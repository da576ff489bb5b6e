/* SPDX-License-Identifier: GPL-2.0-only */
/* A mix of operations (--profile NAME): its data. The weights are in the operations' rows. */
#ifndef ST_MIX_H
#define ST_MIX_H

#include "prog.h"

struct st_mix {
	const char *name, *text;
	const char *layouts[5];
	unsigned int vcpus, threads; /* vcpus at most; threads exactly */
	uint32_t ops;
	unsigned int kill_percent; /* of the programs: end by killing the process */
	unsigned int fail_percent; /* of the operations with ST_CAN_FAIL: run out of memory */
};

const struct st_mix *st_mix_find(const char *name, enum st_mix_id *id);
const struct st_mix *st_mix_at(unsigned int i); /* NULL past the last */

#endif
