// SPDX-License-Identifier: GPL-2.0-only
/* Accesses of the host to a page: by load, by store, and its page tables. */
#include <signal.h>

#include "guard.h"
#include "inplace.h"
#include "pagemap.h"

/* The handler stays installed, so that an access needs no system call. */
static void catch_bus(void)
{
	static bool caught;

	if (!caught)
		GM_SETUP_OK(gm_guard_catch(SIGBUS, NULL));
	caught = true;
}

static bool check_fault(bool ok, const struct gm_fault *f)
{
	GM_SETUP(ok || f->sig == SIGBUS, "signal %d, code %d, at %#lx", f->sig, f->code, f->addr);
	return ok;
}

bool ip_load(const void *hva, uint64_t *word)
{
	struct gm_fault f;

	catch_bus();
	return check_fault(gm_guard_load(hva, word, &f), &f);
}

bool ip_store(void *hva, uint64_t word)
{
	struct gm_fault f;

	catch_bus();
	return check_fault(gm_guard_store(hva, word, &f), &f);
}

static void pagemap(const void *hva, uint64_t *entry, size_t n)
{
	GM_SETUP(gm_pagemap_read(hva, n, entry),
		 "/proc/self/pagemap cannot be read: CONFIG_PROC_PAGE_MONITOR");
}

bool ip_present(const void *hva)
{
	uint64_t entry;

	pagemap(hva, &entry, 1);
	return entry & GM_PAGEMAP_PRESENT;
}

uint64_t ip_nr_present(struct gm_fixture *w, uint64_t page, uint64_t n)
{
	uint64_t *entry = calloc(n, sizeof(*entry)), present = 0;

	GM_SETUP(entry, "out of memory");
	pagemap(w->hva + page * PG, entry, n);
	for (uint64_t i = 0; i < n; i++)
		present += !!(entry[i] & GM_PAGEMAP_PRESENT);
	free(entry);
	return present;
}

void ip_expect_state(struct gm_fixture *w, uint64_t page, uint64_t n, const char *when)
{
	uint64_t word;

	for (uint64_t i = page; i < page + n; i++) {
		bool private = gm_model_private(w->model, ip_gfn(w, i));
		bool loaded = ip_load(w->hva + i * PG, &word);

		if (loaded == !private)
			continue;
		gm_checked();
		GM_FAIL_AT(GM_PAGE(.off = GM_AT(i * PG), .hva = GM_AT((uintptr_t)w->hva + i * PG)),
			   "%s: page %lu must be %s, the host's load %s", when, i,
			   private ? "private" : "shared", loaded ? "succeeded" : "was SIGBUS");
		gm_end();
	}
	gm_checked();
}

void ip_expect_all(struct gm_fixture *w, const char *when)
{
	ip_expect_state(w, 0, PAGES(w->size), when);
	gm_fixture_check_guest(w, 0, GFN(w->gpa), PAGES(w->size), 8, when);
	gm_fixture_check_host(w, GFN(w->gpa), PAGES(w->size), 8, when);
}
