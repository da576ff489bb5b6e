/* SPDX-License-Identifier: GPL-2.0-only */
/* One load or store of the host that may fault. */
#ifndef GM_TOUCH_H
#define GM_TOUCH_H

#include <stdbool.h>

/*
 * One access of eight bytes; a write stores what was there. 0, or the signal that it raised with
 * *code (may be NULL) its si_code. One thread at a time.
 */
int gm_touch(const volatile void *addr, bool write, int *code);

#endif
