/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The picture of a case that noted maps of guest memory: one panel for each, in their order.
 */
#ifndef GM_RUNNER_PICTURE_H
#define GM_RUNNER_PICTURE_H

#include <jansson.h>
#include <stdbool.h>

/* Whether this note is one of a map, which the picture has. */
bool picture_has(const char *note);
/* An SVG document, to be freed; NULL if there is no map among the notes. */
char *picture_of(const char *title, const json_t *notes);

#endif
