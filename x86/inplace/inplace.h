/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the cases of conv.inplace_*: the raw ioctl, accesses of the host, a fixture whose file
 * starts shared or private, and holders of pages.
 */
#ifndef GM_INPLACE_H
#define GM_INPLACE_H

#include <sys/capability.h>

#include "batch.h"
#include "fixture.h"
#include "gm.h"

#define PG GM_PAGE_SIZE
#define PRIVATE KVM_MEMORY_ATTRIBUTE_PRIVATE

#define IP_NEEDS GM_NEEDS(SW_PROTECTED, INPLACE)

/* The initial state of all pages of the file. Neither state needs a record. */
struct ip_start {
	bool private_first;
};

extern const struct ip_start ip_starts_shared, ip_starts_private;

/*
 * GM_CASES() with a case for each start of the file: `n`, and `n`.private_first. IP_CASES(fn, v, "name",
 * "text", ...) { body }.
 */
#define IP_CASES(fn, v, n, about, ...)                                                             \
	static void fn(const struct gm_case *self);                                                \
	GM_VARIANT(fn, fn##_shared, .name = n, .text = about, .arg = &ip_starts_shared,            \
		   __VA_ARGS__)                                                                    \
	GM_VARIANT(fn, fn##_private, .name = n ".private_first",                                   \
		   .text = about "; the file starts private", .arg = &ip_starts_private,           \
		   __VA_ARGS__)                                                                    \
	GM_CASES(fn, struct ip_start, v)

/* --- the ioctl (ioctl.c) --- */

/* The argument of a legal conversion, error_offset ~0. */
struct gm_memory_attributes2 ip_arg(uint64_t off, uint64_t size, bool to_private);
/* -1 and errno. */
int ip_set(int fd, struct gm_memory_attributes2 *arg);
/*
 * Converts pages [page, page + n) of the fixture's file to private. Expects EAGAIN with the offset
 * of page `busy` in error_offset, and no other change of the argument. False: a check failed.
 */
bool ip_expect_busy(struct gm_fixture *w, uint64_t page, uint64_t n, uint64_t busy,
		    const char *when);
/*
 * A legal conversion by the raw ioctl; updates the model. A refusal is a failed check. False:
 * refused.
 */
bool ip_convert(struct gm_fixture *w, uint64_t page, uint64_t n, bool to_private, const char *when);

/* --- accesses of the host (see.c) --- */

/* False: SIGBUS. Any other signal ends the case as usual. One thread at a time. */
bool ip_load(const void *hva, uint64_t *word);
bool ip_store(void *hva, uint64_t word);
/* Is there an entry in this process's page tables? */
bool ip_present(const void *hva);
/* How many pages of [page, page + n) of the fixture's mapping have one. */
uint64_t ip_nr_present(struct gm_fixture *w, uint64_t page, uint64_t n);
/* Loads from each page: SIGBUS exactly if the model has it private. Ends the case on a miss. */
void ip_expect_state(struct gm_fixture *w, uint64_t page, uint64_t n, const char *when);
/* Checks state and content of the whole file, from the host and vCPU 0. */
void ip_expect_all(struct gm_fixture *w, const char *when);

/* --- the fixture, and initial contents (contents.c) --- */

/* A fixture on a file that starts private, or shared. */
#define IP_FIXTURE(private_first, ...) GM_FIXTURE(.starts_private = private_first, __VA_ARGS__)
static inline uint64_t ip_gfn(const struct gm_fixture *w, uint64_t page)
{
	return GFN(w->gpa) + page;
}
/* All pages shared and written by the guest, then every third one by the host. */
void ip_all_shared(struct gm_fixture *w);
/* The same, then every third page from page 1 on private, and written again. */
void ip_striped(struct gm_fixture *w);

/* KiB of a field of /proc/meminfo; 0: there is no such field. */
long ip_meminfo_kb(const char *what);

/* --- holders of pages (hold.c) --- */

struct ip_hold;

struct ip_holder {
	const char *name;
	void (*take)(struct ip_hold *h);
	void (*drop)(struct ip_hold *h);
};

extern const struct ip_holder ip_gup_read, ip_gup_write, ip_gup_fast, ip_vmsplice, ip_io_uring,
	ip_iommufd;

#define IP_HOLD_PAGES 64

struct ip_hold {
	const struct ip_holder *by;
	uint8_t *window; /* the held pages, one after the other */
	size_t n;
	int fd[2];
	void *priv;
};

/*
 * Holds pages page[0..n) of the file, which must be shared, until ip_drop(). h->window maps them.
 */
void ip_take(struct ip_hold *h, const struct ip_holder *by, struct gm_fixture *w,
	     const uint64_t *page, size_t n);
void ip_drop(struct ip_hold *h);
/*
 * For ip_io_uring: accesses the first eight bytes of the first page through the registered buffer,
 * not by address. 0, or an errno.
 */
int ip_ring_write(struct ip_hold *h, uint64_t word);
int ip_ring_read(struct ip_hold *h, uint64_t *word);

#endif
