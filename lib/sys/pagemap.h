/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads /proc/self/pagemap (Documentation/admin-guide/mm/pagemap.rst). */
#ifndef GM_PAGEMAP_H
#define GM_PAGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GM_PAGEMAP_PRESENT (1ULL << 63)
#define GM_PAGEMAP_SWAPPED (1ULL << 62)
#define GM_PAGEMAP_FILE (1ULL << 61)	    /* of a file, or shared */
#define GM_PAGEMAP_FRAME ((1ULL << 55) - 1) /* zero without CAP_SYS_ADMIN */

/* The entries of the n pages from hva on. False and errno: they cannot be read. */
bool gm_pagemap_read(const void *hva, size_t n, uint64_t *entry);

#endif
