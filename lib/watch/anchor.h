/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tells the runner when the last address space of a case is gone: leak.address_space.
 *
 * A leaked reference to an address space keeps all of its memory after its processes are gone, and
 * no counter shows it. So the runner makes a file for each case, and the case maps it; children
 * inherit the mapping. F_SEAL_WRITE on the file is EBUSY while a writable mapping exists
 * (mm/memfd.c memfd_add_seals()).
 */
#ifndef GM_ANCHOR_H
#define GM_ANCHOR_H

#include <stdbool.h>

/* For the runner: the fd of a new file, or -1 if memfd_create() fails. */
int gm_anchor_new(void);
/* Does an address space that maps it still exist? False seals the file against new mappings. */
bool gm_anchor_held(int fd);

/*
 * For a case: maps the file that the environment variable GM_ANCHOR names, until the process ends.
 * Returns the page, or NULL. The runner can read it (lib/watch/underway.h).
 */
void *gm_anchor_hold(void);

#endif
