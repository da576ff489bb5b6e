// SPDX-License-Identifier: GPL-2.0-only
/* A slot of 2 MiB over a memfd whose faults the case answers. */
#include <sys/mman.h>

#include "uffd_served.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static uint8_t *map_aligned(int fd)
{
	uint8_t *area = mmap(NULL, 2 * GM_2M, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at;

	GM_SETUP(area != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	at = (uint8_t *)(((uintptr_t)area + GM_2M - 1) & -GM_2M);
	munmap(area, 2 * GM_2M);
	at = mmap(at, GM_2M, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	GM_SETUP(at != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	return at;
}

void served_new(struct served *a, int fd, void (*answer)(struct uffd_server *s, uint64_t page))
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .mem = GM_MEM_SHMEM, .no_slot = true);

	*a = (struct served){ .w = w, .fd = fd < 0 ? w->mem->fd : fd };
	a->other = map_aligned(a->fd);
	a->s = (struct uffd_server){
		.vm = w->vm, .hva = map_aligned(a->fd), .gpa = w->gpa, .answer = answer, .user = a
	};
	gm_slot_set(w->vm, GM_SLOT, 0, w->gpa, GM_2M, a->s.hva, w->gmem, 0);
}

void served_register(struct served *a, uint64_t features, uint64_t mode)
{
	a->s.uffd = gm_uffd_open(features);
	gm_uffd_register(a->s.uffd, a->s.hva, GM_2M, mode);
}

void served_free(struct served *a)
{
	close(a->s.uffd);
	gm_slot_delete(a->w->vm, GM_SLOT);
	munmap(a->s.hva, GM_2M);
	munmap(a->other, GM_2M);
	gm_fixture_free(a->w);
}

void served_fill(struct served *a, uint64_t page, uint64_t n, unsigned int gen)
{
	gm_host_fill(a->other + page * PG, GFN(a->w->gpa) + page, n, GM_WRITER_SHARED, gen);
}

uint64_t served_word(struct served *a, uint64_t page, unsigned int gen)
{
	return gm_word(GFN(a->w->gpa) + page, GM_WRITER_SHARED, gen, 0);
}

void served_collapse(uint8_t *hva)
{
	if (madvise(hva, GM_2M, MADV_COLLAPSE))
		gm_skip("no huge folios in shmem",
			"CONFIG_TRANSPARENT_HUGEPAGE, and memory that is not fragmented (MADV_COLLAPSE: %s)",
			gm_errno_name(errno));
}

void served_continue(struct uffd_server *s, uint64_t page)
{
	int64_t n = __gm_uffd_continue(s->uffd, s->hva + page * PG, PG);

	GM_EXPECT(n == (int64_t)PG, "UFFDIO_CONTINUE of page %lu: expected %#lx bytes, observed %s",
		  page, PG, n < 0 ? gm_errno_name(errno) : "another number");
	if (n < 0)
		gm_uffd_wake(s->uffd, s->hva + page * PG, PG);
}

void served_fill_continue(struct uffd_server *s, uint64_t page)
{
	served_fill(s->user, page, 1, 2);
	served_continue(s, page);
}

void served_fill_wake(struct uffd_server *s, uint64_t page)
{
	served_fill(s->user, page, 1, 2);
	gm_uffd_wake(s->uffd, s->hva + page * PG, PG);
}
