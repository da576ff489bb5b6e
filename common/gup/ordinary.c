// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probes that are refused for guest_memfd must reach each page of ordinary memory, also of huge
 * pages, with the right bytes; and they must refuse inaccessible memory with the same errno. One
 * case for each kind of memory, with every probe that moves data.
 */
#include <errno.h>
#include <sys/mman.h>

#include "access/access.h"
#include "gm.h"
#include "access/matrix.h"

GM_FILE(.clause = "gup.ordinary", .profile = "any", .caps = GM_CAPS_ALL, .tokens = GM_TOKEN_IOMMU,
	.timeout = 60)

struct large {
	const char *what;
	enum gm_mem_kind kind;
	unsigned int pages;    /* huge pages */
	unsigned int n2m, n1g; /* of them from the pools */
};

/* Does the probe move data of a mapping, harmless and with the rights of this case? */
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

GM_CASES(run, struct large, l)
{
	uint64_t page = gm_mem_pagesize(l->kind);
	/* Inside a huge page, and across two, if there are two. */
	uint64_t at[] = { 5 * GM_PAGE_SIZE,
			  l->pages > 1 ? page - GM_MATRIX_CTL_LEN / 2 : page / 2 - GM_PAGE_SIZE };
	const struct gm_probe *p;
	unsigned int nr_probes = 0;
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
		/* Clearing or copying a page of 1 GiB is slow. */
		if (l->n1g && p->flags & GM_ACC_SLOW)
			continue;
		/* Control: the probe works with small pages. */
		gm_matrix_control(p);
		for (unsigned int k = p->flags & GM_ACC_SLOW ? 1 : 0; k < 2; k++)
			if (!gm_matrix_try(p, l->what, m->hva + at[k], -1, GM_CLASS_ORDINARY, true))
				break;
		nr_probes++;
	}
	gm_note("%u probes", nr_probes);
	gm_mem_free(m);
}

GM_ROW(run, thp, .name = "gup.ordinary.thp",
       .text = "every probe that moves data, on transparent huge pages", .needs = GM_NEEDS(THP),
       .tokens = GM_TOKEN_HUGE) = {
	.what = "THP",
	.kind = GM_MEM_THP,
	.pages = 2,
};
GM_ROW(run, huge_2m, .name = "gup.ordinary.hugetlb_2m",
       .text = "every probe that moves data, on 2 MiB pages of hugetlb", .needs = GM_NEEDS(HUGE_2M),
       .tokens = GM_TOKEN_HUGE) = {
	.what = "hugetlb of 2 MiB",
	.kind = GM_MEM_HUGE_2M,
	.pages = 2,
	.n2m = 2,
};
GM_ROW(run, huge_1g, .name = "gup.ordinary.hugetlb_1g",
       .text = "every probe that moves data, on a 1 GiB page of hugetlb",
       .needs = GM_NEEDS(HUGE_1G), .tokens = GM_TOKEN_HUGE) = {
	.what = "hugetlb of 1 GiB",
	.kind = GM_MEM_HUGE_1G,
	.pages = 1,
	.n1g = 1,
};

/* Does the probe have only its path's default results? */
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

/* An address that mmap() never chooses by itself. */
#define UNUSED_HVA ((void *)(1UL << 40))

struct closed {
	int prot; /* -1: nothing is mapped */
	unsigned int moves;
	const char *src;
};

GM_CASES(run_closed, struct closed, c)
{
	const struct gm_want w = GM_ERR(EFAULT, c->src);
	size_t len = GM_MATRIX_CTL_LEN;
	uint8_t *hva = mmap(UNUSED_HVA, len, PROT_READ | PROT_WRITE,
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

GM_ROW(run_closed, unmapped, .name = "gup.ordinary.unmapped",
       .text = "every probe that moves data, on unmapped addresses", .flags = GM_REFUSAL) = {
	.prot = -1,
	.moves = GM_ACC_READ | GM_ACC_WRITE,
	.src = "mm/gup.c:__get_user_pages(): no VMA",
};
GM_ROW(run_closed, read_only, .name = "gup.ordinary.read_only",
       .text = "every probe that moves data, writing to read-only anonymous memory",
       .flags = GM_REFUSAL) = {
	.prot = PROT_READ,
	.moves = GM_ACC_WRITE,
	.src = "mm/gup.c:check_vma_flags()",
};
GM_ROW(run_closed, no_access, .name = "gup.ordinary.no_access",
       .text = "every probe that moves data, reading inaccessible anonymous memory",
       .flags = GM_REFUSAL) = {
	.prot = PROT_NONE,
	.moves = GM_ACC_READ,
	.src = "mm/gup.c:check_vma_flags()",
};
