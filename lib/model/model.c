// SPDX-License-Identifier: GPL-2.0-only
/* The memory model: the states and contents of pages, computed from the operations on them. */
#include <stdio.h>
#include <stdlib.h>

#include "model.h"

#define PER_2M 512UL
#define PER_1G (512UL * 512)

struct page {
	struct gm_content memory[2]; /* [1]: private memory, if it is separate */
	uint8_t is_private;
};

struct gm_model {
	uint64_t first, npages;
	enum gm_content_rule rule;
	struct page page[];
};

static void die(const char *what)
{
	fprintf(stderr, "memory model: %s\n", what);
	abort();
}

struct gm_model *gm_model_new(uint64_t first, uint64_t npages, enum gm_content_rule rule)
{
	struct gm_model *m = calloc(1, sizeof(*m) + npages * sizeof(struct page));

	if (!m)
		die("out of memory");
	m->first = first;
	m->npages = npages;
	m->rule = rule;
	return m;
}

void gm_model_free(struct gm_model *m)
{
	free(m);
}

uint64_t gm_model_first(const struct gm_model *m)
{
	return m->first;
}

uint64_t gm_model_npages(const struct gm_model *m)
{
	return m->npages;
}

bool gm_model_has(const struct gm_model *m, uint64_t gfn)
{
	return gfn - m->first < m->npages;
}

bool gm_model_clip(const struct gm_model *m, uint64_t *gfn, uint64_t *n)
{
	uint64_t start = *gfn, end = *gfn + *n;

	if (end < start)
		end = UINT64_MAX;
	if (start < m->first)
		start = m->first;
	if (end > m->first + m->npages)
		end = m->first + m->npages;
	if (end <= start)
		return false;
	*gfn = start;
	*n = end - start;
	return true;
}

static struct page *at(const struct gm_model *m, uint64_t gfn)
{
	if (!gm_model_has(m, gfn))
		die("page out of range");
	return (struct page *)&m->page[gfn - m->first];
}

/* The memory of the page that private, or shared, accesses reach. */
static struct gm_content *memory(const struct gm_model *m, uint64_t gfn, bool private)
{
	return &at(m, gfn)->memory[private && m->rule == GM_CONTENT_TWO_MEMORIES];
}

void gm_model_convert(struct gm_model *m, uint64_t gfn, uint64_t n, bool to_private)
{
	for (uint64_t i = 0; i < n; i++)
		at(m, gfn + i)->is_private = to_private;
}

/* After a sparse write the content of the words in between is unknown. */
static void wrote(struct gm_content *c, enum gm_writer writer, unsigned int gen,
		  unsigned int stride)
{
	*c = (struct gm_content){ .writer = writer, .gen = gen, .stride = stride ? stride : 1 };
}

void gm_model_guest_wrote(struct gm_model *m, uint64_t gfn, uint64_t n, enum gm_writer writer,
			  unsigned int gen, unsigned int stride)
{
	for (uint64_t i = 0; i < n; i++)
		wrote(memory(m, gfn + i, at(m, gfn + i)->is_private), writer, gen, stride);
}

void gm_model_host_wrote(struct gm_model *m, uint64_t gfn, uint64_t n, enum gm_writer writer,
			 unsigned int gen)
{
	for (uint64_t i = 0; i < n; i++)
		wrote(memory(m, gfn + i, false), writer, gen, 1);
}

void gm_model_punched(struct gm_model *m, uint64_t gfn, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		*memory(m, gfn + i, true) = (struct gm_content){};
}

void gm_model_dropped(struct gm_model *m, uint64_t gfn, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		*memory(m, gfn + i, false) = (struct gm_content){};
}

bool gm_model_private(const struct gm_model *m, uint64_t gfn)
{
	return at(m, gfn)->is_private;
}

struct gm_content gm_model_memory(const struct gm_model *m, uint64_t gfn, bool private)
{
	return *memory(m, gfn, private);
}

enum gm_content_rule gm_model_rule(const struct gm_model *m)
{
	return m->rule;
}

struct gm_content gm_model_guest(const struct gm_model *m, uint64_t gfn)
{
	return *memory(m, gfn, at(m, gfn)->is_private);
}

static bool same(struct gm_content a, struct gm_content b)
{
	return a.writer == b.writer && a.gen == b.gen && a.stride == b.stride;
}

uint64_t gm_model_run(const struct gm_model *m, uint64_t gfn, uint64_t max)
{
	bool private = gm_model_private(m, gfn);
	uint64_t n = 1;

	while (n < max && gm_model_has(m, gfn + n) && gm_model_private(m, gfn + n) == private &&
	       same(gm_model_guest(m, gfn), gm_model_guest(m, gfn + n)))
		n++;
	return n;
}

uint64_t gm_model_private_pages(const struct gm_model *m)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < m->npages; i++)
		n += m->page[i].is_private;
	return n;
}

struct list {
	const struct gm_model *m;
	uint64_t *gfn;
	size_t nr;
};

static void add(struct list *l, uint64_t gfn)
{
	if (l->nr < GM_MODEL_SUSPECTS && gm_model_has(l->m, gfn))
		l->gfn[l->nr++] = gfn;
}

static void add_around(struct list *l, uint64_t gfn)
{
	add(l, gfn - 1);
	add(l, gfn);
	add(l, gfn + 1);
}

static void add_borders(struct list *l, uint64_t gfn, uint64_t n, uint64_t size)
{
	uint64_t low = gfn / size * size, high = (gfn + n + size - 1) / size * size;

	add(l, low - 1);
	add(l, low);
	add(l, high - 1);
	add(l, high);
	if (low + size < high) {
		add(l, low + size - 1);
		add(l, low + size);
	}
	if (low + 2 * size < high) {
		add(l, high - size - 1);
		add(l, high - size);
	}
}

static int by_gfn(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

size_t gm_model_suspects(const struct gm_model *m, uint64_t gfn, uint64_t n,
			 uint64_t out[GM_MODEL_SUSPECTS])
{
	struct list l = { .m = m, .gfn = out };
	size_t unique = 0;

	add_around(&l, gfn);
	add_around(&l, gfn + n - 1);
	add(&l, gfn + n / 2);
	add_borders(&l, gfn, n, PER_2M);
	add_borders(&l, gfn, n, PER_1G);
	for (int up = -1; up <= 1; up += 2) {
		add_around(&l, gfn + up * PER_2M);
		add(&l, gfn + n - 1 + up * PER_2M);
		add(&l, gfn + n + up * PER_2M);
		add_around(&l, gfn + up * PER_1G);
		add(&l, gfn + n - 1 + up * PER_1G);
		add(&l, gfn + n + up * PER_1G);
	}
	qsort(out, l.nr, sizeof(*out), by_gfn);
	for (size_t i = 0; i < l.nr; i++)
		if (!unique || out[unique - 1] != out[i])
			out[unique++] = out[i];
	return unique;
}
