// SPDX-License-Identifier: GPL-2.0-only
/* A pool of 1 GiB pages that takes them from a CMA area: fungible.huge_cma. */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "fungible_huge.h"
#include "text.h"

GM_FILE(.clause = "fungible.huge_cma", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = FH_NEEDS | GM_NEEDS(CMA, ROOT), .caps = GM_CAPS_ALL, .tokens = GM_TOKEN_HUGE,
	.timeout = 120)

#define POOL_1G "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"
#define IN_ONE (GM_1G / PG)
/* Others use single pages of the area, so its free pages are counted in GiB, to an eighth. */
#define NEARLY (GM_1G / PG / 8)

/* The area's free pages. */
static long cma_free(void)
{
	long kb;

	GM_SETUP(gm_read_field("/proc/meminfo", "CmaFree", &kb), "/proc/meminfo has no CmaFree");
	return kb / (PG / 1024);
}

static long pool_nr(void)
{
	struct gm_pool now;

	gm_pool_read(&now, GM_1G);
	return now.nr;
}

static void pool_set(long nr)
{
	char text[16];

	snprintf(text, sizeof(text), "%ld", nr);
	fh_set(POOL_1G, text);
}

/* The area has `gib` more free 1 GiB pages than before, up to what others use of it. */
static void expect_area(long before, long gib, const char *when)
{
	long now = 0;

	for (int i = 0; i < 100; i++) {
		now = cma_free() - before - gib * (long)IN_ONE;
		if (labs(now) < (long)NEARLY)
			return;
		usleep(50 * 1000);
	}
	GM_EXPECT(false, "%s: the area has %ld pages more than expected", when, now);
}

struct cma {
	struct gm_fixture *w;
	struct gm_pool before; /* before the pool grew */
	long free;	       /* pages of the area before that */
};

/* The pool gets one page more; true: of the area. With hugetlb_cma it looks there first. */
static bool grow(const struct cma *c)
{
	pool_set(c->before.nr + 1);
	return pool_nr() == c->before.nr + 1 && c->free - cma_free() > (long)(IN_ONE - NEARLY);
}

static struct cma cma_new(void)
{
	struct cma c = { .free = cma_free() };

	fh_journal_open();
	gm_pool_read(&c.before, GM_1G);
	if (!grow(&c))
		gm_skip("the hugetlb CMA area has no free 1 GiB page", "boot with hugetlb_cma=2G");
	c.w = fh_new(GM_1G, 1);
	return c;
}

static void cma_end(struct cma *c)
{
	if (c->w)
		gm_fixture_free(c->w);
	expect_area(c->free, 0, "the file is gone");
	GM_EXPECT(pool_nr() == c->before.nr, "the file is gone: the pool has %ld pages of %ld",
		  pool_nr(), c->before.nr);
	/* The area is whole: the pool gets the page again. */
	GM_EXPECT(grow(c), "the pool cannot have a page of the area again");
	pool_set(c->before.nr);
	expect_area(c->free, 0, "the pool has shrunk");
	fh_journal_restore();
}

/* The huge page is split; the guest has written all of it that it reads again. */
static void use(struct cma *c)
{
	gm_fixture_fill(c->w, 0, fh_gfn(c->w, 500), 20);
	gm_fixture_convert(c->w, fh_gfn(c->w, 511), 2, false);
	gm_fixture_host_write(c->w, fh_gfn(c->w, 511), 2);
}

GM_CASE(given_back, .name = "fungible.huge_cma.given_back",
	.text = "a page of the CMA area is split and written; nr_hugepages goes back under the file: the file keeps the page, a hole gives it to the area")
{
	struct cma c = cma_new();

	use(&c);
	pool_set(c.before.nr);
	expect_area(c.free, -1, "the pool has shrunk, and the file has its page");
	gm_fixture_check_guest(c.w, 0, fh_gfn(c.w, 500), 20, 1, "the pool has shrunk");
	gm_fixture_punch(c.w, fh_gfn(c.w, 0), IN_ONE);
	expect_area(c.free, 0, "a hole");
	cma_end(&c);
}

GM_CASE(whole, .name = "fungible.huge_cma.closed",
	.text = "a page of the CMA area is split and written, the file is closed: the page is in the pool, and in the area when the pool shrinks")
{
	struct cma c = cma_new();

	use(&c);
	gm_fixture_free(c.w);
	c.w = NULL;
	expect_area(c.free, -1, "the file is closed");
	pool_set(c.before.nr);
	cma_end(&c);
}

GM_CASE(held, .name = "fungible.huge_cma.held",
	.text = "a pipe has a shared page of a file whose pages come from the CMA area: the area gets that huge page when the pipe is closed, with its bytes till then")
{
	struct cma c = cma_new();
	uint64_t at = 511, was, word;
	struct iovec v;
	int fd[2];

	use(&c);
	fh_need_gup(c.w, at);
	was = *(volatile uint64_t *)(c.w->hva + at * PG);
	v = (struct iovec){ c.w->hva + at * PG, PG };
	GM_SETUP_OK(pipe2(fd, O_CLOEXEC));
	GM_SETUP(vmsplice(fd[1], &v, 1, 0) == (ssize_t)PG, "vmsplice: %s", gm_errno_name(errno));
	pool_set(c.before.nr);
	gm_fixture_free(c.w);
	expect_area(c.free, -1, "file and VM are gone, and the pipe has a page");
	GM_EXPECT(read(fd[0], &word, 8) == 8 && word == was, "the pipe has %#lx, expected %#lx",
		  word, was);
	close(fd[0]);
	close(fd[1]);
	expect_area(c.free, 0, "the pipe is closed");
	c.w = NULL;
	cma_end(&c);
}
