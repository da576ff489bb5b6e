// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table: the dirty log of slots of every size modulo 64 pages: huge.dirty_slots.
 *
 * Rows are ways to read the log, columns the sizes of the slot, and in each cell every place where
 * a range can begin and end, and pages at both ends of each word of the bitmap. A model has the
 * pages that the guest wrote and that were not cleared: the log must be equal to it, bit by bit,
 * with zeroes up to the end of its last word, and nothing behind that word.
 *
 * No cell: a slot with a guest_memfd, which cannot be logged (fd.slot); conversions, which need a
 * VM of their own (the row `converted`).
 */
#include "huge.h"

GM_FILE(.clause = "huge.dirty_slots", .profile = "any", .needs = GM_NEEDS(KVM, TDP),
	.flags = GM_SAMPLED)

#define MAX 1300U
#define WORDS ((MAX + 63) / 64)
/* A byte that KVM must not change. */
#define FILL 0xa5

enum how { HOW_GET, HOW_CLEAR, HOW_INIT_SET };

struct log_row {
	enum how how;
	enum gm_mem_kind mem;
	uint64_t skew; /* pages from 2 MiB to the first page of the slot */
};

struct log {
	const struct log_row *row;
	struct gm_vm *vm;
	struct gm_mem *mem;
	struct gm_rng rng;
	uint64_t base;
	unsigned int npages;
	uint64_t gen;
	uint64_t model[WORDS + 1];
};

/* Two words of 64 pages, and what is around them; and across a page of 2 MiB. */
static const unsigned int sizes[] = { 1, 2, 63, 64, 65, 127, 128, 129, 191, 511, 512, 513, 577 };

static bool has(const uint64_t *map, unsigned int i)
{
	return map[i / 64] >> i % 64 & 1;
}

static void mark(uint64_t *map, unsigned int i)
{
	map[i / 64] |= 1UL << i % 64;
}

static void slot(struct log *l, uint32_t flags, unsigned int npages)
{
	gm_slot_set(l->vm, GM_SLOT, flags, l->base, npages * GM_PAGE_SIZE,
		    l->mem->hva + l->row->skew * GM_PAGE_SIZE, -1, 0);
}

/* The guest writes the pages of the set, in order or from the last one to the first. */
static void write_pages(struct log *l, const uint64_t *set, bool backwards)
{
	struct gm_op op[GM_MBOX_OPS];
	unsigned int n = 0;

	for (unsigned int k = 0; k < l->npages; k++) {
		unsigned int i = backwards ? l->npages - 1 - k : k;

		if (has(set, i))
			op[n++] = (struct gm_op){ .code = GM_OP_WRITE,
						  .addr = l->base + i * GM_PAGE_SIZE,
						  .val = ++l->gen };
		if (n == GM_MBOX_OPS || (n && k == l->npages - 1)) {
			gm_run(l->vm, 0, op, n);
			n = 0;
		}
	}
}

static void write_set(struct log *l, const uint64_t *set)
{
	write_pages(l, set, l->gen & 1);
	for (unsigned int w = 0; w < WORDS; w++)
		l->model[w] |= set[w];
}

/* Both ends of the slot and of each word, and some pages between them. */
static void choose(struct log *l, uint64_t *set)
{
	memset(set, 0, WORDS * 8);
	mark(set, 0);
	mark(set, l->npages - 1);
	for (unsigned int i = 63; i < l->npages; i += 64) {
		if (gm_rng_below(&l->rng, 4))
			mark(set, i);
		if (i + 1 < l->npages && gm_rng_below(&l->rng, 4))
			mark(set, i + 1);
	}
	for (unsigned int k = 0; k < 4; k++)
		mark(set, gm_rng_below(&l->rng, l->npages));
}

static void expect_log(struct log *l, const char *when, unsigned int first, unsigned int n)
{
	uint64_t got[WORDS + 2];
	unsigned int words = (l->npages + 63) / 64;
	const uint8_t *tail = (void *)(got + words);

	memset(got, FILL, sizeof(got));
	kvm_vm_get_dirty_log(l->vm->kvm, GM_SLOT, got);
	for (unsigned int w = 0; w < words; w++)
		GM_EXPECT_AT(
			GM_PAGE(.gpa = GM_AT(l->base + w * 64 * GM_PAGE_SIZE)),
			got[w] == l->model[w],
			"%u pages, range [%u, +%u), %s: word %u of the log is %#lx, expected %#lx",
			l->npages, first, n, when, w, got[w], l->model[w]);
	for (unsigned int i = 0; i < 8; i++)
		GM_EXPECT(tail[i] == FILL, "%u pages, %s: byte %u behind the log is %#x", l->npages,
			  when, i, tail[i]);
	if (l->row->how == HOW_GET)
		memset(l->model, 0, sizeof(l->model));
}

static int clear(struct log *l, const void *map, uint64_t first, uint32_t n)
{
	struct kvm_clear_dirty_log arg = {
		.slot = GM_SLOT, .num_pages = n, .first_page = first, .dirty_bitmap = (void *)map
	};

	return __vm_ioctl(l->vm->kvm, KVM_CLEAR_DIRTY_LOG, &arg);
}

/* CLEAR of [first, +n) with the bits of a mask; bits behind the end of the slot are ignored. */
static void clear_range(struct log *l, unsigned int first, unsigned int n, const uint64_t *mask)
{
	uint64_t map[WORDS + 1];
	unsigned int words = (n + 63) / 64;

	memset(map, 0xff, sizeof(map));
	memcpy(map, mask + first / 64, words * 8);
	if (first + n == l->npages && n % 64)
		map[words - 1] |= ~0UL << n % 64;
	GM_EXPECT_OK(clear(l, map, first, n), "%u pages, range [%u, +%u)", l->npages, first, n);
	for (unsigned int i = first; i < first + n; i++)
		if (has(mask, i))
			l->model[i / 64] &= ~(1UL << i % 64);
}

static void refusals(struct log *l)
{
	uint64_t map[WORDS + 1] = { 0 };
	unsigned int n = l->npages;

	GM_EXPECT_ERRNO(EINVAL, clear(l, map, 1, n - 1), "%u pages, from page 1", n);
	GM_EXPECT_ERRNO(EINVAL, clear(l, map, 0, n + 1), "%u pages, one more", n);
	GM_EXPECT_ERRNO(EINVAL, clear(l, map, 0, n + 64), "%u pages, a word more", n);
	GM_EXPECT_ERRNO(EINVAL, clear(l, map, (n + 64) & ~63U, 0), "%u pages, behind the end", n);
	GM_EXPECT_ERRNO(EINVAL, clear(l, map, ~63UL, 64), "%u pages, a range that wraps", n);
	if (n > 64)
		GM_EXPECT_ERRNO(EINVAL, clear(l, map, 64, n - 63), "%u pages, one too many", n);
	if (n > 1)
		GM_EXPECT_ERRNO(EINVAL, clear(l, map, 0, n == 65 ? 63 : n - 1 - !((n - 1) % 64)),
				"%u pages, not of whole words and not to the end", n);
	gm_control(!clear(l, map, 0, n), "a CLEAR of nothing in all pages");
}

/* Ranges: of whole words, and to the end. Every fourth, with the seed, and the whole always. */
static void ranges(struct log *l)
{
	unsigned int words = (l->npages + 63) / 64, turn = gm_rng_below(&l->rng, 4);
	uint64_t set[WORDS], mask[WORDS], left;

	for (unsigned int from = 0; from < words; from++)
		for (unsigned int to = from + 1; to <= words; to++) {
			unsigned int first = from * 64, end = to < words ? to * 64 : l->npages;
			bool all = !from && to == words;

			if (!all && words > 3 && turn++ % 4 && to - from > 1)
				continue;
			choose(l, set);
			write_set(l, set);
			expect_log(l, "written", first, end - first);
			if (l->row->how == HOW_GET) {
				expect_log(l, "read again", first, end - first);
				continue;
			}
			/* All bits of the range, or some. */
			for (unsigned int w = 0; w < WORDS; w++) {
				left = gm_rng_next(&l->rng);
				mask[w] = (from + to) & 1 ? left : ~0UL;
			}
			mark(mask, first);
			mark(mask, end - 1);
			clear_range(l, first, end - first, mask);
			expect_log(l, "cleared", first, end - first);
			/* They may be in different huge pages, of which each must be protected. */
			memset(set, 0, sizeof(set));
			mark(set, first);
			mark(set, end - 1);
			write_set(l, set);
			expect_log(l, "both ends written again", first, end - first);
		}
}

static void one_size(struct log *l, unsigned int npages)
{
	uint64_t all[WORDS];

	l->npages = npages;
	memset(l->model, 0, sizeof(l->model));
	memset(all, 0, sizeof(all));
	for (unsigned int i = 0; i < npages; i++)
		mark(all, i);
	slot(l, 0, npages);
	/* Without the log: maps what can be mapped as huge pages. */
	write_pages(l, all, false);
	slot(l, KVM_MEM_LOG_DIRTY_PAGES, npages);
	if (l->row->how == HOW_INIT_SET)
		memcpy(l->model, all, sizeof(all));
	expect_log(l, "new", 0, npages);
	if (l->row->how != HOW_GET)
		refusals(l);
	if (l->row->how == HOW_INIT_SET)
		ranges(l);
	/* Every page is written, read and cleared once: then each has an entry of its own. */
	write_set(l, all);
	expect_log(l, "all written", 0, npages);
	if (l->row->how != HOW_GET) {
		clear_range(l, 0, npages, all);
		expect_log(l, "all cleared", 0, npages);
	}
	ranges(l);
	gm_slot_delete(l->vm, GM_SLOT);
}

static void log_open(struct log *l, const struct log_row *row)
{
	l->row = row;
	l->base = GM_BASE + row->skew * GM_PAGE_SIZE;
	gm_rng_init(&l->rng, gm_seed());
	l->vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1, .extra_pages = 16);
	l->mem = gm_mem_new(row->mem, 4 * GM_2M);
	gm_vm_map(l->vm, GM_BASE, 4 * GM_2M, GM_2M);
	if (row->how == HOW_CLEAR)
		vm_enable_cap(l->vm->kvm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
			      KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	if (row->how == HOW_INIT_SET)
		vm_enable_cap(l->vm->kvm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
			      KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET);
}

static void log_close(struct log *l)
{
	gm_vm_free(l->vm);
	gm_mem_free(l->mem);
}

GM_CASES(bitmap, struct log_row, v)
{
	struct log l = { 0 };

	log_open(&l, v);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		one_size(&l, sizes[i]);
	if (v->how == HOW_GET) {
		uint64_t map[WORDS] = { 0 };

		slot(&l, KVM_MEM_LOG_DIRTY_PAGES, 64);
		GM_EXPECT_OK(clear(&l, map, 0, 64), "CLEAR without manual protection");
	}
	log_close(&l);
}

/* One line for each way, memory and place. */
#define ROW(id, row_name, what, ...)                                                               \
	GM_ROW(bitmap, id, .name = "huge.dirty_slots." row_name,                                   \
	       .text = what ": the log is exactly the pages written since, slots of 1 to 577 "     \
			    "pages",                                                               \
	       __VA_ARGS__)

ROW(get, "get", "KVM_GET_DIRTY_LOG") = { HOW_GET, GM_MEM_ANON, 0 };
ROW(get_2m, "get_2m", "KVM_GET_DIRTY_LOG over 2 MiB pages", .huge_2m = 4) = { HOW_GET,
									      GM_MEM_HUGE_2M, 0 };
ROW(get_skew, "get_2m_skew", "KVM_GET_DIRTY_LOG, words over borders of 2 MiB",
    .huge_2m = 4) = { HOW_GET, GM_MEM_HUGE_2M, 495 };
ROW(clr, "clear", "KVM_CLEAR_DIRTY_LOG", .flags = GM_REFUSAL) = { HOW_CLEAR, GM_MEM_ANON, 0 };
ROW(clr_2m, "clear_2m", "KVM_CLEAR_DIRTY_LOG over 2 MiB pages", .flags = GM_REFUSAL,
    .huge_2m = 4) = { HOW_CLEAR, GM_MEM_HUGE_2M, 0 };
ROW(clr_skew, "clear_2m_skew", "KVM_CLEAR_DIRTY_LOG, words over borders of 2 MiB",
    .flags = GM_REFUSAL, .huge_2m = 4) = { HOW_CLEAR, GM_MEM_HUGE_2M, 495 };
ROW(set, "init_set", "all pages dirty at first", .flags = GM_REFUSAL) = { HOW_INIT_SET, GM_MEM_ANON,
									  0 };
ROW(set_2m, "init_set_2m", "all pages dirty at first, over 2 MiB pages", .flags = GM_REFUSAL,
    .huge_2m = 4) = { HOW_INIT_SET, GM_MEM_HUGE_2M, 0 };
ROW(set_skew, "init_set_2m_skew", "all pages dirty at first, words over borders of 2 MiB",
    .flags = GM_REFUSAL, .huge_2m = 4) = { HOW_INIT_SET, GM_MEM_HUGE_2M, 495 };

/* --- the slot changes while it is logged --- */

GM_CASE(moved, .name = "huge.dirty_slots.moved",
	.text = "a slot that moves keeps its log; off and on again begins a new one")
{
	static const struct log_row row = { HOW_CLEAR, GM_MEM_ANON, 1 };
	struct log l = { 0 };
	uint64_t set[WORDS];

	log_open(&l, &row);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		l.npages = sizes[i];
		memset(l.model, 0, sizeof(l.model));
		slot(&l, KVM_MEM_LOG_DIRTY_PAGES, l.npages);
		choose(&l, set);
		write_set(&l, set);
		l.base += GM_PAGE_SIZE;
		slot(&l, KVM_MEM_LOG_DIRTY_PAGES, l.npages);
		expect_log(&l, "moved by a page", 0, l.npages);
		choose(&l, set);
		write_set(&l, set);
		expect_log(&l, "written at the new place", 0, l.npages);
		slot(&l, 0, l.npages);
		slot(&l, KVM_MEM_LOG_DIRTY_PAGES, l.npages);
		memset(l.model, 0, sizeof(l.model));
		expect_log(&l, "off and on", 0, l.npages);
		gm_slot_delete(l.vm, GM_SLOT);
		l.base -= GM_PAGE_SIZE;
	}
	log_close(&l);
}

GM_CASE(converted, .name = "huge.dirty_slots.converted", .providers = GM_PROVIDERS(ATTRIBUTES),
	.text = "pages that were written stay in the log when they are converted, and back")
{
	static const struct log_row row = { HOW_GET, GM_MEM_ANON, 0 };
	struct gm_fixture *w =
		GM_FIXTURE(.size = 4 * GM_2M, .no_gmem = true, .no_slot = true, .extra_pages = 16);
	struct log l = { .row = &row, .vm = w->vm, .mem = w->mem, .base = GM_BASE };
	uint64_t set[WORDS];

	gm_rng_init(&l.rng, gm_seed());
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned int n = l.npages = sizes[i], at = gm_rng_below(&l.rng, n);

		slot(&l, KVM_MEM_LOG_DIRTY_PAGES, n);
		choose(&l, set);
		mark(set, at);
		write_set(&l, set);
		gm_fixture_convert(w, GFN(l.base) + at, 1, true);
		gm_fixture_convert(w, GFN(l.base), n, true);
		expect_log(&l, "all of it private", 0, n);
		gm_fixture_convert(w, GFN(l.base), n, false);
		expect_log(&l, "and back", 0, n);
		choose(&l, set);
		write_set(&l, set);
		gm_fixture_convert(w, GFN(l.base) + at, 1, true);
		gm_fixture_convert(w, GFN(l.base) + at, 1, false);
		expect_log(&l, "one page private, and back", 0, n);
		gm_slot_delete(l.vm, GM_SLOT);
	}
	gm_fixture_free(w);
}

/* --- the same by the ring of a vCPU --- */

#define RING 512U /* entries */

struct ring_row {
	int step;	   /* pages from one write to the next, modulo the size of the slot */
	unsigned int nr;   /* writes in a round */
	unsigned int part; /* entries that are given back before the others; 0: all at once */
	enum gm_mem_kind mem;
};

struct ring {
	struct log l;
	struct kvm_dirty_gfn *gfns;
	unsigned int at; /* the next entry that KVM fills */
	uint64_t got[WORDS];
	unsigned int entries, full;
};

/* Takes all entries that are filled, marks the first `part` of them as taken. */
static void take(struct ring *r, unsigned int part)
{
	unsigned int n = 0;

	for (; n < RING; n++) {
		struct kvm_dirty_gfn *g = &r->gfns[(r->at + n) % RING];

		if (__atomic_load_n(&g->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
			break;
		if (!GM_EXPECT(g->slot == GM_SLOT && g->offset < r->l.npages,
			       "entry %u has slot %u, offset %#llx; the slot has %u pages", n,
			       g->slot, g->offset, r->l.npages))
			gm_end();
		mark(r->got, g->offset);
	}
	r->entries += n;
	for (unsigned int i = 0, end = part && part < n ? part : n; i < n; i++) {
		if (i == end) {
			GM_EXPECT_EQ(kvm_vm_reset_dirty_ring(r->l.vm->kvm), end, "entries reset");
			n -= end;
			r->at += end;
			i = 0;
			end = n;
		}
		__atomic_store_n(&r->gfns[(r->at + i) % RING].flags, KVM_DIRTY_GFN_F_RESET,
				 __ATOMIC_RELEASE);
	}
	GM_EXPECT_EQ(kvm_vm_reset_dirty_ring(r->l.vm->kvm), n, "entries reset");
	r->at += n;
}

static bool ring_full(struct gm_vm *vm, unsigned int vcpu __attribute__((unused)),
		      const struct gm_exit *ex)
{
	struct ring *r = vm->user;

	if (ex->reason != KVM_EXIT_DIRTY_RING_FULL)
		return false;
	r->full++;
	take(r, 0);
	return true;
}

GM_CASES(ring, struct ring_row, v)
{
	static const unsigned int ring_sizes[] = { 1, 63, 64, 65, 129, 577, MAX };
	static const struct log_row row = { HOW_GET, GM_MEM_ANON, 0 };
	struct ring r = { .l = { .row = &row, .base = GM_BASE } };
	struct gm_op op[GM_MBOX_OPS];
	uint64_t want[WORDS];

	r.l.vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1, .extra_pages = 16,
			   .dirty_ring = RING * sizeof(struct kvm_dirty_gfn), .on_exit = ring_full);
	r.l.vm->user = &r;
	r.l.mem = gm_mem_new(v->mem, 4 * GM_2M);
	gm_vm_map(r.l.vm, GM_BASE, 4 * GM_2M, GM_2M);
	r.gfns = vcpu_map_dirty_ring(r.l.vm->vcpu[0]);
	for (unsigned int i = 0; i < ARRAY_SIZE(ring_sizes); i++) {
		unsigned int size = r.l.npages = ring_sizes[i];

		slot(&r.l, KVM_MEM_LOG_DIRTY_PAGES, size);
		/* Each page must be in the ring again in each round. */
		for (unsigned int round = 0; round < 3; round++) {
			uint64_t page = v->step < 0 ? size - 1 : 0, n = 0, nr = 0;

			memset(want, 0, sizeof(want));
			memset(r.got, 0, sizeof(r.got));
			r.entries = 0;
			for (unsigned int k = 0; k < v->nr; k++) {
				nr += !has(want, page);
				mark(want, page);
				op[n++] = (struct gm_op){ .code = GM_OP_WRITE,
							  .addr = r.l.base + page * GM_PAGE_SIZE,
							  .val = ++r.l.gen };
				page = (page + 4 * size + v->step) % size;
				if (n == GM_MBOX_OPS || k == v->nr - 1) {
					gm_run(r.l.vm, 0, op, n);
					n = 0;
				}
			}
			take(&r, v->part);
			GM_EXPECT(r.full || r.entries == nr, "%u pages: %u entries for %lu pages",
				  size, r.entries, nr);
			for (unsigned int w = 0; w < WORDS; w++)
				GM_EXPECT(
					r.got[w] == want[w],
					"%u pages, round %u: word %u of the pages in the ring: %#lx, expected %#lx",
					size, round, w, r.got[w], want[w]);
		}
		gm_slot_delete(r.l.vm, GM_SLOT);
	}
	if (v->nr > RING)
		GM_EXPECT(r.full, "the ring was never full");
	log_close(&r.l);
}

#define RING_ROW(id, row_name, what, ...)                                                          \
	GM_ROW(ring, id, .name = "huge.dirty_slots.ring_" row_name,                                \
	       .text = "dirty ring, " what ": every page written is in it, in each round",         \
	       __VA_ARGS__)

RING_ROW(up, "up", "pages in order") = { .step = 1, .nr = 200 };
RING_ROW(down, "down", "pages backwards") = { .step = -1, .nr = 200 };
RING_ROW(up_63, "up_63", "63 pages on each time") = { .step = 63, .nr = 150 };
RING_ROW(up_64, "up_64", "64 pages on each time") = { .step = 64, .nr = 150 };
RING_ROW(down_63, "down_63", "63 pages back each time") = { .step = -63, .nr = 150 };
RING_ROW(down_64, "down_64", "64 pages back each time") = { .step = -64, .nr = 150 };
RING_ROW(down_2, "down_2", "every other page backwards") = { .step = -2, .nr = 150 };
RING_ROW(parts, "parts", "given back in two parts") = { .step = -7, .nr = 100, .part = 33 };
RING_ROW(full, "full", "more writes than entries") = { .step = 1, .nr = 1300 };
RING_ROW(ring_2m, "up_2m", "2 MiB pages",
	 .huge_2m = 4) = { .step = 1, .nr = 700, .mem = GM_MEM_HUGE_2M };
