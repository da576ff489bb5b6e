/* SPDX-License-Identifier: GPL-2.0-only */
/* What a profile of stress programs is made of: data. The weights are in the operations' rows. */
#ifndef ST_PROFILE_H
#define ST_PROFILE_H

#include "prog.h"

struct st_profile {
	const char *name, *text;
	const char *layouts[5];
	unsigned int vcpus, threads; /* at most, exactly */
	uint32_t ops;
	unsigned int kill_percent; /* of programs that end by killing the process */
	unsigned int fail_percent; /* of what can run out of memory: does */
};

const struct st_profile *st_profile_find(const char *name, enum st_profile_id *id);
const struct st_profile *st_profile_at(unsigned int i); /* NULL past the last */

#endif
