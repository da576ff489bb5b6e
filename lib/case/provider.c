// SPDX-License-Identifier: GPL-2.0-only
/* The names, profiles and needs of conversion providers. */
#include <string.h>

#include "provider.h"

static const struct {
	const char *name, *suffix, *profile;
	gm_needs needs;
} providers[GM_PROVIDER_NR] = { { "none", "", "any", 0 },
#define X(id, name, suffix, profile, needs) { name, suffix, profile, needs },
				GM_PROVIDER_LIST(X)
#undef X
};

const char *gm_provider_name(enum gm_provider_id p)
{
	return providers[p].name;
}

enum gm_provider_id gm_provider_find(const char *name)
{
	enum gm_provider_id p = GM_PROVIDER_NR;

	while (--p && strcmp(providers[p].name, name))
		;
	return p;
}

const char *gm_provider_suffix(enum gm_provider_id p)
{
	return providers[p].suffix;
}

const char *gm_provider_profile(enum gm_provider_id p)
{
	return providers[p].profile;
}

gm_needs gm_provider_needs(enum gm_provider_id p)
{
	return providers[p].needs;
}
