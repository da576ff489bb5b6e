/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the gup.* cases on a guest_memfd of huge pages. */
#ifndef GUP_INPLACE_HUGE_H
#define GUP_INPLACE_HUGE_H

#include "access/access.h"
#include "fixture.h"
#include "gm.h"

#define PG GM_PAGE_SIZE
#define IN_ONE (GM_2M / PG)
#define GH_NEEDS GM_NEEDS(GMEM_HUGE, TDP)

/* n huge pages of 2 MiB, all private, and written by the guest. */
struct gm_fixture *gh_new(uint64_t n);

static inline uint64_t gh_gfn(const struct gm_fixture *w, uint64_t p)
{
	return GFN(w->gpa) + p;
}

/* Does the kernel refuse GUP of this shared page (P5)? */
bool gh_refuses_gup(struct gm_fixture *w, uint64_t p);
/* If so: frees the fixture and SKIPs. */
void gh_need_gup(struct gm_fixture *w, uint64_t p);

#endif
