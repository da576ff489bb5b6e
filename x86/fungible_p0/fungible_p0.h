/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the fungible.* cases of P0. */
#ifndef FUNGIBLE_P0_H
#define FUNGIBLE_P0_H

#include "fixture.h"
#include "gm.h"
#include "pool.h"

/*
 * A fixture over `len` bytes of huge pages; the guest has touched each of them, and converted a
 * page of it back and forth.
 */
struct gm_fixture *fungible_fixture(enum gm_mem_kind kind, uint64_t len);

#endif
