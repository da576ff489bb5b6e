// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that move between address spaces: devices, in-kernel users that pin or copy, maps that are
 * copied, and the process that is charged. After each step every address space is asked whole: what
 * it maps, for whom, what is pinned, whether it can be destroyed: iommu.lifetime.
 */
#include <sys/wait.h>

#include "dma_memory.h"

GM_FILE(.clause = "iommu.lifetime", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.needs = GM_NEEDS(PAGES_4K))

#define PG GM_PAGE_SIZE
#define SPACES 3
#define OBJECTS 6
#define AREAS 3	     /* of each space, at at(): some are not mapped */
#define PARTS 5	     /* of the file */
#define PART_PAGES 3 /* of each part */
#define PART (PART_PAGES * PG)
#define MAPS 64 /* maps by file that may exist: pages are pinned once for each */

enum kind { USER_PINS, USER_COPIES, DEVICE };

static const char *const kind_name[] = { "in-kernel user that pins", "in-kernel user that copies",
					 "device" };

struct object {
	enum kind kind;
	int space; /* -1: gone */
	int fd;	   /* of an in-kernel user */
	struct gm_iodev *dev;
	bool holds[AREAS]; /* an in-kernel user holds pins of this area of its space */
};

struct containers {
	struct dma_memory m; /* no device, its IOAS is not used */
	uint32_t ioas[SPACES];
	int map[SPACES][AREAS]; /* -1: nothing is mapped there; else the number of the map */
	int part[MAPS];		/* of the file, by map */
	int maps;
	struct object obj[OBJECTS];
	struct gm_rng rng;
	char step[128];
};

static uint64_t at(int area)
{
	return IOVA + (uint64_t)area * 16 * PG;
}

static uint8_t *hva(struct containers *c, int map)
{
	return c->m.hva + c->part[map] * PART;
}

/* Is something in the space that pins all that it maps? */
static bool has_device(struct containers *c, int space)
{
	for (int i = 0; i < OBJECTS; i++)
		if (c->obj[i].space == space && c->obj[i].kind == DEVICE)
			return true;
	return false;
}

static bool has_object(struct containers *c, int space)
{
	for (int i = 0; i < OBJECTS; i++)
		if (c->obj[i].space == space)
			return true;
	return false;
}

/* Are the pages of the map pinned, through any space? */
static bool pinned(struct containers *c, int map)
{
	for (int s = 0; s < SPACES; s++)
		for (int a = 0; a < AREAS; a++) {
			if (c->map[s][a] != map)
				continue;
			if (has_device(c, s))
				return true;
			for (int i = 0; i < OBJECTS; i++)
				if (c->obj[i].space == s && c->obj[i].holds[a])
					return true;
		}
	return false;
}

static void forget_pins(struct containers *c, int space, int area)
{
	for (int i = 0; i < OBJECTS; i++)
		if (c->obj[i].space == space)
			c->obj[i].holds[area] = false;
}

/* --- the questions --- */

/* The alignment that the space demands; the mock's page tables have pages of 2 KiB. */
static void expect_alignment(struct containers *c, int space)
{
	struct iommu_iova_range range[8];
	uint64_t want = has_device(c, space) ? 2048 : 1, align;
	uint32_t num = ARRAY_SIZE(range);

	for (int i = 0; i < OBJECTS; i++)
		if (c->obj[i].space == space && c->obj[i].kind == USER_PINS)
			want = PG;
	GM_EXPECT_OK(dma_iova_ranges(c->m.iommu, c->ioas[space], range, &num, &align));
	GM_EXPECT_EQ(align, want, "%s: space %d, the alignment", c->step, space);
	GM_EXPECT_EQ(range[0].start, has_device(c, space) ? 1UL << 24 : 0,
		     "%s: space %d, the first IOVA", c->step, space);
}

/* What the object reaches in its space is what the space maps, and nothing else. */
static void expect_reach(struct containers *c, struct object *o)
{
	uint8_t word[8];

	for (int a = 0; a < AREAS; a++) {
		int map = c->map[o->space][a];
		uint64_t iova = at(a) + PG - 3; /* over a page's end */
		int ret;

		if (o->kind == DEVICE)
			ret = __gm_dma_read(o->dev, iova, word, 8);
		else
			ret = __gm_access_rw(c->m.iommu, o->fd, iova, word, 8, false);
		if (map < 0)
			GM_EXPECT(ret, "%s: %s of space %d reads where nothing is mapped, area %d",
				  c->step, kind_name[o->kind], o->space, a);
		else
			GM_EXPECT(
				!ret && !memcmp(word, hva(c, map) + PG - 3, 8),
				"%s: %s of space %d does not read part %d of the file in area %d: %s",
				c->step, kind_name[o->kind], o->space, c->part[map], a,
				ret ? gm_errno_name(errno) : "other data");
		if (map >= 0 && o->kind == DEVICE)
			GM_EXPECT(
				!__gm_mock_maps(c->m.iommu, o->dev->hwpt, at(a), hva(c, map), PART),
				"%s: the device's page table does not map area %d of space %d",
				c->step, a, o->space);
	}
}

static unsigned int expect_pins(struct containers *c)
{
	unsigned int of_part[PARTS] = {}, pages = 0;

	for (int map = 0; map < c->maps; map++)
		if (pinned(c, map)) {
			of_part[c->part[map]]++;
			pages += PART_PAGES;
		}
	for (int p = 0; p < PARTS; p++)
		GM_EXPECT(!__gm_mock_refs(c->m.iommu, c->m.hva + p * PART, PART, of_part[p]),
			  "%s: part %d of the file does not have %u pins", c->step, p, of_part[p]);
	return pages;
}

static void ask(struct containers *c)
{
	unsigned int pages = expect_pins(c);

	GM_EXPECT_EQ(gm_vm_pinned(), pages, "%s: VmPin, pages", c->step);
	GM_EXPECT_EQ(gm_vm_locked(), 0, "%s: VmLck, pages", c->step);
	for (int s = 0; s < SPACES; s++) {
		expect_alignment(c, s);
		if (has_object(c, s))
			GM_EXPECT_ERRNO(EBUSY, __gm_iommu_destroy(c->m.iommu, c->ioas[s]),
					"%s: destroy space %d", c->step, s);
	}
	for (int i = 0; i < OBJECTS; i++)
		if (c->obj[i].space >= 0)
			expect_reach(c, &c->obj[i]);
}

/* --- the steps --- */

#define STEP(c, ...) snprintf((c)->step, sizeof((c)->step), __VA_ARGS__)

static void do_map(struct containers *c, int space, int area)
{
	int part = gm_rng_below(&c->rng, PARTS);

	if (c->map[space][area] >= 0 || c->maps == MAPS)
		return;
	STEP(c, "map part %d as area %d of space %d", part, area, space);
	gm_map_file(c->m.iommu, c->ioas[space], c->m.fd, part * PART, PART, at(area), GM_RW);
	c->part[c->maps] = part;
	c->map[space][area] = c->maps++;
}

static void do_copy(struct containers *c, int space, int area)
{
	int from = gm_rng_below(&c->rng, SPACES), src = gm_rng_below(&c->rng, AREAS);
	uint64_t iova = at(area);

	if (c->map[space][area] >= 0 || c->map[from][src] < 0)
		return;
	STEP(c, "copy area %d of space %d to area %d of space %d", src, from, area, space);
	GM_EXPECT_OK(__gm_ioas_copy(c->m.iommu, c->ioas[space], c->ioas[from], at(src), PART, &iova,
				    GM_RW),
		     "%s", c->step);
	c->map[space][area] = c->map[from][src];
}

static void do_unmap(struct containers *c, int space, int area)
{
	if (c->map[space][area] < 0)
		return;
	STEP(c, "unmap area %d of space %d", area, space);
	gm_unmap(c->m.iommu, c->ioas[space], at(area), PART);
	c->map[space][area] = -1;
	forget_pins(c, space, area);
}

static void do_unmap_all(struct containers *c, int space)
{
	uint64_t len = ~0UL, want = 0;
	int ret;

	for (int a = 0; a < AREAS; a++)
		want += c->map[space][a] < 0 ? 0 : PART;
	STEP(c, "unmap all of space %d", space);
	ret = __gm_unmap(c->m.iommu, c->ioas[space], 0, &len);
	/* iopt_unmap_all(): a space without maps is no error. */
	GM_EXPECT(!ret && len == want, "%s: %s, %lu pages, expected %lu", c->step,
		  ret ? gm_errno_name(errno) : "0", len / PG, want / PG);
	for (int a = 0; a < AREAS; a++) {
		c->map[space][a] = -1;
		forget_pins(c, space, a);
	}
}

static void do_pin(struct containers *c, struct object *o, int area)
{
	int map;

	if (o->kind != USER_PINS || o->space < 0 || o->holds[area])
		return;
	map = c->map[o->space][area];
	STEP(c, "pin area %d of space %d", area, o->space);
	if (map < 0) {
		GM_EXPECT_ERRNO(ENOENT,
				__gm_access_pin(c->m.iommu, o->fd, at(area), PART, NULL, true),
				"%s", c->step);
		return;
	}
	GM_EXPECT(__gm_access_pin(c->m.iommu, o->fd, at(area), PART, hva(c, map), true) >= 0,
		  "%s: %s", c->step, gm_errno_name(errno));
	o->holds[area] = true;
}

static void enter(struct containers *c, struct object *o, int space)
{
	o->space = space;
	memset(o->holds, 0, sizeof(o->holds));
	if (o->kind == DEVICE)
		o->dev = gm_iodev_new(c->m.iommu, c->ioas[space]);
	else
		o->fd = gm_access_new(c->m.iommu, c->ioas[space], o->kind == USER_PINS);
}

static void leave(struct object *o)
{
	if (o->space < 0)
		return;
	if (o->kind == DEVICE)
		gm_iodev_free(o->dev);
	else
		close(o->fd);
	o->space = -1;
	memset(o->holds, 0, sizeof(o->holds));
}

static void do_move(struct containers *c, struct object *o, int space)
{
	STEP(c, "%s %ld moves from space %d to %d", kind_name[o->kind], o - c->obj, o->space,
	     space);
	if (o->space < 0) {
		enter(c, o, space);
		return;
	}
	if (o->kind == DEVICE)
		gm_iodev_replace(o->dev, c->ioas[space], c->ioas[space]);
	else
		GM_EXPECT_OK(__gm_access_replace(c->m.iommu, o->fd, c->ioas[space]), "%s", c->step);
	/* Whoever stays where he is keeps his pins. */
	if (o->space != space)
		memset(o->holds, 0, sizeof(o->holds));
	o->space = space;
}

/* An empty space is destroyed at once, whatever it maps, and made anew. */
static void do_destroy(struct containers *c, int space)
{
	if (has_object(c, space))
		return;
	STEP(c, "destroy space %d", space);
	GM_EXPECT_OK(__gm_iommu_destroy(c->m.iommu, c->ioas[space]), "%s", c->step);
	c->ioas[space] = gm_ioas_new(c->m.iommu);
	for (int a = 0; a < AREAS; a++)
		c->map[space][a] = -1;
}

/* A child takes the charge, and gives it back by this process taking it again. */
static void do_change_process(struct containers *c)
{
	struct iommu_ioas_change_process arg = { .size = sizeof(arg) };
	unsigned int pages = expect_pins(c);
	int status;
	pid_t pid;

	STEP(c, "change of process, %u pages", pages);
	pid = GM_SETUP_OK(fork());
	if (!pid)
		_exit(ioctl(c->m.iommu->fd, IOMMU_IOAS_CHANGE_PROCESS, &arg) ? 200
									     : gm_vm_pinned());
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : 201, pages,
		     "%s: VmPin of the child (200: refused)", c->step);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "%s: VmPin of the parent", c->step);
	expect_pins(c);
	GM_EXPECT_OK(ioctl(c->m.iommu->fd, IOMMU_IOAS_CHANGE_PROCESS, &arg), "%s: back", c->step);
}

static void step(struct containers *c)
{
	int space = gm_rng_below(&c->rng, SPACES), area = gm_rng_below(&c->rng, AREAS);
	struct object *o = &c->obj[gm_rng_below(&c->rng, OBJECTS)];

	switch (gm_rng_below(&c->rng, 16)) {
	case 0 ... 1:
		do_map(c, space, area);
		break;
	case 2 ... 3:
		do_copy(c, space, area);
		break;
	case 4:
		do_unmap(c, space, area);
		break;
	case 5:
		if (gm_rng_below(&c->rng, 2))
			do_unmap_all(c, space);
		else
			do_destroy(c, space);
		break;
	case 6 ... 9:
		for (int i = 0; i < OBJECTS; i++)
			do_pin(c, &c->obj[i], area);
		break;
	case 10:
		STEP(c, "%s %ld leaves space %d", kind_name[o->kind], o - c->obj, o->space);
		leave(o);
		break;
	case 11:
		do_change_process(c);
		break;
	default:
		do_move(c, o, space);
		break;
	}
}

/* All objects leave in one of three orders; an address space may go as soon as nobody is in it. */
static void end(struct containers *c, unsigned int order)
{
	for (int i = 0; i < OBJECTS; i++) {
		int n = order == 0 ? i : order == 1 ? OBJECTS - 1 - i : (i * 5 + 2) % OBJECTS;

		STEP(c, "at the end, %s %d leaves", kind_name[c->obj[n].kind], n);
		leave(&c->obj[n]);
		for (int s = 0; s < SPACES; s++)
			do_destroy(c, s);
		ask(c);
	}
	GM_EXPECT_EQ(gm_vm_pinned() + gm_vm_locked(), 0, "VmPin and VmLck at the end, pages");
	dma_memory_free(&c->m);
}

struct length {
	unsigned int rounds, steps;
};

GM_CASES(moves, struct length, v)
{
	static const enum kind kinds[OBJECTS] = { USER_PINS, USER_PINS,	  DEVICE,
						  USER_PINS, USER_COPIES, DEVICE };

	for (unsigned int round = 0; round < v->rounds && !gm_failures(); round++) {
		struct containers c = { .maps = 0 };

		gm_rng_init(&c.rng, gm_seed() + round);
		c.m = dma_memory_new_unattached(self->iommu, PARTS * PART, 0);
		for (int s = 0; s < SPACES; s++) {
			c.ioas[s] = gm_ioas_new(c.m.iommu);
			for (int a = 0; a < AREAS; a++)
				c.map[s][a] = -1;
		}
		/* Two users in the first space and one in the next: their places in it differ. */
		for (int i = 0; i < OBJECTS; i++) {
			c.obj[i].kind = kinds[i];
			enter(&c, &c.obj[i], i % 2 ? 0 : i / 2 % SPACES);
		}
		for (int s = 0; s < SPACES; s++)
			do_map(&c, s, s);
		for (unsigned int i = 0; i < v->steps && !gm_failures(); i++) {
			step(&c);
			ask(&c);
		}
		end(&c, round % 3);
	}
}
GM_ROW(moves, moves_some, .name = "iommu.lifetime.containers",
       .text = "devices, in-kernel users, copies and the charge move between three address spaces: after each step old and new are asked whole") = {
	.rounds = 3,
	.steps = 40,
};
GM_ROW(moves, moves_many, .name = "iommu.lifetime.containers_long", .flags = GM_FULL_ONLY,
       .text = "the same for longer", .timeout = 300) = {
	.rounds = 30,
	.steps = 150,
};
