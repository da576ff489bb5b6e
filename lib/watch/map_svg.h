/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps of guest memory as files: a case notes its maps as text, and the runner draws them. Does not
 * use KVM.
 *
 * A note is "map TITLE, GiB N: " and the packed cells of that GiB: "77M 1x 434M" is 77 cells M, one
 * x, 434 cells M. map_picture.h explains the letters.
 */
#ifndef GM_MAP_SVG_H
#define GM_MAP_SVG_H

#include <stdio.h>

#define GM_MAP_CELLS 512 /* of a GiB: 2 MiB each */
#define GM_MAP_PANELS 8
#define GM_MAP_NOTE "map "

struct gm_map_panel {
	const char *title;
	const char *cells; /* a multiple of GM_MAP_CELLS */
};

/* Writes the panels side by side as one SVG document. */
void gm_map_svg(FILE *out, const char *title, const struct gm_map_panel *panel, unsigned int nr);
/* The caller frees the results. unpack: NULL if the text is not the cells of one GiB. */
char *gm_map_pack(const char *cells, size_t nr);
char *gm_map_unpack(const char *text);

#endif
