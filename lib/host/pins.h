/* SPDX-License-Identifier: GPL-2.0-only */
/* How many pins all pages of the machine have. */
#ifndef GM_PINS_H
#define GM_PINS_H

/*
 * Pins that GUP and memfd_pin_folios() took, less those given back: nr_foll_pin_acquired and
 * nr_foll_pin_released of /proc/vmstat. A pin of a huge page counts once or for each of its pages,
 * as it was taken. Needs root. Other processes pin pages for their I/O: SKIPs if the number does not
 * rest for a millisecond.
 */
unsigned long gm_all_pins(void);

/*
 * The same number. If it is not `expected` and others pin pages meanwhile, the number after it is, or
 * 2 s later; else at once, so that an unpin that comes late is a difference.
 */
unsigned long gm_all_pins_wait(unsigned long expected);

#endif
