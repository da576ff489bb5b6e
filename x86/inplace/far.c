// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages past 4 GiB and past 16 TiB of a file, where the offset or the page index needs more than 32
 * bits: a conversion must not affect the page with the same lower bits. conv.inplace_far.
 */
#include "inplace.h"

GM_FILE(.clause = "conv.inplace_far", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS)

#define T (1024 * GM_1G)
#define WIN 32UL /* pages at each offset: of the host's mapping, and of a slot */

/*
 * Except two, all have the same lower bits of the offset or the index. Of these two, one ends where
 * the index exceeds 32 bits; the lower bits of the other are past those of the file's end.
 */
static const uint64_t place[] = {
	0, 4 * GM_1G, 9 * GM_1G, 16 * T - WIN *PG, 16 * T, 16 * T + 4 * GM_1G, 16 * T + 5 * GM_1G,
};

#define NPLACES (sizeof(place) / sizeof(place[0]))
#define LAST (NPLACES - 1)
#define FILE_SIZE (16 * T + 5 * GM_1G + WIN * PG)

struct far {
	struct gm_fixture *w; /* with one slot for each of place[] */
	bool private[NPLACES][WIN];
};

static uint64_t file_page(size_t i, uint64_t page)
{
	return PAGES(place[i]) + page;
}

static uint64_t gpa_of(const struct far *f, size_t i)
{
	return f->w->gpa + i * WIN * PG;
}

static uint8_t *hva_of(const struct far *f, size_t i)
{
	return f->w->hva + place[i];
}

/* Words have their gfn, so the guest's content of each place differs. */
static struct far far_new(bool private_first)
{
	struct far f = { .w = IP_FIXTURE(private_first, .size = NPLACES * WIN * PG,
					 .file_size = FILE_SIZE, .no_slot = true,
					 .guest_page = PG) };

	memset(f.private, private_first, sizeof(f.private));
	for (size_t i = 0; i < NPLACES; i++) {
		gm_slot_set(f.w->vm, GM_SLOT + i, 0, gpa_of(&f, i), WIN * PG,
			    f.w->mem->hva + i * WIN * PG, f.w->gmem, place[i]);
		gm_guest_fill(f.w->vm, 0, gpa_of(&f, i), WIN, GM_WRITER_GUEST, 1);
	}
	return f;
}

static void far_free(struct far *f)
{
	gm_fixture_free(f->w);
}

/* Bytes [from, to) of the file. */
static bool convert(struct far *f, uint64_t from, uint64_t to, bool to_private, const char *when)
{
	struct gm_memory_attributes2 arg = ip_arg(from, to - from, to_private);

	if (!GM_EXPECT(!ip_set(f->w->gmem, &arg),
		       "%s: %#lx+%#lx to %s: expected success, observed %s at %#lx", when, from,
		       to - from, to_private ? "private" : "shared", gm_errno_name(errno),
		       arg.error_offset))
		return false;
	for (size_t i = 0; i < NPLACES; i++)
		for (uint64_t p = 0; p < WIN; p++)
			if (place[i] + p * PG >= from && place[i] + p * PG < to)
				f->private[i][p] = to_private;
	return true;
}

/* Checks the state by loads of the host, and the guest's content. */
static void expect_all(struct far *f, const char *when)
{
	uint64_t word;

	for (size_t i = 0; i < NPLACES; i++) {
		for (uint64_t p = 0; p < WIN; p++) {
			bool loaded = ip_load(hva_of(f, i) + p * PG, &word);

			gm_checked();
			if (loaded == !f->private[i][p])
				continue;
			GM_FAIL_AT(GM_PAGE(.off = GM_AT(place[i] + p * PG)),
				   "%s: the page must be %s, the host's load %s", when,
				   f->private[i][p] ? "private" : "shared",
				   loaded ? "succeeded" : "was SIGBUS");
			gm_end();
		}
		gm_guest_check(f->w->vm, 0, gpa_of(f, i), WIN, GM_WRITER_GUEST, 1, when);
	}
}

/* Number of pages in the page tables of guest and host. */
struct mapped {
	uint64_t guest, host[NPLACES];
};

static struct mapped count_mapped(struct far *f)
{
	struct mapped m = { .guest = gm_vm_stat(f->w->vm, "pages_4k") };

	for (size_t i = 0; i < NPLACES; i++)
		m.host[i] = ip_nr_present(f->w, file_page(i, 0), WIN);
	return m;
}

static struct mapped map_all(struct far *f)
{
	uint64_t word;

	for (size_t i = 0; i < NPLACES; i++)
		for (uint64_t p = 0; p < WIN; p++)
			if (!f->private[i][p])
				ip_load(hva_of(f, i) + p * PG, &word);
	for (int turn = 0; turn < 2; turn++)
		gm_guest_touch(f->w->vm, 0, f->w->gpa, f->w->size, PG);
	return count_mapped(f);
}

/* Number of pages at place i whose state changes. */
static uint64_t changing(const struct far *f, size_t i, uint64_t from, uint64_t to, bool to_private)
{
	uint64_t n = 0;

	for (uint64_t p = 0; p < WIN; p++)
		n += place[i] + p * PG >= from && place[i] + p * PG < to &&
		     f->private[i][p] != to_private;
	return n;
}

static void expect_convert(struct far *f, uint64_t from, uint64_t to, bool to_private,
			   const char *when)
{
	uint64_t change[NPLACES], sum = 0, all = 0, lost;
	struct mapped was = map_all(f), is;

	for (size_t i = 0; i < NPLACES; i++) {
		change[i] = changing(f, i, from, to, to_private);
		sum += change[i];
		all += change[i] + changing(f, i, from, to, !to_private);
	}
	if (!convert(f, from, to, to_private, when))
		gm_end();
	is = count_mapped(f);
	/* KVM may unmap all of a mixed range, see zap.c. */
	lost = was.guest - is.guest;
	GM_EXPECT(lost == sum || (sum && lost == all),
		  "%s: %#lx to %s: expected the guest to lose %lu pages or all %lu, observed %lu",
		  when, from, to_private ? "private" : "shared", sum, all, lost);
	for (size_t i = 0; i < NPLACES; i++)
		GM_EXPECT_EQ(was.host[i] - is.host[i], to_private ? change[i] : 0,
			     "%s: pages that the host lost at %#lx, %#lx to %s", when, place[i],
			     from, to_private ? "private" : "shared");
	expect_all(f, when);
}

IP_CASES(states, v, "conv.inplace_far.states",
	 "pages with the same lower bits of offset or index are converted independently",
	 .needs = GM_NEEDS(PAGE_STATS, TDP))
{
	struct far f = far_new(v->private_first);

	for (int to_private = 1; to_private >= 0; to_private--) {
		/* All pages have the other state; then a part of each place is converted. */
		expect_convert(&f, 0, FILE_SIZE, !to_private, "the whole file");
		for (size_t i = 0; i < NPLACES; i++) {
			uint64_t from = place[i] + (3 + i) * PG;

			expect_convert(&f, from, from + 5 * PG, to_private, "five pages");
			expect_convert(&f, from + PG, from + 2 * PG, !to_private, "one back");
		}
		expect_convert(&f, FILE_SIZE - PG, FILE_SIZE, to_private, "the last page");
	}
	far_free(&f);
}

/* Ranges between all places: sizes of 4 GiB, 16 TiB, and a little more. */
IP_CASES(ranges, v, "conv.inplace_far.ranges",
	 "ranges of 4 GiB, 16 TiB and more, and the whole file, are converted exactly",
	 .needs = GM_NEEDS(PAGE_STATS, TDP))
{
	struct far f = far_new(v->private_first);

	for (size_t i = 0; i < NPLACES; i++) {
		for (size_t k = i + 1; k < NPLACES; k++) {
			for (int more = 0; more < 2; more++) {
				uint64_t from = place[i] + 4 * PG, to = place[k] + (4 + more) * PG;

				expect_convert(&f, 0, FILE_SIZE, false, "all shared");
				expect_convert(&f, from, to, true, "a long range");
				expect_convert(&f, from, to, false, "a long range, back");
			}
		}
	}
	expect_convert(&f, 0, FILE_SIZE, true, "all private");
	expect_convert(&f, place[1] + PG, place[LAST - 1] + 9 * PG, false, "from the middle");
	far_free(&f);
}

GM_CASE(error_offset, .name = "conv.inplace_far.error_offset",
	.text = "a page in use past 4 GiB or 16 TiB: EAGAIN with its full offset, and for no other page",
	.needs = GM_NEEDS(GUP_TEST))
{
	struct far f = far_new(false);
	struct gm_memory_attributes2 arg;
	struct ip_hold h;

	for (size_t i = 0; i < NPLACES; i++) {
		uint64_t page = file_page(i, 11), from[] = { 0, place[i], page * PG };

		ip_take(&h, &ip_gup_write, f.w, &page, 1);
		for (int k = 0; k < 3; k++) {
			arg = ip_arg(from[k], FILE_SIZE - from[k], true);
			GM_EXPECT_ERRNO(EAGAIN, ip_set(f.w->gmem, &arg), "the page at %#lx in use",
					page * PG);
			GM_EXPECT_EQ(arg.error_offset, page * PG, "error_offset, from %#lx on",
				     from[k]);
			if (gm_failures())
				gm_end();
		}
		expect_all(&f, "a page in use");
		/* No other page is in use, also not those with the same lower bits. */
		for (size_t k = 0; k < NPLACES; k++) {
			if (k == i)
				continue;
			convert(&f, place[k], place[k] + WIN * PG, true, "another place");
			convert(&f, place[k] + PG, place[k] + 12 * PG, false, "and back");
		}
		expect_all(&f, "the other places");
		ip_drop(&h);
		convert(&f, 0, FILE_SIZE, true, "released");
		expect_all(&f, "private");
		convert(&f, 0, FILE_SIZE, false, "back");
	}
	far_free(&f);
}

IP_CASES(past_end, v, "conv.inplace_far.past_end",
	 "a range that ends one page past the end of the long file is EINVAL", .flags = GM_REFUSAL)
{
	struct far f = far_new(v->private_first);

	for (size_t i = 0; i < NPLACES; i++) {
		struct gm_memory_attributes2 arg =
			ip_arg(place[i], FILE_SIZE + PG - place[i], !v->private_first);

		GM_EXPECT_ERRNO(EINVAL, ip_set(f.w->gmem, &arg), "from %#lx on", place[i]);
		arg = ip_arg(FILE_SIZE + place[i], PG, !v->private_first);
		GM_EXPECT_ERRNO(EINVAL, ip_set(f.w->gmem, &arg), "at %#lx", arg.offset);
	}
	expect_all(&f, "after the refusals");
	gm_promise(convert(&f, place[LAST], FILE_SIZE, !v->private_first, "up to the end"),
		   "the range that ends with the file");
	expect_all(&f, "up to the end");
	far_free(&f);
}
