/* SPDX-License-Identifier: GPL-2.0-only */
/* How many pins all pages of the machine have. */
#ifndef GM_PINS_H
#define GM_PINS_H

/*
 * Pins that GUP and memfd_pin_folios() took, less those given back: nr_foll_pin_acquired and
 * nr_foll_pin_released of /proc/vmstat. A pin of a huge page counts once or for each of its pages,
 * as it was taken. Needs root. No other process should pin pages meanwhile.
 */
unsigned long gm_all_pins(void);

#endif
