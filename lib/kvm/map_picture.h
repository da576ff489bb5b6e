/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A map of how guest memory is mapped: each 2 MiB is a cell, and a GiB has eight rows of 64 cells.
 *
 *   G  part of a 1 GiB mapping	M  a 2 MiB mapping	k  4 KiB mappings
 *   x  4 KiB mappings, some pages private		P  all pages private
 *   .  not mapped
 *
 * A GiB whose cells are all the same is one line. A second note of each map is for map_svg.h, which
 * draws it in the results.
 */
#ifndef GM_MAP_PICTURE_H
#define GM_MAP_PICTURE_H

#include "shape.h"

struct gm_vm;

/*
 * One character per 2 MiB of the guest's memory, as above, by the kernel; a string, freed by the
 * caller. The statistics do not have addresses. So this converts one page of every cell, and the
 * counter that falls gives the size of its mapping. That destroys the mappings and changes
 * attributes: only for the end of a case.
 */
char *gm_map_observe(struct gm_vm *vm, const struct gm_shape *s);
/* Notes the model's map; after gm_page_counts_expect() has passed, also the kernel's. */
void gm_map_note(const struct gm_shape *s, const char *title);
/* Notes the model's map and the kernel's side by side. */
void gm_map_show(struct gm_vm *vm, const struct gm_shape *s);

#endif
