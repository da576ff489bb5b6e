// SPDX-License-Identifier: GPL-2.0-only
/* The model of the mappings of guest memory. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "shape.h"

#define PAGE 4096UL
#define P2M 512UL
#define P1G (512UL * 512)

static uint64_t pages_of(enum gm_size sz)
{
	return sz == GM_SIZE_1G ? P1G : sz == GM_SIZE_2M ? P2M : 1;
}

static uint64_t page_of(const struct gm_shape *s, uint64_t gpa)
{
	return (gpa - s->base) / PAGE;
}

struct gm_shape *gm_shape_new(uint64_t base, uint64_t size)
{
	struct gm_shape *s = calloc(1, sizeof(*s));

	GM_SETUP(s, "out of memory");
	s->base = base;
	s->size = size;
	s->private = calloc(size / PAGE, 1);
	s->mapped = calloc(size / PAGE, 1);
	s->host = calloc(size / PAGE, 1);
	GM_SETUP(s->private && s->mapped && s->host, "out of memory");
	return s;
}

void gm_shape_free(struct gm_shape *s)
{
	free(s->private);
	free(s->mapped);
	free(s->host);
	free(s);
}

static struct gm_shape_slot *slot_at(const struct gm_shape *s, uint64_t gpa)
{
	for (int i = 0; i < GM_SHAPE_SLOTS; i++)
		if (gpa - s->slot[i].gpa < s->slot[i].size)
			return (struct gm_shape_slot *)&s->slot[i];
	return NULL;
}

static bool uniform(const uint8_t *p, uint64_t nr, uint8_t val)
{
	uint64_t i = 0, same = val * 0x0101010101010101ULL, word;

	for (; i + 8 <= nr; i += 8) {
		memcpy(&word, p + i, 8);
		if (word != same)
			return false;
	}
	for (; i < nr; i++)
		if (p[i] != val)
			return false;
	return true;
}

bool gm_shape_has_slot(const struct gm_shape *s, uint64_t gpa)
{
	return slot_at(s, gpa);
}

enum gm_size gm_shape_allowed(const struct gm_shape *s, uint64_t gpa)
{
	const struct gm_shape_slot *slot = slot_at(s, gpa);
	uint64_t page = page_of(s, gpa);

	if (!slot)
		return GM_SIZE_NONE;
	if (s->private[page] || slot->log)
		return GM_SIZE_4K;
	for (enum gm_size sz = GM_SIZE_1G; sz > GM_SIZE_4K; sz--) {
		uint64_t bytes = gm_size_bytes(sz), start = gpa & ~(bytes - 1);

		if (start < slot->gpa || start + bytes > slot->gpa + slot->size)
			continue;
		if ((slot->gpa ^ slot->hva) & (bytes - 1))
			continue;
		if (s->host[page] < sz)
			continue;
		if (uniform(s->private + page_of(s, start), pages_of(sz), 0))
			return sz;
	}
	return GM_SIZE_4K;
}

bool gm_shape_private(const struct gm_shape *s, uint64_t gpa)
{
	return s->private[page_of(s, gpa)];
}

/* Removes the leaf that maps this page. Returns the leaf's first page, and its size in *nr. */
static uint64_t drop(struct gm_shape *s, uint64_t page, uint64_t *nr)
{
	enum gm_size sz = s->mapped[page];
	uint64_t first;

	*nr = pages_of(sz);
	first = page & ~(*nr - 1);
	memset(s->mapped + first, GM_SIZE_NONE, *nr);
	s->now.pages[sz]--;
	return first;
}

static void zap_pages(struct gm_shape *s, uint64_t first, uint64_t nr)
{
	for (uint64_t p = first, gone; p < first + nr;) {
		if (s->mapped[p] == GM_SIZE_NONE) {
			p++;
			continue;
		}
		p = drop(s, p, &gone) + gone;
	}
}

void gm_shape_zap(struct gm_shape *s, uint64_t gpa, uint64_t len)
{
	zap_pages(s, page_of(s, gpa), len / PAGE);
}

static void install(struct gm_shape *s, uint64_t page, enum gm_size sz)
{
	uint64_t nr = pages_of(sz), first = page & ~(nr - 1);

	zap_pages(s, first, nr);
	memset(s->mapped + first, sz, nr);
	s->now.pages[sz]++;
}

enum gm_size gm_shape_touch(struct gm_shape *s, uint64_t gpa)
{
	uint64_t page = page_of(s, gpa);
	enum gm_size sz;

	if (s->mapped[page] != GM_SIZE_NONE)
		return s->mapped[page];
	sz = gm_shape_allowed(s, gpa);
	if (sz != GM_SIZE_NONE) {
		install(s, page, sz);
		s->now.fixed++;
	}
	return sz;
}

void gm_shape_convert(struct gm_shape *s, uint64_t gpa, uint64_t len, bool to_private)
{
	uint64_t first = page_of(s, gpa), nr = len / PAGE;

	if (uniform(s->private + first, nr, to_private))
		return;
	zap_pages(s, first, nr);
	memset(s->private + first, to_private, nr);
}

void gm_shape_host(struct gm_shape *s, uint64_t gpa, uint64_t len, enum gm_size host)
{
	memset(s->host + page_of(s, gpa), host, len / PAGE);
}

void gm_shape_slot(struct gm_shape *s, uint32_t id, uint64_t gpa, uint64_t size, uint64_t hva,
		   enum gm_size host)
{
	struct gm_shape_slot *slot = NULL;

	for (int i = 0; i < GM_SHAPE_SLOTS && !slot; i++)
		if (s->slot[i].size && s->slot[i].id == id)
			slot = &s->slot[i];
	for (int i = 0; i < GM_SHAPE_SLOTS && !slot; i++)
		if (!s->slot[i].size)
			slot = &s->slot[i];
	GM_SETUP(slot, "more than %d slots in the model", GM_SHAPE_SLOTS);
	if (slot->size)
		gm_shape_zap(s, slot->gpa, slot->size);
	*slot = (struct gm_shape_slot){ id, gpa, size, hva, false };
	if (size)
		gm_shape_host(s, gpa, size, host);
}

/* Splits the leaf that maps this page into 512 of the next smaller size, all of them mapped. */
static void split(struct gm_shape *s, uint64_t page)
{
	enum gm_size sz = s->mapped[page];
	uint64_t nr, first = drop(s, page, &nr);

	memset(s->mapped + first, sz - 1, nr);
	s->now.pages[sz - 1] += 512;
}

static void log_on(struct gm_shape *s, const struct gm_shape_slot *slot)
{
	uint64_t first = page_of(s, slot->gpa), end = first + slot->size / PAGE;

	for (uint64_t p = first; p < end; p++)
		while (s->mapped[p] > GM_SIZE_4K)
			split(s, p);
}

/* Makes a block one leaf, if that is allowed and anything in it is mapped. False: it is not one. */
static bool recover(struct gm_shape *s, uint64_t gpa, enum gm_size sz)
{
	uint64_t first = page_of(s, gpa), nr = pages_of(sz);

	if (gm_shape_allowed(s, gpa) < sz || uniform(s->mapped + first, nr, GM_SIZE_NONE))
		return false;
	if (s->mapped[first] < sz)
		install(s, first, sz);
	return true;
}

static void log_off(struct gm_shape *s, const struct gm_shape_slot *slot)
{
	uint64_t end = slot->gpa + slot->size;

	for (uint64_t g = slot->gpa & ~(P1G * PAGE - 1); g < end; g += P1G * PAGE) {
		if (g >= slot->gpa && recover(s, g, GM_SIZE_1G))
			continue;
		for (uint64_t m = g; m < g + P1G * PAGE; m += P2M * PAGE)
			if (m >= slot->gpa && m < end)
				recover(s, m, GM_SIZE_2M);
	}
}

void gm_shape_log(struct gm_shape *s, uint32_t id, bool on)
{
	for (int i = 0; i < GM_SHAPE_SLOTS; i++) {
		struct gm_shape_slot *slot = &s->slot[i];

		if (!slot->size || slot->id != id || slot->log == on)
			continue;
		slot->log = on;
		if (on)
			log_on(s, slot);
		else
			log_off(s, slot);
	}
}
