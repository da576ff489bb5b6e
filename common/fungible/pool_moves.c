// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool of huge pages as a container: it grows, shrinks, lends surplus pages and takes them back
 * while files, mappings and pins hold pages of it, by random steps. All counters are those of a model
 * after each step: fungible.pool_back.
 */
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "gm.h"
#include "journal.h"
#include "pool.h"

GM_FILE(.clause = "fungible.pool_back", .profile = "any", .needs = GM_NEEDS(ROOT),
	.caps = GM_CAPS_ALL, .huge_2m = 24)

#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define NR POOL "nr_hugepages"
#define OVERCOMMIT POOL "nr_overcommit_hugepages"
#define FILES 4
#define PAGES 4 /* of each file */

struct file {
	int fd; /* -1: none */
	uint8_t *map, *second;
	bool reserves;	   /* its mapping has reserved all of its pages */
	bool there[PAGES]; /* pages that the file has */
};

/* The counters as the kernel must have them. */
struct pool {
	struct file file[FILES];
	long nr, surplus, overcommit;
	struct gm_rng rng;
	char step[96];
};

static struct gm_journal journal;

static void restore(void *arg __attribute__((unused)))
{
	gm_journal_restore(&journal);
}

static long used(const struct pool *p)
{
	long n = 0;

	for (int i = 0; i < FILES; i++)
		for (int k = 0; k < PAGES; k++)
			n += p->file[i].fd >= 0 && p->file[i].there[k];
	return n;
}

/* Pages that are promised to mappings, and not there yet. */
static long reserved(const struct pool *p)
{
	long n = 0;

	for (int i = 0; i < FILES; i++)
		for (int k = 0; k < PAGES; k++)
			n += p->file[i].fd >= 0 && p->file[i].reserves && !p->file[i].there[k];
	return n;
}

static void expect(const struct pool *p)
{
	struct gm_pool want = { GM_2M, p->nr, p->nr - used(p), reserved(p), p->surplus };

	gm_pool_expect(&want, 0, 0, p->step);
}

#define STEP(p, ...) snprintf((p)->step, sizeof((p)->step), __VA_ARGS__)

/* What a file gives back: pages by node, and reservations. */
struct leaving {
	long freed[GM_POOL_NODES], unreserved;
};

static unsigned int node_of(void *page)
{
	int node = 0;

	/* Without NUMA there is node 0 only. */
	if (syscall(SYS_get_mempolicy, &node, NULL, 0, page, MPOL_F_NODE | MPOL_F_ADDR) &&
	    errno != ENOSYS)
		gm_error(__FILE__, __LINE__, "get_mempolicy: %s", gm_errno_name(errno));
	return node;
}

/* The pool of each node; without NUMA all of it is node 0's. */
static void read_nodes(struct gm_pool node[GM_POOL_NODES])
{
	bool any = false;

	for (unsigned int n = 0; n < GM_POOL_NODES; n++) {
		if (gm_pool_read_node(&node[n], GM_2M, n))
			any = true;
		else
			node[n] = (struct gm_pool){};
	}
	if (!any)
		gm_pool_read(&node[0], GM_2M);
}

/*
 * Pages that leave: a page goes back to the system if its node has surplus pages
 * (free_huge_folio()). For what was only reserved, a free page of such a node goes
 * (return_unused_surplus_pages(), mm/hugetlb.c). `was` is the pool of each node before.
 */
static void give_back(struct pool *p, const struct leaving *l, const struct gm_pool *was)
{
	long unused, by_node = 0;

	for (unsigned int n = 0; n < GM_POOL_NODES; n++) {
		long gone = l->freed[n] < was[n].surplus ? l->freed[n] : was[n].surplus;
		long free = was[n].free + l->freed[n] - gone, surplus = was[n].surplus - gone;

		p->nr -= gone;
		p->surplus -= gone;
		by_node += free < surplus ? free : surplus;
	}
	unused = p->nr - used(p) - reserved(p);
	if (l->unreserved < unused)
		unused = l->unreserved;
	if (by_node < unused)
		unused = by_node;
	if (unused < 0)
		unused = 0;
	p->nr -= unused;
	p->surplus -= unused;
}

/* A mapping reserves what is not there: from the pool, or by surplus pages as far as allowed. */
static bool can_reserve(struct pool *p, long n)
{
	long lack = n - (p->nr - used(p) - reserved(p));

	if (lack > p->overcommit - p->surplus)
		return false;
	if (lack > 0) {
		p->nr += lack;
		p->surplus += lack;
	}
	return true;
}

static void do_map(struct pool *p, struct file *f)
{
	bool can;
	void *map;

	if (f->fd >= 0)
		return;
	STEP(p, "file %ld: new, mapped", f - p->file);
	f->fd = GM_SETUP_OK(memfd_create("gm", MFD_CLOEXEC | MFD_HUGETLB | 21U << 26));
	GM_SETUP_OK(ftruncate(f->fd, PAGES * GM_2M));
	can = can_reserve(p, PAGES);
	map = mmap(NULL, PAGES * GM_2M, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	GM_EXPECT(can == (map != MAP_FAILED), "%s: expected %s, observed %s", p->step,
		  can ? "success" : "ENOMEM", map == MAP_FAILED ? gm_errno_name(errno) : "success");
	if (map == MAP_FAILED || !can) {
		close(f->fd);
		f->fd = -1;
		return;
	}
	f->map = map;
	f->reserves = true;
	memset(f->there, 0, sizeof(f->there));
}

static void do_touch(struct pool *p, struct file *f, unsigned int page)
{
	if (f->fd < 0)
		return;
	STEP(p, "file %ld: touch of page %u", f - p->file, page);
	f->map[page * GM_2M] = page + 1;
	f->there[page] = true;
}

static void do_close(struct pool *p, struct file *f)
{
	struct gm_pool was[GM_POOL_NODES];
	struct leaving l = {};

	if (f->fd < 0)
		return;
	STEP(p, "file %ld: closed", f - p->file);
	read_nodes(was);
	for (int k = 0; k < PAGES; k++) {
		if (f->there[k])
			l.freed[node_of(f->map + k * GM_2M)]++;
		l.unreserved += f->reserves && !f->there[k];
	}
	munmap(f->map, PAGES * GM_2M);
	if (f->second)
		munmap(f->second, PAGES * GM_2M);
	close(f->fd);
	*f = (struct file){ .fd = -1 };
	give_back(p, &l, was);
}

/* A second mapping reserves nothing more, and its unmap gives nothing back. */
static void do_second(struct pool *p, struct file *f)
{
	if (f->fd < 0)
		return;
	STEP(p, "file %ld: %s", f - p->file, f->second ? "second unmap" : "second map");
	if (f->second) {
		munmap(f->second, PAGES * GM_2M);
		f->second = NULL;
		return;
	}
	f->second = mmap(NULL, PAGES * GM_2M, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	GM_ASSERT(f->second != MAP_FAILED, "%s: %s", p->step, gm_errno_name(errno));
	for (int k = 0; k < PAGES; k++)
		if (f->there[k] && f->map[k * GM_2M])
			GM_EXPECT_EQ(f->second[k * GM_2M], k + 1, "%s: page %d", p->step, k);
}

/* The journal notes the old value, but does not write one that is there: surplus pages count. */
static void write_number(const char *path, long val)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%ld", val), fd;

	GM_SETUP(!gm_journal_set(&journal, path, text), "%s cannot be written", path);
	fd = GM_SETUP_OK(open(path, O_WRONLY | O_CLOEXEC));
	GM_SETUP(write(fd, text, n) == n, "%s: %s", path, gm_errno_name(errno));
	close(fd);
}

/*
 * set_max_huge_pages(): surplus becomes persistent first, then pages are added; what is used or
 * reserved cannot leave, and becomes surplus.
 */
static void do_resize(struct pool *p, long to)
{
	long persistent = p->nr - p->surplus, min;

	STEP(p, "pool of %ld pages, %ld surplus: set to %ld", p->nr, p->surplus, to);
	write_number(NR, to);
	if (to >= persistent) {
		long more = to - persistent, from_surplus = more < p->surplus ? more : p->surplus;

		p->surplus -= from_surplus;
		p->nr += more - from_surplus;
		return;
	}
	/* free pages beyond what is reserved leave */
	min = used(p) + reserved(p);
	if (min < to)
		min = to;
	if (p->nr > min)
		p->nr = min;
	p->surplus = p->nr > to ? p->nr - to : 0;
}

static void do_overcommit(struct pool *p, long to)
{
	STEP(p, "%ld surplus pages allowed", to);
	write_number(OVERCOMMIT, to);
	p->overcommit = to;
}

static void step(struct pool *p)
{
	struct file *f = &p->file[gm_rng_below(&p->rng, FILES)];

	switch (gm_rng_below(&p->rng, 12)) {
	case 0 ... 2:
		do_map(p, f);
		break;
	case 3 ... 6:
		do_touch(p, f, gm_rng_below(&p->rng, PAGES));
		break;
	case 7:
		do_close(p, f);
		break;
	case 8:
		do_second(p, f);
		break;
	case 9:
		do_overcommit(p, gm_rng_below(&p->rng, 3) * 4);
		break;
	default:
		do_resize(p, gm_rng_below(&p->rng, 14));
		break;
	}
}

struct length {
	unsigned int steps;
};

GM_CASES(moves, struct length, v)
{
	struct pool p = { .step = "before" };
	struct gm_pool start;

	gm_pool_read(&start, GM_2M);
	if (start.free != start.nr || start.resv || start.surplus)
		gm_skip("another program uses the pool of 2 MiB pages",
			"a machine without other users, or the lab");
	GM_SETUP(!gm_journal_open(&journal, gm_journal_dir()), "no journal");
	gm_cleanup(restore, NULL);
	gm_rng_init(&p.rng, gm_seed());
	for (int i = 0; i < FILES; i++)
		p.file[i].fd = -1;
	p.nr = start.nr;
	do_overcommit(&p, 0);
	do_resize(&p, 8);
	expect(&p);
	for (unsigned int i = 0; i < v->steps && !gm_failures(); i++) {
		step(&p);
		expect(&p);
	}
	for (int i = 0; i < FILES; i++) {
		do_close(&p, &p.file[(i * 3 + 1) % FILES]);
		expect(&p);
	}
	gm_journal_restore(&journal);
	gm_pool_expect(&start, 0, 0, "as before");
}
GM_ROW(moves, moves_some, .name = "fungible.pool_back.moves",
       .text = "the pool grows, shrinks and lends while files map, touch and close: all counters after each step") = {
	.steps = 120
};
GM_ROW(moves, moves_many, .name = "fungible.pool_back.moves_long", .flags = GM_FULL_ONLY,
       .timeout = 180, .text = "the same for longer") = { .steps = 2000 };
