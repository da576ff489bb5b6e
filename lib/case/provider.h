/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Conversion providers by name: who makes guest memory private and shared. A case states the
 * providers that it is about, and the registry (case.c) makes one case of it for each. Here they
 * are only words, so that declarations can be listed without opening anything; what a provider
 * does is in convert.h.
 */
#ifndef GM_PROVIDER_H
#define GM_PROVIDER_H

#include "need.h"

/*
 * id, name, what the case's name ends in, profile of the contract, what the platform must have.
 * The end of the first is empty: names that existed before there were providers stay as they are.
 */
#define GM_PROVIDER_LIST(X)                                                                        \
	X(ATTRIBUTES, "attributes", "", "P0", GM_NEEDS(ATTRIBUTES))                                \
	X(INPLACE, "inplace", ".inplace", "P3", GM_NEEDS(SW_PROTECTED, INPLACE))                   \
	X(PKVM, "pkvm", ".pkvm", "P2", GM_NEEDS(PROTECTED))

enum gm_provider_id {
	GM_PROVIDER_NONE, /* the case converts nothing, or sees to it itself */
#define X(id, name, suffix, profile, needs) GM_PROVIDER_##id,
	GM_PROVIDER_LIST(X)
#undef X
		GM_PROVIDER_NR,
};

#define __GM_PROVIDER_BIT(id) (1U << GM_PROVIDER_##id)
/* A set for .providers: GM_PROVIDERS(ATTRIBUTES, INPLACE). */
#define GM_PROVIDERS(...) GM_EACH(__GM_PROVIDER_BIT, __VA_ARGS__)
/* Both that convert by the VMM's ioctl on a SW_PROTECTED VM. */
#define GM_PROVIDERS_X86 GM_PROVIDERS(ATTRIBUTES, INPLACE)

const char *gm_provider_name(enum gm_provider_id p);
/* The one of that name; GM_PROVIDER_NONE: none. */
enum gm_provider_id gm_provider_find(const char *name);
const char *gm_provider_suffix(enum gm_provider_id p);
const char *gm_provider_profile(enum gm_provider_id p);
gm_needs gm_provider_needs(enum gm_provider_id p);

#endif
