// SPDX-License-Identifier: GPL-2.0-only
/*
 * A memfd of huge pages is truncated while a page of it is mapped by file: iommu.lifetime. Linux
 * 7.3.4 fails it, see findings/iommufd-truncate-race.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "dma_memory.h"
#include "pool.h"

GM_FILE(.clause = "iommu.lifetime", .profile = "IO", .iommu = GM_IOMMU_MOCK)

#define TRIES 400

struct race {
	struct dma_memory *m;
	atomic_uint go, done;
};

/* The kernel zeroes the page before it is in the page cache: that is long enough for a truncation. */
static void *map_page(void *arg)
{
	struct race *r = arg;
	unsigned int now = 0;

	while (now < TRIES) {
		uint64_t at = IOVA;

		while (atomic_load(&r->go) == now)
			;
		now = atomic_load(&r->go);
		__gm_map_file(r->m->iommu, r->m->ioas, r->m->fd, 0, GM_2M, &at, GM_RW);
		atomic_store(&r->done, now);
	}
	return NULL;
}

GM_CASE(truncate_race, .name = "iommu.lifetime.truncate_race", .huge_2m = 2, .timeout = 120,
	.flags = GM_FULL_ONLY | GM_DESTRUCTIVE,
	.text = "a huge page is mapped by file during a truncation to 0: no page is past the end, all reservations are still there")
{
	struct dma_memory m = dma_memory_new_empty(self->iommu, GM_2M, GM_2M);
	struct race r = { .m = &m };
	unsigned int i, mapped = 0;
	uint64_t len = GM_2M;
	struct gm_pool before;
	pthread_t thread;

	/* A mapping would hold reservations. */
	munmap(m.hva, m.size);
	m.hva = NULL;
	GM_SETUP_OK(ftruncate(m.fd, 0));
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	gm_pool_read(&before, GM_2M);
	GM_SETUP(!pthread_create(&thread, NULL, map_page, &r), "pthread_create");
	for (i = 1; i < TRIES && !gm_failures(); i++) {
		struct stat st;

		GM_SETUP_OK(ftruncate(m.fd, GM_2M));
		atomic_store(&r.go, i);
		/* The last tries do not race: the map is the control. */
		for (volatile unsigned int k = 0; k < i % 64 * 1000; k++)
			;
		while (i > TRIES - 4 && atomic_load(&r.done) < i)
			;
		GM_SETUP_OK(ftruncate(m.fd, 0));
		while (atomic_load(&r.done) < i)
			;
		GM_SETUP_OK(fstat(m.fd, &st));
		GM_EXPECT_EQ(st.st_blocks, 0, "try %u: blocks of a file of 0 bytes", i);
		mapped += !__gm_unmap(m.iommu, m.ioas, IOVA, &len);
		gm_pool_expect(&before, 0, 0, "truncated and unmapped");
	}
	atomic_store(&r.go, TRIES);
	pthread_join(thread, NULL);
	__gm_unmap(m.iommu, m.ioas, IOVA, &len);
	gm_control(mapped || gm_failures(), "a map by file of a huge page");
	dma_memory_free(&m);
}
