// SPDX-License-Identifier: GPL-2.0-only
/* A map also references its process, mm and user: the unmap drops these references. */
#include <sys/wait.h>
#include <time.h>

#include "dma_memory.h"
#include "time_factor.h"

#define PG GM_PAGE_SIZE
#define CHILDREN 64
#define ROUNDS 4
#define FIRST_USER 61000 /* unused uids */

static const char *const caches[] = { "mm_struct", "task_struct", "uid_cache" };

#define NR_CACHES (sizeof(caches) / sizeof(caches[0]))

/* Objects in use, from /proc/slabinfo; -1: this kernel has merged that cache with another. */
static void count(long *in_use)
{
	FILE *f = fopen("/proc/slabinfo", "r");
	char line[512], name[64];
	long n;

	if (!f)
		gm_skip("no /proc/slabinfo", "CONFIG_SLUB_DEBUG=y, and run as root");
	for (unsigned int i = 0; i < NR_CACHES; i++)
		in_use[i] = -1;
	while (fgets(line, sizeof(line), f))
		for (unsigned int i = 0; i < NR_CACHES; i++)
			if (sscanf(line, "%63s %ld", name, &n) == 2 && !strcmp(name, caches[i]))
				in_use[i] = n;
	fclose(f);
}

/* Each map and unmap in its own process with its own uid. */
static void maps(struct dma_memory *m, unsigned int rounds)
{
	for (unsigned int i = 0; i < rounds * CHILDREN; i++) {
		pid_t pid = GM_SETUP_OK(fork());
		uint64_t at = IOVA, len = PG;
		int status;

		if (!pid) {
			uid_t uid = FIRST_USER + i;

			_exit(setresuid(uid, uid, uid) ||
			      __gm_map_file(m->iommu, m->ioas, m->fd, 0, PG, &at, GM_RW) ||
			      __gm_unmap(m->iommu, m->ioas, at, &len));
		}
		GM_SETUP_OK(waitpid(pid, &status, 0));
		GM_ASSERT(!status, "map and unmap by process %u: status %#x", i, status);
	}
}

GM_CASE(objects, .name = "iommu.lifetime.objects", .clause = "iommu.lifetime",
	.iommu = GM_IOMMU_MOCK, .needs = GM_NEEDS(ROOT), .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_ALONE, .profile = "IO", .flags = GM_FULL_ONLY,
	.text = "256 processes with their own uids map, unmap and exit: the kernel frees all their objects")
{
	struct dma_memory m = dma_memory_new(self->iommu, PG, 0);
	struct timespec pause = { .tv_nsec = 20000000 };
	long before[NR_CACHES], after[NR_CACHES];
	int tries = 0;
	bool kept;

	/* Warm-up: the allocator's own caches are filled after that. */
	maps(&m, 2);
	count(before);
	maps(&m, ROUNDS);
	do {
		nanosleep(&pause, NULL);
		count(after);
		kept = false;
		for (unsigned int i = 0; i < NR_CACHES; i++)
			kept = kept || after[i] - before[i] >= ROUNDS * CHILDREN / 2;
	} while (kept && ++tries < gm_time_limit(100));
	for (unsigned int i = 0; i < NR_CACHES; i++) {
		if (before[i] < 0)
			gm_note("%s has no cache of its own in this kernel", caches[i]);
		GM_EXPECT(after[i] - before[i] < ROUNDS * CHILDREN / 2,
			  "%s: %ld objects before, %ld after %d maps", caches[i], before[i],
			  after[i], ROUNDS * CHILDREN);
	}
	dma_memory_free(&m);
}
