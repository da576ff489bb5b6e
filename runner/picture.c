// SPDX-License-Identifier: GPL-2.0-only
/*
 * Collects the maps in a case's notes, which come GiB by GiB, and draws them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map_svg.h"
#include "picture.h"
#include "util.h"

struct panels {
	struct gm_map_panel p[GM_MAP_PANELS];
	unsigned int nr;
};

/* Appends one GiB to the panel of its title. Drops what is truncated or one panel too many. */
static void add_gib(struct panels *ps, const char *title, size_t len, const char *packed)
{
	struct gm_map_panel *p = ps->nr ? &ps->p[ps->nr - 1] : NULL;
	char *cells = gm_map_unpack(packed), *all;

	if (!cells)
		return;
	if (!p || strlen(p->title) != len || memcmp(p->title, title, len)) {
		if (ps->nr == GM_MAP_PANELS) {
			free(cells);
			return;
		}
		p = &ps->p[ps->nr++];
		p->title = xprintf("%.*s", (int)len, title);
		p->cells = xstrdup("");
	}
	all = xprintf("%s%s", p->cells, cells);
	free((char *)p->cells);
	free(cells);
	p->cells = all;
}

bool picture_has(const char *note)
{
	return !strncmp(note, GM_MAP_NOTE, strlen(GM_MAP_NOTE)) && strstr(note, ", GiB ");
}

static void add_note(struct panels *ps, const char *note)
{
	static const char gib[] = ", GiB ";
	const char *title = note + strlen(GM_MAP_NOTE), *at = NULL, *next;

	if (!picture_has(note))
		return;
	/* The last ", GiB ": the title may contain the same text. */
	for (next = strstr(title, gib); next; next = strstr(next + 1, gib))
		at = next;
	next = at ? strstr(at, ": ") : NULL;
	if (next)
		add_gib(ps, title, at - title, next + 2);
}

char *picture_of(const char *title, const json_t *notes)
{
	struct panels ps = { .nr = 0 };
	const json_t *note;
	char *text = NULL;
	size_t size, i;
	FILE *f;

	json_array_foreach(notes, i, note)
		add_note(&ps, json_string_value(note) ?: "");
	if (ps.nr) {
		f = open_memstream(&text, &size);
		gm_map_svg(f, title, ps.p, ps.nr);
		fclose(f);
	}
	for (i = 0; i < ps.nr; i++) {
		free((char *)ps.p[i].title);
		free((char *)ps.p[i].cells);
	}
	return text;
}
