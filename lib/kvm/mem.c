// SPDX-License-Identifier: GPL-2.0-only
/* Host memory for slots, and fallocate() on a guest_memfd. */
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "underway.h"
#include "vm.h"

/* include/uapi/linux/mman.h; older headers lack the number. */
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif
#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21U << 26)
#define MFD_HUGE_1GB (30U << 26)
#endif

uint64_t gm_mem_pagesize(enum gm_mem_kind kind)
{
	switch (kind) {
	case GM_MEM_THP:
	case GM_MEM_HUGE_2M:
	case GM_MEM_HUGE_2M_SPARSE:
		return GM_2M;
	case GM_MEM_HUGE_1G:
		return GM_1G;
	default:
		return sysconf(_SC_PAGESIZE);
	}
}

struct gm_mem *gm_mem_new(enum gm_mem_kind kind, uint64_t size)
{
	static const unsigned int mfd[] = {
		[GM_MEM_SHMEM] = MFD_CLOEXEC | MFD_ALLOW_SEALING,
		[GM_MEM_HUGE_2M] = MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB,
		[GM_MEM_HUGE_1G] = MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_1GB,
		[GM_MEM_HUGE_2M_SPARSE] = MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB,
	};
	uint64_t align = gm_mem_pagesize(kind);
	struct gm_mem *m = calloc(1, sizeof(*m));
	bool anon = kind == GM_MEM_ANON || kind == GM_MEM_THP;
	int flags = anon ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;

	GM_SETUP(m, "out of memory");
	m->kind = kind;
	m->size = (size + align - 1) & ~(align - 1);
	m->map_size = m->size + (kind == GM_MEM_THP ? align : 0);
	m->fd = anon ? -1 : GM_SETUP_OK(memfd_create("gm", mfd[kind]));
	if (!anon)
		GM_SETUP_OK(ftruncate(m->fd, m->size));
	if (kind == GM_MEM_HUGE_2M_SPARSE)
		flags |= MAP_NORESERVE;
	m->map = mmap(NULL, m->map_size, PROT_READ | PROT_WRITE, flags, m->fd, 0);
	GM_SETUP(m->map != MAP_FAILED, "mmap of %#lx bytes in pages of %#lx: %s", m->map_size,
		 align, gm_errno_name(errno));
	m->hva = (uint8_t *)(((uintptr_t)m->map + align - 1) & ~(align - 1));
	if (anon)
		madvise(m->hva, m->size, kind == GM_MEM_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return m;
}

void gm_mem_free(struct gm_mem *m)
{
	munmap(m->map, m->map_size);
	if (m->fd >= 0)
		close(m->fd);
	free(m);
}

int __gm_gmem_punch(int gmem, uint64_t off, uint64_t len)
{
	return GM_CALL("fallocate(PUNCH_HOLE)",
		       fallocate(gmem, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, off, len));
}

int __gm_gmem_allocate(int gmem, uint64_t off, uint64_t len)
{
	return GM_CALL("fallocate()", fallocate(gmem, FALLOC_FL_KEEP_SIZE, off, len));
}

void gm_gmem_punch(int gmem, uint64_t off, uint64_t len)
{
	GM_GRANTED(!__gm_gmem_punch(gmem, off, len), "punch %#lx+%#lx: %s", off, len,
		   gm_errno_name(errno));
}

void gm_gmem_allocate(int gmem, uint64_t off, uint64_t len)
{
	GM_GRANTED(!__gm_gmem_allocate(gmem, off, len), "allocate %#lx+%#lx: %s", off, len,
		   gm_errno_name(errno));
}

int64_t gm_gmem_cached(int gmem, uint64_t off, uint64_t len)
{
	struct {
		uint64_t off, len;
	} range = { off, len };
	struct {
		uint64_t cached, dirty, writeback, evicted, recently_evicted;
	} stat = {};

	if (syscall(__NR_cachestat, gmem, &range, &stat, 0)) {
		GM_SETUP(errno == ENOSYS, "cachestat: %s", gm_errno_name(errno));
		return -1;
	}
	return stat.cached;
}
