// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <stdlib.h>

#include "protocol.h"
#include "time_factor.h"

double gm_time_factor(void)
{
	const char *text = gm_env_get(GM_ENV_TIME_FACTOR);
	double f = text ? strtod(text, NULL) : 1;

	return f >= 0.01 ? f : 1;
}

int gm_time_limit(int usual)
{
	double limit = usual * gm_time_factor();

	return limit < INT_MAX ? (int)limit : INT_MAX;
}
