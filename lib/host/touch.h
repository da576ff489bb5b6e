/* SPDX-License-Identifier: GPL-2.0-only */
/* One load or store by the host that may fault. */
#ifndef GM_TOUCH_H
#define GM_TOUCH_H

#include <stdbool.h>

/*
 * One access of eight bytes; a write stores the value that it has read. 0, or the signal that it
 * raised, with its si_code in *code (may be NULL). One thread at a time.
 */
int gm_touch(const volatile void *addr, bool write, int *code);

#endif
