// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the kernel chooses the IOVA: spaces that are full but for a few rooms at their very bottom,
 * at their very top or between, and every length and alignment up to more than a GiB. The place is
 * legal, aligned, free and not wrapped; no room is ENOSPC, and nothing has changed:
 * iommu.map_file_args.
 */
#include "dma_memory.h"

GM_FILE(.clause = "iommu.map_file_args", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.needs = GM_NEEDS(PAGES_4K, THP), .caps = GM_CAPS(CAP_IPC_LOCK), .flags = GM_REFUSAL)

/* Constant, for the tables: the case needs a kernel with such pages. */
#define PG 4096UL
/* iopt_alloc_iova(): neither the first nor the last page of the space is chosen. */
#define FIRST_IOVA PG
#define LAST_IOVA (~0UL - PG)

struct span {
	uint64_t first, last;
};

/* Bytes: lengths and alignments of the memory that is mapped. */
static const uint64_t lengths[] = { 2,		PG,    PG + 1,	   16 * PG,   GM_2M - PG, GM_2M,
				    GM_2M + PG, GM_1G, GM_1G + PG, 1UL << 39, 1UL << 47 };
static const uint64_t aligns[] = { 2, PG, 16 * PG, GM_2M / 2, GM_2M, GM_1G, 1UL << 40 };

/* What surrounds the rooms. */
enum wall { WALL_ALLOWED, WALL_RESERVED, WALL_MAPPED, WALL_NR };
static const char *const wall_name[] = { "allowed ranges", "reserved regions", "maps" };

/* Where the last of the rooms is. */
enum place { PLACE_BOTTOM, PLACE_4G, PLACE_SIGN, PLACE_TOP, PLACE_NR };
static const char *const place_name[] = { "at the bottom", "over 4 GiB", "over 2^63",
					  "at the top" };

static uint64_t low_bit(uint64_t x)
{
	return x & -x;
}

/* The smallest power of two that is not below x. */
static uint64_t power_of_two(uint64_t x)
{
	uint64_t p = 1;

	while (p < x)
		p <<= 1;
	return p;
}

/* The alignment that a place gets: that of the memory, at most the length's, at most 2 MiB. */
static uint64_t alignment(uint64_t start, uint64_t len)
{
	uint64_t a = power_of_two(len);

	if (start && low_bit(start) < a)
		a = low_bit(start);
	return a < GM_2M ? a : GM_2M;
}

/* Is there a place for the map in the room? */
static bool fits(const struct span *room, uint64_t start, uint64_t len)
{
	uint64_t a = alignment(start, len);
	uint64_t first = room->first < FIRST_IOVA ? FIRST_IOVA : room->first;
	uint64_t last = room->last > LAST_IOVA ? LAST_IOVA : room->last, at;

	if (first > last || first + (a - 1) < first)
		return false;
	at = ((first + a - 1) & ~(a - 1)) | start % PG;
	/* One byte alone is never chosen. */
	return at < last && last - at >= len - 1;
}

struct space {
	struct dma_memory *m;
	uint32_t ioas;
	struct span room[3];
	unsigned int rooms;
	uint64_t mapped; /* bytes that the walls map */
};

/* Memory around the rooms: the last byte of the space is in no map. */
static void wall(struct space *s, enum wall kind, uint64_t first, uint64_t last)
{
	uint64_t len = last - first + 1;

	if (kind == WALL_RESERVED) {
		GM_SETUP_OK(__gm_mock_reserve(s->m->iommu, s->ioas, first, len));
		return;
	}
	/* At most half of the space in one map: the file's offsets are signed. */
	for (uint64_t part; first <= last && len; first += part, len -= part) {
		part = len > 1UL << 62 ? 1UL << 62 : len;
		gm_map_file(s->m->iommu, s->ioas, s->m->fd, 0, part, first, GM_RW);
		s->mapped += part;
	}
}

/* Fills all of the space but the rooms. */
static void build(struct space *s, enum wall kind)
{
	struct iommu_iova_range range[3];
	struct iommu_ioas_allow_iovas arg = { .size = sizeof(arg),
					      .ioas_id = s->ioas,
					      .num_iovas = s->rooms,
					      .allowed_iovas = (uintptr_t)range };
	uint64_t from = 0;

	for (unsigned int i = 0; i < s->rooms; i++) {
		const struct span *room = &s->room[i];

		range[i] = (struct iommu_iova_range){ room->first, room->last };
		if (kind != WALL_ALLOWED && room->first > from)
			wall(s, kind, from, room->first - 1);
		from = room->last + 1;
	}
	if (kind == WALL_ALLOWED)
		GM_EXPECT_OK(ioctl(s->m->iommu->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg));
	else if (from && from < ~0UL - 1)
		wall(s, kind, from, kind == WALL_MAPPED ? ~0UL - 1 : ~0UL);
}

/* Whatever was refused or taken back, only the walls are mapped. */
static void expect_walls(struct space *s, const char *cell)
{
	uint64_t all = ~0UL;
	int ret = __gm_unmap(s->m->iommu, s->ioas, 0, &all);

	GM_EXPECT(!ret && all == s->mapped,
		  "%s: unmap of everything: %s, %#lx bytes, the walls have %#lx", cell,
		  ret ? gm_errno_name(errno) : "0", all, s->mapped);
}

/* A map of [start, start + len) of the file, or a copy of one, where the kernel wants. */
static int map_anywhere(struct space *s, uint32_t from, uint64_t start, uint64_t len, uint64_t *at)
{
	*at = GM_ANY_IOVA;
	if (!from)
		return __gm_map_file(s->m->iommu, s->ioas, s->m->fd, start, len, at, GM_RW);
	return __gm_ioas_copy(s->m->iommu, s->ioas, from, PG + start % PG, len, at, GM_RW);
}

static void expect_place(struct space *s, uint64_t at, uint64_t start, uint64_t len,
			 const char *cell)
{
	uint64_t a = alignment(start, len), fixed = at, undo = len;
	bool inside = false;

	for (unsigned int i = 0; i < s->rooms; i++)
		inside |= at >= s->room[i].first && at <= s->room[i].last &&
			  s->room[i].last - at >= len - 1;
	GM_EXPECT(inside && at >= FIRST_IOVA && at + len - 1 >= at && at + len - 1 <= LAST_IOVA,
		  "%s: IOVA %#lx is not in a room", cell, at);
	GM_EXPECT((at & (a - 1) & ~(PG - 1)) == 0 && at % PG == start % PG,
		  "%s: IOVA %#lx, expected alignment to %#lx and byte %#lx of its page", cell, at,
		  a, start % PG);
	GM_EXPECT_ERRNO(EEXIST,
			__gm_map_file(s->m->iommu, s->ioas, s->m->fd, start, len, &fixed, GM_RW),
			"%s: the same place again", cell);
	GM_EXPECT(!__gm_unmap(s->m->iommu, s->ioas, at, &undo) && undo == len,
		  "%s: unmap of the chosen IOVA %#lx: %#lx bytes", cell, at, undo);
}

/*
 * The last room is `slack` bytes larger than the map of `len` bytes at `start` needs, or smaller.
 * Rooms before it are too small, and aligned as badly as possible.
 */
static void lay_out(struct space *s, enum place where, uint64_t start, uint64_t len, int64_t slack,
		    bool more)
{
	uint64_t a = alignment(start, len), size = len + slack, first;
	/* Pages before and after the part of a page that the map begins and ends in. */
	uint64_t head = start % PG;

	switch (where) {
	case PLACE_BOTTOM:
		first = a > PG ? a : PG;
		break;
	case PLACE_4G:
		/* A room of more than 8 GiB begins there. */
		first = (1UL << 32) - (size / 2 < 1UL << 32 ? size / 2 : 0);
		first &= ~(GM_2M - 1);
		break;
	case PLACE_SIGN:
		first = ((1UL << 63) - size / 2) & ~(GM_2M - 1);
		break;
	default:
		/* The last aligned place before the last page. */
		first = (LAST_IOVA - head - (len - 1)) & ~((a > PG ? a : PG) - 1);
		/* A page on, no aligned place is left before the end. */
		if (more && a > PG)
			first += PG;
		break;
	}
	s->rooms = 0;
	if (more && first > 8 * GM_2M) {
		/* One page less than the map needs, and one that is aligned badly. */
		if (len > PG + 2 && first > (1UL << 28) + len)
			s->room[s->rooms++] = (struct span){ 4 * GM_2M, 4 * GM_2M + len - PG - 1 };
		else
			s->room[s->rooms++] = (struct span){ 3 * PG + head + 1, 3 * PG + head + 2 };
	}
	s->room[s->rooms] = (struct span){ first + head, first + head + size - 1 };
	if (s->room[s->rooms].last < first)
		s->room[s->rooms].last = ~0UL;
	s->rooms++;
}

static void try_cell(struct dma_memory *m, enum wall kind, enum place where, uint64_t start,
		     uint64_t len, int64_t slack, bool copy, bool more)
{
	struct space s = { .m = m, .ioas = gm_ioas_new(m->iommu) };
	uint32_t from = copy ? gm_ioas_new(m->iommu) : 0;
	bool want = false;
	char cell[160];
	uint64_t at;
	int ret;

	snprintf(cell, sizeof(cell), "room %s between %s, %ld bytes more, %s of %#lx bytes at %#lx",
		 place_name[where], wall_name[kind], slack, copy ? "copy" : "map", len, start);
	if (from)
		gm_map_file(m->iommu, from, m->fd, start, len, PG + start % PG, GM_RW);
	lay_out(&s, where, start, len, slack, more);
	build(&s, kind);
	for (unsigned int i = 0; i < s.rooms; i++)
		want |= fits(&s.room[i], start, len);
	ret = map_anywhere(&s, from, start, len, &at);
	GM_EXPECT(want ? !ret : ret && errno == ENOSPC, "%s: expected %s, observed %s", cell,
		  want ? "a place" : "ENOSPC", ret ? gm_errno_name(errno) : "a place");
	if (!ret)
		expect_place(&s, at, start, len, cell);
	if (want && slack >= 0)
		gm_control(!map_anywhere(&s, from, start, len, &at), "%s: the place again", cell);
	if (want && slack >= 0)
		gm_unmap(m->iommu, s.ioas, at, len);
	expect_walls(&s, cell);
	GM_EXPECT_OK(__gm_iommu_destroy(m->iommu, s.ioas), "%s: the space", cell);
	if (from)
		GM_EXPECT_OK(__gm_iommu_destroy(m->iommu, from), "%s: the copied one", cell);
}

struct choice {
	unsigned int one_in; /* of the cells, by the seed */
};

/* The next digit of a number that counts the cells. */
static unsigned int digit(unsigned int *n, unsigned int base)
{
	unsigned int d = *n % base;

	*n /= base;
	return d;
}

static const int64_t slacks[] = { -(int64_t)PG, -1, 0, 1, PG };

static void cell(struct dma_memory *m, struct gm_rng *rng, unsigned int n)
{
	enum wall kind = digit(&n, WALL_NR);
	enum place where = digit(&n, PLACE_NR);
	uint64_t start = aligns[digit(&n, ARRAY_SIZE(aligns))];
	uint64_t len = lengths[digit(&n, ARRAY_SIZE(lengths))];
	int64_t slack = slacks[digit(&n, ARRAY_SIZE(slacks))];

	if (len + slack >= 2 && len + slack < 1UL << 60)
		try_cell(m, kind, where, start, len, slack, gm_rng_below(rng, 2),
			 gm_rng_below(rng, 2));
}

#define CELLS (WALL_NR * PLACE_NR * ARRAY_SIZE(aligns) * ARRAY_SIZE(lengths) * ARRAY_SIZE(slacks))

GM_CASES(rooms, struct choice, v)
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, PG, 0);
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed());
	for (unsigned int n = 0; n < CELLS && gm_failures() < 8; n++)
		if (!gm_rng_below(&rng, v->one_in))
			cell(&m, &rng, n);
	dma_memory_free(&m);
}
GM_ROW(rooms, rooms_some, .name = "iommu.map_file_args.room",
       .text = "one place in a full space, at the bottom, over 4 GiB, over 2^63, at the top: found if it fits, else ENOSPC; cells by the seed") = {
	.one_in = 6
};
GM_ROW(rooms, rooms_all, .name = "iommu.map_file_args.room_all", .flags = GM_FULL_ONLY,
       .timeout = 300,
       .text = "the same, every wall, place, alignment, length and size of the room") = {
	.one_in = 1
};

/* --- several rooms at random borders, filled until nothing fits any more --- */

static uint64_t random_border(struct gm_rng *rng)
{
	static const uint64_t near[] = {
		0,	   PG,	      GM_2M,	 1UL << 30, 1UL << 31,
		1UL << 32, 1UL << 47, 1UL << 61, 1UL << 63, ~0UL - GM_2M + 1
	};
	uint64_t at = near[gm_rng_below(rng, ARRAY_SIZE(near))];

	return at + gm_rng_below(rng, 3) * GM_2M / 2 + gm_rng_below(rng, 64) * PG;
}

static void sort(struct span *r, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = i + 1; j < n; j++)
			if (r[j].first < r[i].first) {
				struct span t = r[i];

				r[i] = r[j];
				r[j] = t;
			}
}

GM_CASE(filled, .name = "iommu.map_file_args.room_filled",
	.text = "three rooms at random places are filled: each place is new, and ENOSPC comes only when none is left")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, PG, 0);
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed());
	for (unsigned int round = 0; round < 40 && !gm_failures(); round++) {
		struct space s = { .m = &m, .ioas = gm_ioas_new(m.iommu), .rooms = 3 };
		enum wall kind = gm_rng_below(&rng, WALL_NR);
		uint64_t pages = 0, got = 0, at;

		do {
			for (unsigned int i = 0; i < 3; i++) {
				s.room[i].first = random_border(&rng);
				s.room[i].last =
					s.room[i].first + (1 + gm_rng_below(&rng, 16)) * PG - 1;
			}
			sort(s.room, 3);
		} while (s.room[0].last >= s.room[1].first || s.room[1].last >= s.room[2].first ||
			 s.room[2].last < s.room[2].first || s.room[2].last > LAST_IOVA ||
			 s.room[0].first < FIRST_IOVA);
		build(&s, kind);
		for (unsigned int i = 0; i < 3; i++)
			pages += (s.room[i].last - s.room[i].first + 1) / PG;
		while (got <= pages && !map_anywhere(&s, 0, PG, PG, &at)) {
			bool inside = false;

			for (unsigned int i = 0; i < 3; i++)
				inside |= at >= s.room[i].first && at + PG - 1 <= s.room[i].last;
			GM_EXPECT(inside && at % PG == 0, "between %s: IOVA %#lx", wall_name[kind],
				  at);
			got++;
		}
		GM_EXPECT(errno == ENOSPC, "at the end: %s", gm_errno_name(errno));
		for (unsigned int l = 0; l < ARRAY_SIZE(lengths); l++)
			GM_EXPECT(map_anywhere(&s, 0, GM_2M, lengths[l], &at) && errno == ENOSPC,
				  "%#lx bytes where all is full: %s", lengths[l],
				  errno ? gm_errno_name(errno) : "a place");
		GM_EXPECT_EQ(got, pages, "pages that three rooms between %s took", wall_name[kind]);
		gm_control(got, "there is room at first");
		s.mapped += got * PG;
		expect_walls(&s, "filled");
		gm_iommu_destroy(m.iommu, s.ioas);
	}
	dma_memory_free(&m);
}

/* --- inside the aperture of a device --- */

#define APERTURE (1UL << 24)
#define APERTURE_LAST ((1UL << 31) - 1)

GM_CASE(aperture, .name = "iommu.map_file_args.room_aperture", .huge_2m = 2,
	.text = "room at the first or the last page of the device's aperture only: used, and mapped there")
{
	static const uint64_t sizes[] = { PG, 4 * PG, GM_2M };

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		for (int top = 0; top < 2; top++)
			for (int64_t less = 0; less < 2; less++) {
				struct dma_memory m = dma_memory_new(self->iommu, 2 * GM_2M, GM_2M);
				uint64_t len = sizes[i], room = len - less * PG;
				uint64_t from = top ? APERTURE : APERTURE + room;
				uint64_t to = top ? APERTURE_LAST - room : APERTURE_LAST, at;
				struct space s = { .m = &m, .ioas = m.ioas };
				int ret;

				GM_SETUP_OK(
					__gm_mock_reserve(m.iommu, m.ioas, from, to - from + 1));
				ret = map_anywhere(&s, 0, GM_2M, len, &at);
				if (less) {
					GM_EXPECT(ret && errno == ENOSPC,
						  "%#lx bytes, a page less of room: %s", len,
						  ret ? gm_errno_name(errno) : "a place");
					GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin, pages");
				} else {
					gm_control(!ret, "%#lx bytes: %s", len,
						   gm_errno_name(errno));
					GM_EXPECT_EQ(at, top ? APERTURE_LAST + 1 - len : APERTURE,
						     "the IOVA of %#lx bytes", len);
					dma_memory_mapped(&m, GM_2M, len, at);
					gm_unmap(m.iommu, m.ioas, at, len);
				}
				dma_memory_free(&m);
			}
}
