// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots whose ends lie anywhere in a huge page, with gpa, hva and file offset misaligned to each
 * other, and every operation that touches or crosses an end: the kernel's arrays of a slot have one
 * entry for each huge page, and end there. Content, mapping sizes and dirty bits are exact inside,
 * and nothing is mapped beside: huge.misaligned.
 */
#include <fcntl.h>
#include <linux/falloc.h>

#include "huge.h"

GM_FILE(.clause = "huge.misaligned", .providers = GM_PROVIDERS(ATTRIBUTES), .needs = HUGE_NEEDS,
	.huge_2m = 40)

#define PG GM_PAGE_SIZE

/* Bytes from a border of 1 GiB, and of shifts between gpa and hva or file offset. */
static const uint64_t parts[] = { 0, 4096, GM_2M - 4096, GM_2M, GM_2M + 4096, GM_1G - 4096 };
#define NR_PARTS ARRAY_SIZE(parts)

struct slot {
	struct huge_vm *r;
	uint64_t gpa, size, hva, gmem; /* hva: in the host's memory */
	uint64_t border[5];	       /* ends, and borders of huge pages inside, ascending */
	unsigned int nr;
	char name[128];
};

static uint64_t slot_end(const struct slot *s)
{
	return s->gpa + s->size;
}

static void add_border(struct slot *s, uint64_t at)
{
	if (at < s->gpa || at > slot_end(s))
		return;
	for (unsigned int i = 0; i < s->nr; i++)
		if (s->border[i] == at)
			return;
	s->border[s->nr++] = at;
}

static void slot_init(struct slot *s, struct huge_vm *r, uint64_t head, uint64_t tail,
		      uint64_t shift, uint64_t gmem)
{
	*s = (struct slot){ .r = r, .hva = head + shift, .gmem = gmem };
	s->gpa = r->base + GM_1G + head;
	s->size = GM_1G + tail - head;
	add_border(s, s->gpa);
	add_border(s, (s->gpa + GM_2M - 1) & ~(GM_2M - 1));
	add_border(s, slot_end(s) & ~(GM_2M - 1));
	add_border(s, slot_end(s) & ~(GM_1G - 1));
	add_border(s, slot_end(s));
	snprintf(s->name, sizeof(s->name), "head %#lx, tail %#lx, hva +%#lx, file %#lx", head, tail,
		 shift, gmem);
}

/* Writes the two pages on each side of every border; where there is no slot nothing is written. */
static void write_borders(struct slot *s)
{
	for (unsigned int i = 0; i < s->nr; i++)
		huge_write(s->r, s->border[i] - 2 * PG, 4);
}

static void check_borders(struct slot *s, const char *when)
{
	char text[192];

	snprintf(text, sizeof(text), "%s: %s", s->name, when);
	for (unsigned int i = 0; i < s->nr; i++)
		huge_check(s->r, s->border[i] - 2 * PG, 4, text);
	huge_expect(s->r, "%s", text);
}

/* The pages below and above the slot: MMIO while they are shared. */
static void expect_no_memory(struct slot *s)
{
	const uint64_t at[] = { s->gpa - PG, slot_end(s) };

	for (unsigned int i = 0; i < 2; i++) {
		struct gm_op op = { .code = GM_OP_READ, .addr = at[i] };
		struct gm_exit ex;

		GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(at[i])),
			     !__gm_run(s->r->w->vm, 0, &op, 1, &ex, NULL) &&
				     ex.reason == KVM_EXIT_MMIO,
			     "%s: beside the slot: expected KVM_EXIT_MMIO, observed %s", s->name,
			     gm_exit_str(&ex));
	}
}

/* Converts [from, from + npages) there and back, and looks at all borders after each step. */
static void convert(struct slot *s, uint64_t from, uint64_t npages, const char *what)
{
	for (int private = 1; private >= 0; private --) {
		char when[96];

		snprintf(when, sizeof(when), "%s %s", what, private ? "private" : "shared again");
		huge_convert(s->r, from, npages, private);
		check_borders(s, when);
		write_borders(s);
		check_borders(s, when);
	}
}

/* A hole over the slot's part of the file, with a page more on each side, if they are private. */
static void holes(struct slot *s)
{
	struct huge_vm *r = s->r;
	uint64_t last = slot_end(s) - PG, off = s->gmem, end = s->gmem + s->size;

	huge_convert(r, s->gpa, 1, true);
	huge_convert(r, last, 1, true);
	write_borders(s);
	check_borders(s, "ends private");
	gm_gmem_punch(r->w->gmem, off ? off - PG : 0, off ? 2 * PG : PG);
	gm_model_punched(r->w->model, GFN(s->gpa), 1);
	gm_shape_zap(r->shape, s->gpa, PG);
	check_borders(s, "a hole over the slot's beginning in the file");
	if (s->size > PG) {
		gm_gmem_punch(r->w->gmem, end - PG, 2 * PG);
		gm_model_punched(r->w->model, GFN(last), 1);
		gm_shape_zap(r->shape, last, PG);
		check_borders(s, "a hole over the slot's end in the file");
	}
	write_borders(s);
	check_borders(s, "after the holes");
	huge_convert(r, s->gpa, 1, false);
	huge_convert(r, last, 1, false);
	write_borders(s);
	check_borders(s, "ends shared");
}

static void make(struct slot *s)
{
	huge_slot(s->r, GM_SLOT, s->gpa, s->size, s->hva, s->gmem);
	write_borders(s);
	check_borders(s, "new");
}

static void drop(struct slot *s)
{
	huge_slot(s->r, GM_SLOT, 0, 0, 0, 0);
	huge_expect(s->r, "%s: deleted", s->name);
}

static void with_file(struct slot *s)
{
	struct huge_vm *r = s->r;

	make(s);
	for (unsigned int i = 0; i < s->nr; i++) {
		convert(s, s->border[i] - PG, 1, "the page below a border");
		convert(s, s->border[i] - PG, 2, "the pages at a border");
		if (i)
			convert(s, s->border[i - 1] - 3 * PG, 5, "five over the border before");
	}
	if (s->size <= 4 * GM_2M) {
		convert(s, s->gpa, PAGES(s->size), "all of the slot");
		convert(s, s->gpa - PG, PAGES(s->size) + 2,
			"the slot and a page more on each side");
	}
	holes(s);
	expect_no_memory(s);
	/* The next slot finds its ends private, and one in the middle, and what is beside. */
	for (unsigned int i = 0; i < s->nr; i++)
		huge_convert(r, s->border[i] - PG, 2, true);
	drop(s);
	make(s);
	for (unsigned int i = 0; i < s->nr; i++) {
		huge_convert(r, s->border[i] - PG, 2, false);
		write_borders(s);
		check_borders(s, "shared again, border by border");
	}
	drop(s);
	GM_SETUP_OK(fallocate(r->w->mem->fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0,
			      r->w->mem->size));
	gm_gmem_punch(r->w->gmem, 0, r->w->file_size);
	gm_model_punched(r->w->model, GFN(r->base), PAGES(r->size));
}

/* --- without a file: dirty logging and moves --- */

static void set_plain(struct slot *s, bool log)
{
	gm_slot_set(s->r->w->vm, GM_SLOT, log ? KVM_MEM_LOG_DIRTY_PAGES : 0, s->gpa, s->size,
		    s->r->w->mem->hva + s->hva, -1, 0);
}

/* A write to a page that logging protects faults without a new mapping. */
static void forget_faults(struct huge_vm *r)
{
	struct gm_page_counts now;

	gm_page_counts_read(r->w->vm, &now);
	r->shape->now.fixed = now.fixed - r->start.fixed;
}

/* Has write_borders() written this page? */
static bool near_border(const struct slot *s, uint64_t gpa)
{
	for (unsigned int i = 0; i < s->nr; i++)
		if (gpa + 2 * PG >= s->border[i] && gpa < s->border[i] + 2 * PG)
			return true;
	return false;
}

/* The log has the pages at the borders if `dirty`, and no other bit, up to its last word. */
static void expect_log(struct slot *s, bool dirty, const char *when)
{
	uint64_t pages = PAGES(s->size), words = (pages + 63) / 64, wrong = 0;
	uint64_t *log = malloc(words * 8 + 8);

	GM_SETUP(log, "out of memory");
	memset(log, 0xa5, words * 8 + 8);
	kvm_vm_get_dirty_log(s->r->w->vm->kvm, GM_SLOT, log);
	for (uint64_t p = 0; p < words * 64 && wrong < 4; p++) {
		bool got = log[p / 64] >> p % 64 & 1;
		bool want = dirty && p < pages && near_border(s, s->gpa + p * PG);

		wrong += !GM_EXPECT_AT(
			GM_PAGE(.gpa = GM_AT(s->gpa + p * PG)), got == want,
			"%s: %s: page %lu of %lu: expected %d in the log, observed %d", s->name,
			when, p, pages, want, got);
	}
	GM_EXPECT(log[words] == 0xa5a5a5a5a5a5a5a5, "%s: %s: the log is longer than its bitmap",
		  s->name, when);
	free(log);
}

static void logging(struct slot *s)
{
	struct huge_vm *r = s->r;

	set_plain(s, true);
	gm_shape_log(r->shape, GM_SLOT, true);
	huge_expect(r, "%s: dirty logging on", s->name);
	/* KVM may log a page when it maps it. */
	check_borders(s, "logging");
	expect_log(s, false, "only read");
	for (int round = 0; round < 2; round++) {
		write_borders(s);
		expect_log(s, true, "written");
		expect_log(s, false, "read again");
	}
	forget_faults(r);
	set_plain(s, false);
	gm_shape_log(r->shape, GM_SLOT, false);
	huge_expect(r, "%s: dirty logging off", s->name);
	/* Pages stay write-protected until they are written. */
	write_borders(s);
	forget_faults(r);
	check_borders(s, "after logging");
}

static void plain(struct slot *s)
{
	static const int64_t by[] = { 4096, GM_2M - 4096, -(int64_t)GM_2M };
	struct huge_vm *r = s->r;

	set_plain(s, false);
	gm_shape_slot(r->shape, GM_SLOT, s->gpa, s->size, (uintptr_t)r->w->mem->hva + s->hva,
		      GM_SIZE_2M);
	write_borders(s);
	check_borders(s, "new");
	logging(s);
	for (unsigned int i = 0; i < ARRAY_SIZE(by); i++) {
		struct slot to;

		slot_init(&to, r, 0, 0, 0, 0);
		to.gpa = s->gpa + by[i];
		to.size = s->size;
		to.hva = s->hva;
		to.nr = 0;
		add_border(&to, to.gpa);
		add_border(&to, (to.gpa + GM_2M - 1) & ~(GM_2M - 1));
		add_border(&to, slot_end(&to) & ~(GM_2M - 1));
		add_border(&to, slot_end(&to));
		snprintf(to.name, sizeof(to.name), "%.100s, moved by %ld", s->name, by[i]);
		*s = to;
		set_plain(s, false);
		gm_shape_slot(r->shape, GM_SLOT, s->gpa, s->size,
			      (uintptr_t)r->w->mem->hva + s->hva, GM_SIZE_2M);
		huge_expect(r, "%s", s->name);
		write_borders(s);
		check_borders(s, "moved");
		expect_no_memory(s);
	}
	logging(s);
	drop(s);
	GM_SETUP_OK(fallocate(r->w->mem->fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0,
			      r->w->mem->size));
}

/* --- the table: heads times tails times shifts times offsets --- */

struct table {
	unsigned int cells; /* by the seed; 0: all, with all heads and tails */
	bool file;
};

static void cell(struct huge_vm *r, const struct table *v, unsigned int n)
{
	uint64_t head = parts[n % NR_PARTS], tail = parts[n / NR_PARTS % NR_PARTS];
	uint64_t shift = parts[n / NR_PARTS / NR_PARTS % NR_PARTS];
	uint64_t gmem = parts[n / NR_PARTS / NR_PARTS / NR_PARTS % NR_PARTS];
	struct slot s;

	slot_init(&s, r, head, tail, shift, gmem);
	if (v->file)
		with_file(&s);
	else
		plain(&s);
}

GM_CASES(ends, struct table, v)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_2M_SPARSE, .size = 4 * GM_1G,
				    .no_slot = true, .no_gmem = !v->file);
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed());
	for (unsigned int i = 0; i < v->cells && gm_failures() < 8; i++)
		cell(r, v, gm_rng_below(&rng, NR_PARTS * NR_PARTS * NR_PARTS * NR_PARTS));
	/* All pairs of head and tail; the shifts and offsets take turns with them. */
	for (unsigned int i = 0; !v->cells && i < NR_PARTS * NR_PARTS && gm_failures() < 8; i++)
		for (unsigned int k = 0; k < NR_PARTS; k++)
			cell(r, v, i + NR_PARTS * NR_PARTS * (k + NR_PARTS * ((i + k) % NR_PARTS)));
	huge_vm_free(r);
}
GM_ROW(ends, ends_some, .name = "huge.misaligned.ends",
       .text = "slots on a file, ends anywhere in 2 MiB and 1 GiB, hva and file shifted: conversions and holes at every border; cells by the seed") = {
	.cells = 4,
	.file = true,
};
GM_ROW(ends, ends_all, .name = "huge.misaligned.ends_all", .flags = GM_FULL_ONLY, .timeout = 900,
       .text = "the same, every head with every tail and shift") = { .file = true };
GM_ROW(ends, plain_some, .name = "huge.misaligned.ends_plain",
       .text = "slots without a file: dirty logging on and off, the log's last word, moves; cells by the seed") = {
	.cells = 4,
};
GM_ROW(ends, plain_all, .name = "huge.misaligned.ends_plain_all", .flags = GM_FULL_ONLY,
       .timeout = 900, .text = "the same, every head with every tail and shift") = {};
