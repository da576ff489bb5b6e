/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Draws the maps of guest memory in a case's notes: one panel for each map, in their order.
 */
#ifndef GM_RUNNER_PICTURE_H
#define GM_RUNNER_PICTURE_H

#include <jansson.h>
#include <stdbool.h>

/* Whether this note is part of a map. */
bool picture_has(const char *note);
/* An SVG document, to be freed; NULL if no note has a map. */
char *picture_of(const char *title, const json_t *notes);

#endif
