/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters of the whole machine, which other programs change too: free memory, slabs, the blocks
 * of the page allocator. No counter of one file or process says the same.
 */
#ifndef GM_QUIET_H
#define GM_QUIET_H

/*
 * For a check of such a counter that does not hold: SKIPs the case if the counter changes by
 * `limit` or more within two seconds in which the case does nothing.
 */
void gm_require_quiet(long (*count)(void), long limit);

#endif
