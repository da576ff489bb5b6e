// SPDX-License-Identifier: GPL-2.0-only
/*
 * The maps of guest memory, as images inside the page.
 */
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "page.h"
#include "picture.h"

#define MAX_BYTES (1 << 20) /* of all images below this heading; the files are beside the page */

static void base64(FILE *f, const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i += 3) {
		unsigned int n = len - i < 3 ? len - i : 3, v = 0;

		for (unsigned int k = 0; k < 3; k++)
			v = v << 8 | (k < n ? (unsigned char)text[i + k] : 0);
		for (unsigned int k = 0; k < 4; k++)
			fputc(k <= n ? digits[v >> (18 - 6 * k) & 63] : '=', f);
	}
}

size_t page_map(FILE *f, const json_t *c)
{
	char *svg = picture_of(jstr(c, "name"), json_object_get(c, "notes"));
	size_t size;

	if (!svg)
		return 0;
	size = strlen(svg);
	html(f,
	     "<figure role=\"region\" tabindex=\"0\" aria-label=\"Map of $\">\n<img alt=\"Map of the guest memory "
	     "of $: which pages are mapped by which size; the notes in its log have it as text\" "
	     "src=\"data:image/svg+xml;base64,",
	     jstr(c, "name"), jstr(c, "name"));
	base64(f, svg);
	fputs("\">\n</figure>\n", f);
	free(svg);
	return size;
}

static bool has_map(const json_t *c)
{
	const json_t *note;
	size_t i;

	json_array_foreach(json_object_get(c, "notes"), i, note)
		if (picture_has(json_string_value(note) ?: ""))
			return true;
	return false;
}

void page_maps(FILE *f, const json_t *run)
{
	size_t i, nr = 0, size = 0;
	const json_t *c;

	json_array_foreach(json_object_get(run, "cases"), i, c) {
		if (!has_map(c))
			continue;
		nr++;
		/* That of a failure is beside it. */
		if (page_is_bad(c) || size > MAX_BYTES) {
			html(f, "<p><a href=\"logs/$.svg\">$</a></p>\n", jstr(c, "name"),
			     jstr(c, "name"));
			continue;
		}
		html(f, "<details><summary class=\"name\">$</summary>\n", jstr(c, "name"));
		size += page_map(f, c);
		fputs("</details>\n", f);
	}
	if (!nr)
		fputs("<p>No case of this run draws one.</p>\n", f);
}
