/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the fungible.* cases on a guest_memfd of huge pages. */
#ifndef FUNGIBLE_HUGE_H
#define FUNGIBLE_HUGE_H

#include "fixture.h"
#include "gm.h"
#include "pool.h"

#define PG GM_PAGE_SIZE
#define FH_NEEDS GM_NEEDS(GMEM_HUGE, TDP)

/* A VM on a new file of n private huge pages of `page` bytes, in one slot at GM_BASE. */
struct gm_fixture *fh_new(uint64_t page, uint64_t n);
/* The size of the huge pages of a case that states .huge_2m or .huge_1g. */
uint64_t fh_page(const struct gm_case *self);

/* gfn of single page p of the file. */
static inline uint64_t fh_gfn(const struct gm_fixture *w, uint64_t p)
{
	return GFN(w->gpa) + p;
}

/*
 * gm_pool_expect() for the end of a file: its pages may come back a moment later, when the last
 * reference to them goes. Waits at most five seconds.
 */
bool fh_settle(const struct gm_pool *before, long taken, long resv, const char *when);
/*
 * Reserves all huge pages of the pool but n, until the case ends or fh_rest_end(). Others cannot
 * use the pool meanwhile.
 */
struct fh_rest {
	uint8_t *map;
	uint64_t len;
	int fd;
};
struct fh_rest fh_rest_but(uint64_t page, long n);
void fh_rest_end(struct fh_rest *rest);
/* Expects that neither a guest_memfd nor hugetlbfs gets one huge page more. */
void fh_expect_none_left(struct gm_vm *vm, uint64_t page, const char *when);
/* If the kernel refuses GUP of shared page p (P5): frees the fixture and SKIPs. */
void fh_need_gup(struct gm_fixture *w, uint64_t p);
/*
 * Settings that the case changes: restored by fh_journal_restore(), and at the end of the case
 * whatever happens. fh_set() ends the case with an ERROR if the file cannot be written.
 */
void fh_journal_open(void);
void fh_set(const char *path, const char *value);
void fh_journal_restore(void);
/* A guest_memfd of n huge pages; -1 and errno. */
int __fh_file(struct gm_vm *vm, uint64_t page, uint64_t n);

#endif
