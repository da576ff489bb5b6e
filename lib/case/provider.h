/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The names of conversion providers: the ways to make guest memory private and shared. A case
 * states its providers, and the registry (case.c) makes one case for each. Only names, so that
 * cases can be listed without opening anything; the providers are in convert.h.
 */
#ifndef GM_PROVIDER_H
#define GM_PROVIDER_H

#include "need.h"

/*
 * id, name, suffix of the case's name, profile of the contract, needs. The first suffix is empty,
 * so that names from before there were providers stay the same.
 */
#define GM_PROVIDER_LIST(X)                                                                        \
	X(ATTRIBUTES, "attributes", "", "P0", GM_NEEDS(ATTRIBUTES))                                \
	X(INPLACE, "inplace", ".inplace", "P3", GM_NEEDS(SW_PROTECTED, INPLACE))                   \
	X(PKVM, "pkvm", ".pkvm", "P2", GM_NEEDS(PROTECTED))                                        \
	X(HUGE_FILE, "huge_file", ".huge", "P4", GM_NEEDS(SW_PROTECTED, INPLACE, GMEM_HUGE))

enum gm_provider_id {
	GM_PROVIDER_NONE, /* the case does not convert, or does it itself */
#define X(id, name, suffix, profile, needs) GM_PROVIDER_##id,
	GM_PROVIDER_LIST(X)
#undef X
		GM_PROVIDER_NR,
};

#define __GM_PROVIDER_BIT(id) (1U << GM_PROVIDER_##id)
/* A set for .providers: GM_PROVIDERS(ATTRIBUTES, INPLACE). */
#define GM_PROVIDERS(...) GM_EACH(__GM_PROVIDER_BIT, __VA_ARGS__)
/* The two that convert by an ioctl, on a SW_PROTECTED VM. */
#define GM_PROVIDERS_X86 GM_PROVIDERS(ATTRIBUTES, INPLACE)
/* Both, and conversion in files of huge pages: for cases whose holes are whole huge pages. */
#define GM_PROVIDERS_HUGE GM_PROVIDERS(ATTRIBUTES, INPLACE, HUGE_FILE)

const char *gm_provider_name(enum gm_provider_id p);
/* The provider of that name; GM_PROVIDER_NONE if not found. */
enum gm_provider_id gm_provider_find(const char *name);
const char *gm_provider_suffix(enum gm_provider_id p);
const char *gm_provider_profile(enum gm_provider_id p);
gm_needs gm_provider_needs(enum gm_provider_id p);

#endif
