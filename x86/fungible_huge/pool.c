// SPDX-License-Identifier: GPL-2.0-only
/* Files of huge pages, and the rest of the pool. */
#include <sys/mman.h>
#include <sys/uio.h>

#include "fungible_huge.h"
#include "gmem_huge.h"
#include "iommu.h"
#include "journal.h"

struct gm_fixture *fh_new(uint64_t page, uint64_t n)
{
	return GM_FIXTURE(.size = n * page, .file_page = page, .starts_private = true,
			  .guest_page = GM_1G, .uaddr = GM_UADDR_NONE);
}

uint64_t fh_page(const struct gm_case *self)
{
	return self->huge_1g ? GM_1G : GM_2M;
}

bool fh_settle(const struct gm_pool *before, long taken, long resv, const char *when)
{
	struct gm_pool now;

	for (int i = 0; i < 100; i++) {
		gm_pool_read(&now, before->size);
		if (now.free == before->free - taken && now.resv == before->resv + resv)
			break;
		usleep(50 * 1000);
	}
	return gm_pool_expect(before, taken, resv, when);
}

static uint8_t *reserve(uint64_t page, uint64_t len, int *fd)
{
	uint8_t *map;

	*fd = gm_memfd_new(len, page);
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (map == MAP_FAILED) {
		close(*fd);
		*fd = -1;
		return NULL;
	}
	return map;
}

struct fh_rest fh_rest_but(uint64_t page, long n)
{
	struct fh_rest rest = { .fd = -1 };
	struct gm_pool now;

	gm_pool_read(&now, page);
	GM_SETUP(now.free - now.resv >= n, "%ld free pages of %lu kB, expected %ld",
		 now.free - now.resv, page / 1024, n);
	rest.len = (now.free - now.resv - n) * page;
	if (!rest.len)
		return rest;
	rest.map = reserve(page, rest.len, &rest.fd);
	GM_SETUP(rest.map, "%lu pages of the pool: %s", rest.len / page, gm_errno_name(errno));
	return rest;
}

void fh_rest_end(struct fh_rest *rest)
{
	if (!rest->map)
		return;
	munmap(rest->map, rest->len);
	close(rest->fd);
	rest->map = NULL;
}

void fh_need_gup(struct gm_fixture *w, uint64_t p)
{
	uint64_t word;
	struct iovec local = { &word, 8 }, remote = { w->hva + p * PG, 8 };

	if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 8)
		return;
	gm_fixture_free(w);
	gm_skip("GUP of shared pages is refused (P5)", "boot without gup_guest_memfd=0");
}

static struct gm_journal journal;

static void restore(void *arg __attribute__((unused)))
{
	gm_journal_restore(&journal);
}

void fh_journal_open(void)
{
	GM_SETUP(!gm_journal_open(&journal, gm_journal_dir()), "no journal");
	gm_cleanup(restore, NULL);
}

void fh_set(const char *path, const char *value)
{
	GM_SETUP(!gm_journal_set(&journal, path, value), "%s cannot be written", path);
}

void fh_journal_restore(void)
{
	gm_journal_restore(&journal);
}

int __fh_file(struct gm_vm *vm, uint64_t page, uint64_t n)
{
	return __gm_gmem_new(vm, n * page, GUEST_MEMFD_FLAG_MMAP | gm_gmem_huge_flags(page));
}

void fh_expect_none_left(struct gm_vm *vm, uint64_t page, const char *when)
{
	uint8_t *map;
	int fd;

	GM_EXPECT_ERRNO(ENOMEM, __fh_file(vm, page, 1), "a guest_memfd, %s", when);
	map = reserve(page, page, &fd);
	GM_EXPECT(!map && errno == ENOMEM, "hugetlbfs, %s: expected ENOMEM, observed %s", when,
		  map ? "success" : gm_errno_name(errno));
	if (!map)
		return;
	munmap(map, page);
	close(fd);
}
