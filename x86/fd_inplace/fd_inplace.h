/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fd.* cases about files that are converted in place share. */
#ifndef FD_INPLACE_H
#define FD_INPLACE_H

#include <sys/mman.h>

#include "fixture.h"
#include "gm.h"
#include "touch.h"

#define PG GM_PAGE_SIZE
#define FIRST (GM_BASE / PG)

/* A fixture of 2 MiB whose pages the guest has filled, some private, some shared, in runs of any length. */
struct gm_fixture *inplace_mixed(unsigned int vcpus);
/*
 * The host loads from and stores to each page: SIGBUS where the model says that it is private, no
 * signal where it is shared.
 */
void inplace_expect_states(struct gm_fixture *w, const char *when);
/* States and content, as guest and host see them. */
void inplace_expect_all(struct gm_fixture *w, const char *when);
/* One page of a mapping. */
bool inplace_expect_page(const uint8_t *map, uint64_t page, bool is_private, const char *when);

#endif
