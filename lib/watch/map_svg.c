// SPDX-License-Identifier: GPL-2.0-only
/* Maps of guest memory as SVG, and as run-length encoded text. */
#include "map_svg.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROW 64
#define CELLS GM_MAP_CELLS
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	char cell;
	const char *color, *text;
} legend[] = {
	{ 'G', "#1a7f37", "part of a 1 GiB mapping" },
	{ 'M', "#8fd19e", "2 MiB mapping" },
	{ 'k', "#f2cc60", "4 KiB mappings" },
	{ 'x', "#e16f24", "4 KiB mappings, some pages private" },
	{ 'P', "#8250df", "all pages private" },
	{ '.', "#e6e8eb", "not mapped" },
};

/* Entries per column of the legend, and their distance in pixels. */
#define LEGEND_ROWS 3
#define LEGEND_STEP 18

static const char *color_of(char cell)
{
	for (unsigned int i = 0; i < ARRAY_LEN(legend); i++)
		if (legend[i].cell == cell)
			return legend[i].color;
	return "#000000";
}

/* A title comes from a case's notes. */
static void svg_text(FILE *out, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		default:
			fputc(*s, out);
		}
	}
}

/* One rectangle for a run of equal cells in a row; lines over them part the cells. */
static void svg_row(FILE *out, const char *cells, int x, int y)
{
	for (int from = 0, nr; from < ROW; from += nr) {
		for (nr = 1; from + nr < ROW && cells[from + nr] == cells[from];)
			nr++;
		fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"5\" fill=\"%s\"/>\n",
			x + from * 6, y, nr * 6 - 1, color_of(cells[from]));
	}
}

static void svg_lines(FILE *out, int x, int y)
{
	fprintf(out, "<path stroke=\"white\" d=\"");
	for (int col = 1; col < ROW; col++)
		fprintf(out, "M%d.5 %dv%d", x + col * 6 - 1, y, CELLS / ROW * 6);
	fprintf(out, "\"/>\n");
}

static void svg_panel(FILE *out, const struct gm_map_panel *p, int x)
{
	uint64_t nr = strlen(p->cells);

	fprintf(out, "<text x=\"%d\" y=\"52\" font-weight=\"bold\">", x);
	svg_text(out, p->title);
	fprintf(out, "</text>\n");
	for (uint64_t i = 0; i < nr; i += ROW) {
		int gib = i / CELLS, top = 78 + gib * 74;

		svg_row(out, p->cells + i, x, top + i % CELLS / ROW * 6);
		if (i % CELLS)
			continue;
		fprintf(out, "<text x=\"%d\" y=\"%d\" fill=\"#57606a\">GiB %d</text>\n", x,
			72 + gib * 74, gib);
	}
	for (uint64_t gib = 0; gib < nr / CELLS; gib++)
		svg_lines(out, x, 78 + gib * 74);
}

void gm_map_svg(FILE *out, const char *title, const struct gm_map_panel *panel, unsigned int nr)
{
	unsigned int gibs = 0, width = 24 + nr * 408, foot;

	for (unsigned int i = 0; i < nr; i++)
		if (strlen(panel[i].cells) / CELLS > gibs)
			gibs = strlen(panel[i].cells) / CELLS;
	foot = 78 + gibs * 74 + 10;
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" font-family=\"sans-serif\" font-size=\"12\">\n",
		width, foot + (LEGEND_ROWS + 1) * LEGEND_STEP);
	fprintf(out, "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n");
	fprintf(out, "<text x=\"24\" y=\"24\" font-size=\"15\">");
	svg_text(out, title);
	fprintf(out, ": each cell is 2 MiB of guest memory</text>\n");
	for (unsigned int i = 0; i < nr; i++)
		svg_panel(out, &panel[i], 24 + i * 408);
	/* In columns: a single row is wider than one panel. */
	for (unsigned int i = 0; i < ARRAY_LEN(legend); i++) {
		unsigned int x = 24 + i / LEGEND_ROWS * 180;
		unsigned int y = foot + i % LEGEND_ROWS * LEGEND_STEP;

		fprintf(out, "<rect x=\"%u\" y=\"%u\" width=\"10\" height=\"10\" fill=\"%s\"/>\n",
			x, y, legend[i].color);
		fprintf(out, "<text x=\"%u\" y=\"%u\">%s</text>\n", x + 15, y + 10, legend[i].text);
	}
	fprintf(out, "</svg>\n");
}

char *gm_map_pack(const char *cells, size_t nr)
{
	char *text = NULL;
	size_t size, run;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < nr; i += run) {
		for (run = 1; i + run < nr && cells[i + run] == cells[i];)
			run++;
		fprintf(f, "%s%zu%c", i ? " " : "", run, cells[i]);
	}
	fclose(f);
	return text;
}

char *gm_map_unpack(const char *text)
{
	char *cells = calloc(CELLS + 1, 1), *end;
	size_t nr = 0;

	while (cells && *text) {
		unsigned long run = strtoul(text, &end, 10);

		if (*text < '0' || *text > '9' || !*end || !run || run > CELLS - nr)
			break;
		memset(cells + nr, *end, run);
		nr += run;
		text = end + 1 + (end[1] == ' ');
	}
	if (nr == CELLS && !*text)
		return cells;
	free(cells);
	return NULL;
}
