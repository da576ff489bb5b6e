/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A picture of how guest memory is mapped: each 2 MiB is a cell, eight rows of 64 a GiB.
 *
 *   G  part of a 1 GiB mapping	M  a 2 MiB mapping	k  4 KiB mappings
 *   x  4 KiB mappings, some pages private		P  all pages private
 *   .  not mapped
 *
 * A GiB whose cells are all alike is one line. Each map is noted once more for map_svg.h, so that the
 * results have it as a picture.
 */
#ifndef GM_MAP_PICTURE_H
#define GM_MAP_PICTURE_H

#include "shape.h"

struct gm_vm;

/*
 * One character per 2 MiB of the guest's memory, as above, as the kernel has it; '\0' at the end,
 * freed by the caller. The statistics do not say where a mapping lies, so every cell is
 * probed: one page of it is converted, and the counter that falls names what mapped it. That destroys
 * the mappings and (where they were shared) changes attributes: the end of a case.
 */
char *gm_map_observe(struct gm_vm *vm, const struct gm_shape *s);
/* Notes the model's map: what the kernel's is too, once gm_page_counts_expect() has said so. */
void gm_map_note(const struct gm_shape *s, const char *title);
/* Notes the model's map and the kernel's beside each other. */
void gm_map_show(struct gm_vm *vm, const struct gm_shape *s);

#endif
