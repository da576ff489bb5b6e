/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tells the runner when the last address space of a case is gone: leak.address_space.
 *
 * A kernel that forgets a reference to one keeps all its memory, and nothing else shows it: the
 * processes are gone. So the runner makes a file for each case, the case maps it, its children
 * inherit that, and the file counts its writable mappings (F_SEAL_WRITE is EBUSY as long as there
 * is one, mm/memfd.c memfd_add_seals()).
 */
#ifndef GM_ANCHOR_H
#define GM_ANCHOR_H

#include <stdbool.h>

/* For the runner: an fd, or -1 where there are no such files. */
int gm_anchor_new(void);
/* Does an address space that held it still exist? Once false, it cannot be held any more. */
bool gm_anchor_held(int fd);

/*
 * For a case: maps what the environment variable GM_ANCHOR names, if anything, for life. Returns the
 * page, or NULL: what is written there, the runner can read (lib/watch/underway.h).
 */
void *gm_anchor_hold(void);

#endif
