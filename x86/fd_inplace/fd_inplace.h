/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the fd.* cases about files that are converted in place. */
#ifndef FD_INPLACE_H
#define FD_INPLACE_H

#include <sys/mman.h>

#include "fixture.h"
#include "gm.h"
#include "touch.h"

#define PG GM_PAGE_SIZE
#define FIRST (GM_BASE / PG)

/*
 * A fixture of 2 MiB whose pages the guest has filled, some private, some shared, in runs of
 * various lengths.
 */
struct gm_fixture *inplace_mixed(unsigned int vcpus);
/*
 * The host loads from and stores to each page: expects SIGBUS exactly if the model has it private.
 */
void inplace_expect_states(struct gm_fixture *w, const char *when);
/* Checks states and content, from guest and host. */
void inplace_expect_all(struct gm_fixture *w, const char *when);
/* The same for one page of a mapping. */
bool inplace_expect_page(const uint8_t *map, uint64_t page, bool is_private, const char *when);

#endif
