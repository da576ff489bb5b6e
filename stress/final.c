// SPDX-License-Identifier: GPL-2.0-only
/*
 * The final check: after a program, operations of order strict read every page that it may have
 * touched. First the guest and the host read; then all pages become private and the guest reads;
 * then all become shared and the guest reads again. In place the host also reads in each state, and
 * a private page refuses it. With hugetlb memory every converted page becomes shared in the end,
 * and one fault in each huge page must map it as a huge page again.
 */
#include <stdlib.h>
#include <string.h>

#include "exec.h"

/* With more pages than this only every second, third, ... is read. */
#define PAGES_MAX 1200U
#define RUN_MAX 16U

struct marks {
	uint32_t *page, nr, room;
	uint32_t pages;
};

static void mark(struct marks *m, int64_t page)
{
	if (page < 0 || page >= m->pages)
		return;
	if (m->nr == m->room) {
		m->room = m->room * 2 + 256;
		m->page = realloc(m->page, m->room * sizeof(*m->page));
		GM_SETUP(m->page, "out of memory");
	}
	m->page[m->nr++] = page;
}

static int by_page(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void mark_op(struct marks *m, const struct gm_sop *op)
{
	int64_t first = op->page, last = first + op->len - 1;

	for (int d = -1; d <= 1; d++) {
		mark(m, first + d);
		mark(m, last + d);
	}
	if (op->len <= 2 * RUN_MAX) {
		for (int64_t p = first; p <= last; p++)
			mark(m, p);
		return;
	}
	mark(m, first + op->len / 2);
	/* Both sides of the first few borders of 2 MiB inside. */
	for (int64_t b = (first / ST_2M + 1) * ST_2M, n = 0; b <= last && n < 6; b += ST_2M, n++) {
		mark(m, b - 1);
		mark(m, b);
	}
	mark(m, last / ST_2M * ST_2M - 1);
	mark(m, last / ST_2M * ST_2M);
}

static void collect(const struct st_prog *p, struct marks *m)
{
	uint32_t unique = 0, step;

	for (uint32_t i = 0; i < p->nr; i++)
		if (st_in_layout(&p->op[i]))
			mark_op(m, &p->op[i]);
	qsort(m->page, m->nr, sizeof(*m->page), by_page);
	for (uint32_t i = 0; i < m->nr; i++)
		if (!unique || m->page[unique - 1] != m->page[i])
			m->page[unique++] = m->page[i];
	step = unique / PAGES_MAX + 1;
	m->nr = 0;
	for (uint32_t i = 0; i < unique; i += step)
		m->page[m->nr++] = m->page[i];
}

struct span {
	uint32_t page, len;
};

static void emit(struct st_prog *out, uint8_t actor, uint8_t code, uint8_t arg,
		 const struct span *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		st_prog_add(out, (struct gm_sop){ .actor = actor,
						  .code = code,
						  .arg = arg,
						  .page = s[i].page,
						  .len = s[i].len });
}

uint32_t st_huge_pages(const struct st_layout *l)
{
	return l->backing == ST_HUGE_1G ? ST_1G : l->backing == ST_HUGE_2M ? ST_2M : 0;
}

static void rejoin(const struct st_prog *p, const struct st_layout *l, struct st_prog *out)
{
	uint32_t step = st_huge_pages(l);

	for (uint32_t i = 0; step && i < p->nr; i++) {
		const struct gm_sop *op = &p->op[i];
		struct span all = { op->page, op->len };

		if (st_is(op, ST_CONVERTS))
			emit(out, GM_SOP_HOST, ST_OP_HCONV, 0, &all, 1);
	}
	/*
	 * Unmaps one page by converting it back and forth: the fault on it restores the huge page.
	 */
	for (uint32_t b = 0; step && b < l->pages; b += step) {
		struct span one = { b + 1, 1 };

		emit(out, 0, ST_OP_CONV, 1, &one, 1);
		emit(out, 0, ST_OP_CONV, 0, &one, 1);
		emit(out, 0, ST_OP_PEEK, 0, &one, 1);
	}
}

/* Releases pins and device mappings: a page that is held cannot be converted. */
static void release(const struct st_prog *p, struct st_prog *out)
{
	bool has[ST_OP_NR] = {};

	for (uint32_t i = 0; i < p->nr; i++)
		has[p->op[i].code] = true;
	/* Pins before device mappings. */
	for (unsigned int i = ST_OP_NR; i--;)
		if (has[i] && st_ops[i]->release)
			st_ops[i]->release(p, out);
}

void st_final_check(const struct st_prog *p, const struct st_layout *l, struct st_prog *out)
{
	struct marks m = { .pages = l->pages };
	uint8_t last = p->head.vcpus - 1;
	struct span *s, *wide;
	uint32_t n = 0, nwide = 0;
	bool inplace;

	collect(p, &m);
	s = calloc(m.nr + 1, sizeof(*s));
	wide = calloc(m.nr + 1, sizeof(*wide));
	GM_SETUP(s && wide, "out of memory");
	for (uint32_t i = 0; i < m.nr; i++) {
		uint32_t page = m.page[i];

		if (n && page == s[n - 1].page + s[n - 1].len && s[n - 1].len < RUN_MAX)
			s[n - 1].len++;
		else
			s[n++] = (struct span){ page, 1 };
		/* Conversions include small gaps, so that there are fewer of them. */
		if (nwide && page - (wide[nwide - 1].page + wide[nwide - 1].len) < 32)
			wide[nwide - 1].len = page - wide[nwide - 1].page + 1;
		else
			wide[nwide++] = (struct span){ page, 1 };
	}
	inplace = st_in_place(p->head.provider);
	if (inplace)
		release(p, out);
	emit(out, 0, ST_OP_READ, 0, s, n);
	emit(out, GM_SOP_HOST, ST_OP_HREAD, 0, s, n);
	emit(out, 0, ST_OP_CONV, 1, wide, nwide);
	emit(out, last, ST_OP_READ, 0, s, n);
	if (inplace)
		emit(out, GM_SOP_HOST, ST_OP_HREAD, 0, s, n);
	emit(out, GM_SOP_HOST, ST_OP_HCONV, 0, wide, nwide);
	emit(out, 0, ST_OP_READ, 0, s, n);
	if (inplace)
		emit(out, GM_SOP_HOST, ST_OP_HREAD, 0, s, n);
	else
		rejoin(p, l, out);
	free(s);
	free(wide);
	free(m.page);
}
