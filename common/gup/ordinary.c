// SPDX-License-Identifier: GPL-2.0-only
/*
 * What refuses guest_memfd must reach each page of ordinary memory, of huge pages too, and bring the
 * right bytes; and it must refuse, in the same words, what nobody may reach. One case for each kind
 * of memory, every probe that moves data.
 */
#include <errno.h>
#include <sys/mman.h>

#include "access/access.h"
#include "gm.h"
#include "access/matrix.h"

struct large {
	const char *what;
	enum gm_mem_kind kind;
	unsigned int pages;    /* huge ones */
	unsigned int n2m, n1g; /* of them out of the pools */
};

/* Moves data of a mapping, harms nothing, and asks for no right that is not there. */
static bool suits(const struct gm_probe *p)
{
	if (p->flags & (GM_ACC_REMAPS | GM_ACC_HARMFUL | GM_ACC_DROPS | GM_ACC_DENIED |
			GM_ACC_FULL | GM_ACC_SHMEM | GM_ACC_ANON | GM_ACC_NO_VA))
		return false;
	if (p->path == GM_PATH_MM || p->path == GM_PATH_FD)
		return false;
	return p->flags & (GM_ACC_READ | GM_ACC_WRITE) &&
	       gm_access_want(p, GM_CLASS_ORDINARY).kind == GM_WANT_REACH;
}

static void run(const struct gm_case *self)
{
	const struct large *l = self->arg;
	uint64_t page = gm_mem_pagesize(l->kind);
	/* Inside a huge page, and where there are two, half in each. */
	uint64_t at[] = { 5 * GM_PAGE_SIZE,
			  l->pages > 1 ? page - GM_MATRIX_CTL_LEN / 2 : page / 2 - GM_PAGE_SIZE };
	const struct gm_probe *p;
	unsigned int asked = 0;
	struct gm_mem *m;
	const char *reason;
	char remedy[256];

	if ((l->n2m || l->n1g) &&
	    !gm_platform_huge(l->n2m, l->n1g, &reason, remedy, sizeof(remedy)))
		gm_skip(reason, "%s", remedy);
	m = gm_mem_new(l->kind, l->pages * page);
	for (size_t i = 0; (p = gm_probe_at(i)); i++) {
		if (!suits(p) || !gm_matrix_needs(p->needs))
			continue;
		/* Who clears or copies one page of 1 GiB takes his time. */
		if (l->n1g && p->flags & GM_ACC_SLOW)
			continue;
		/* What this machine refuses altogether is no question of the pages' size. */
		gm_matrix_control(p);
		for (unsigned int k = p->flags & GM_ACC_SLOW ? 1 : 0; k < 2; k++)
			if (!gm_matrix_try(p, l->what, m->hva + at[k], -1, GM_CLASS_ORDINARY, true))
				break;
		asked++;
	}
	gm_note("%u probes", asked);
	gm_mem_free(m);
}

#define LARGE(fn, suffix, need, about, ...)                                                        \
	static const struct large fn##_memory = { __VA_ARGS__ };                                   \
	GM_VARIANT(run, fn, .name = "gup.ordinary." suffix, .clause = "gup.ordinary",              \
		   .profile = "any", .text = "every probe that moves data, on " about,             \
		   .needs = GM_NEEDS(need), .caps = GM_CAPS_ALL,                                   \
		   .tokens = GM_TOKEN_HUGE | GM_TOKEN_IOMMU, .timeout = 60, .arg = &fn##_memory)

LARGE(thp, "thp", THP, "transparent huge pages", "THP", GM_MEM_THP, 2, 0, 0);
LARGE(huge_2m, "hugetlb_2m", HUGE_2M, "2 MiB pages of hugetlb", "hugetlb of 2 MiB", GM_MEM_HUGE_2M,
      2, 2, 0);
LARGE(huge_1g, "hugetlb_1g", HUGE_1G, "a 1 GiB page of hugetlb", "hugetlb of 1 GiB", GM_MEM_HUGE_1G,
      1, 0, 1);

/* Nothing else says what it meets with: the path alone. */
static bool plain(const struct gm_probe *p, unsigned int moves)
{
	static const enum gm_class closed[] = { GM_CLASS_PRIVATE, GM_CLASS_READ_ONLY,
						GM_CLASS_NO_ACCESS };

	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++)
		if (p->want[closed[i]].kind != GM_WANT_DEFAULT)
			return false;
	return suits(p) && p->flags & moves && p->path != GM_PATH_CPU &&
	       p->path != GM_PATH_PROCMEM && gm_matrix_needs(p->needs);
}

/* Where no mmap() that does not ask for it puts anything. */
#define LONELY ((void *)(1UL << 40))

struct closed {
	int prot; /* -1: nothing is mapped */
	unsigned int moves;
	const char *src;
};

static void run_closed(const struct gm_case *self)
{
	const struct closed *c = self->arg;
	const struct gm_want w = GM_ERR(EFAULT, c->src);
	size_t len = GM_MATRIX_CTL_LEN;
	uint8_t *hva = mmap(LONELY, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	const struct gm_probe *p;

	GM_SETUP(hva != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_matrix_poison(hva, len);
	if (c->prot < 0)
		munmap(hva, len);
	else
		GM_SETUP_OK(mprotect(hva, len, c->prot));
	for (size_t i = 0; (p = gm_probe_at(i)); i++) {
		struct gm_access a = { .probe = p, .hva = hva, .len = len, .fd = -1 };
		struct gm_outcome o;

		if (!plain(p, c->moves))
			continue;
		gm_matrix_control(p);
		a.buf = gm_matrix_buf(len);
		gm_matrix_poison(a.buf, len);
		o = gm_access_run(&a);
		gm_matrix_judge(&a, &o, &w, NULL, self->name);
		munmap(a.buf, len);
	}
	if (c->prot >= 0)
		munmap(hva, len);
}

#define CLOSED(fn, suffix, about, ...)                                                             \
	static const struct closed fn##_range = { __VA_ARGS__ };                                   \
	GM_VARIANT(run_closed, fn, .name = "gup.ordinary." suffix, .clause = "gup.ordinary",       \
		   .profile = "any", .text = "every probe that moves data, on " about,             \
		   .caps = GM_CAPS_ALL, .flags = GM_REFUSAL, .tokens = GM_TOKEN_IOMMU,             \
		   .timeout = 60, .arg = &fn##_range)

CLOSED(unmapped, "unmapped", "addresses where nothing is mapped", -1, GM_ACC_READ | GM_ACC_WRITE,
       "mm/gup.c:__get_user_pages(): no VMA");
CLOSED(read_only, "read_only", "anonymous memory that may only be read, to write it", PROT_READ,
       GM_ACC_WRITE, "mm/gup.c:check_vma_flags()");
CLOSED(no_access, "no_access", "anonymous memory that may not be touched, to read it", PROT_NONE,
       GM_ACC_READ, "mm/gup.c:check_vma_flags()");
