// SPDX-License-Identifier: GPL-2.0-only
/* Maps of guest memory, in notes of a case. */
#include <stdlib.h>

#include "convert.h"
#include "map_picture.h"
#include "map_svg.h"
#include "pagesize.h"
#include "vm.h"

#define ROW 64U
#define CELLS ((unsigned int)GM_MAP_CELLS)

static uint64_t cells_of(const struct gm_shape *s)
{
	return s->size / GM_2M;
}

/* The letter of a cell with 4 KiB mappings or none, by its attributes. */
static char small_cell(const struct gm_shape *s, uint64_t cell, bool mapped)
{
	const uint8_t *p = s->private + cell * 512;
	unsigned int private = 0;

	for (int i = 0; i < 512; i++)
	private += p[i];
	if (private == 512)
		return 'P';
	if (private)
		return 'x';
	return mapped ? 'k' : '.';
}

/* One letter per 2 MiB, by the model. The caller frees it. */
static char *cells_of_model(const struct gm_shape *s)
{
	uint64_t nr = cells_of(s);
	char *c = calloc(nr + 1, 1);

	GM_SETUP(c, "out of memory");
	for (uint64_t i = 0; i < nr; i++) {
		enum gm_size most = GM_SIZE_NONE;

		for (int p = 0; p < 512; p++)
			if (s->mapped[i * 512 + p] > most)
				most = s->mapped[i * 512 + p];
		c[i] = most == GM_SIZE_1G   ? 'G'
		       : most == GM_SIZE_2M ? 'M'
					    : small_cell(s, i, most == GM_SIZE_4K);
	}
	return c;
}

/* Converts one page, and returns the size of the mapping that this has removed. */
static enum gm_size probe(struct gm_vm *vm, uint64_t gpa, bool private)
{
	struct gm_page_counts before, after;

	gm_page_counts_read(vm, &before);
	if (__gm_convert(vm, gpa, GM_PAGE_SIZE, !private))
		return GM_SIZE_NONE;
	gm_page_counts_read(vm, &after);
	for (enum gm_size sz = GM_SIZE_4K; sz < GM_SIZE_NR; sz++)
		if (after.pages[sz] < before.pages[sz])
			return sz;
	return GM_SIZE_NONE;
}

char *gm_map_observe(struct gm_vm *vm, const struct gm_shape *s)
{
	uint64_t nr = cells_of(s);
	char *c = calloc(nr + 1, 1);

	GM_SETUP(c, "out of memory");
	/* Backwards: a kernel that unmaps too much mostly does so after the range. */
	for (uint64_t i = nr; i-- > 0;) {
		enum gm_size sz = GM_SIZE_NONE;

		/* The first probe of a 1 GiB mapping removes all of it. */
		if ((i + 1) % CELLS && c[i + 1] == 'G') {
			c[i] = 'G';
			continue;
		}
		/* Pages 0, 1, 2, 510 and 511, until one is mapped. */
		for (int p = 0; p < 512 && sz == GM_SIZE_NONE; p += p < 2 ? 1 : p == 2 ? 508 : 1)
			sz = probe(vm, s->base + i * GM_2M + p * GM_PAGE_SIZE,
				   s->private[i * 512 + p]);
		c[i] = sz == GM_SIZE_1G	  ? 'G'
		       : sz == GM_SIZE_2M ? 'M'
					  : small_cell(s, i, sz == GM_SIZE_4K);
	}
	return c;
}

static bool uniform(const char *c, uint64_t nr)
{
	for (uint64_t i = 1; i < nr; i++)
		if (c[i] != c[0])
			return false;
	return true;
}

static void note_gib(const char *want, const char *got, uint64_t gib)
{
	if (uniform(want, CELLS) && uniform(got, CELLS) && *want == *got) {
		gm_note("GiB %lu: all %c, as expected", gib, *want);
		return;
	}
	gm_note("GiB %lu: expected, then observed (G 1G, M 2M, k 4K, x some private, P private, . none)",
		gib);
	for (unsigned int row = 0; row < CELLS / ROW; row++) {
		const char *w = want + row * ROW, *g = got + row * ROW;

		gm_note("%4u %.64s %s %.64s", row * ROW, w, memcmp(w, g, ROW) ? "|" : "=", g);
	}
}

/* For the picture in the results; see map_svg.h. */
static void note_packed(const char *title, const char *cells)
{
	for (unsigned int gib = 0; gib < strlen(cells) / CELLS; gib++) {
		char *packed = gm_map_pack(cells + gib * CELLS, CELLS);

		gm_note(GM_MAP_NOTE "%s, GiB %u: %s", title, gib, packed ? packed : "");
		free(packed);
	}
}

void gm_map_note(const struct gm_shape *s, const char *title)
{
	char *cells = cells_of_model(s);

	note_packed(title, cells);
	gm_note("%s (G 1G, M 2M, k 4K, x some private, P private, . none):", title);
	for (uint64_t gib = 0; gib < s->size / GM_1G; gib++) {
		const char *c = cells + gib * CELLS;

		if (uniform(c, CELLS)) {
			gm_note("GiB %lu: all %c", gib, *c);
			continue;
		}
		gm_note("GiB %lu:", gib);
		for (unsigned int row = 0; row < CELLS / ROW; row++)
			gm_note("%4u %.64s", row * ROW, c + row * ROW);
	}
	free(cells);
}

void gm_map_show(struct gm_vm *vm, const struct gm_shape *s)
{
	char *want = cells_of_model(s), *got = gm_map_observe(vm, s);

	for (uint64_t gib = 0; gib < s->size / GM_1G; gib++)
		note_gib(want + gib * CELLS, got + gib * CELLS, gib);
	note_packed("expected", want);
	note_packed("observed", got);
	free(want);
	free(got);
}
