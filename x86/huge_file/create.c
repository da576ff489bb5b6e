// SPDX-License-Identifier: GPL-2.0-only
/* Which files of huge pages can be made, and what they take from the pool: huge_file.create. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "huge_file.h"

GM_FILE(.clause = "huge_file.create", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = GM_NEEDS(GMEM_HUGE))

/* The file's flags and its size in bytes. */
struct refused {
	const char *what;
	uint64_t flags, size;
};

#define SIZE_OF(shift) ((uint64_t)(shift) << GM_GMEM_HUGE_SHIFT)

static void expect_refused(struct gm_vm *vm, const struct refused *r, int err)
{
	struct gm_pool small, big;
	int fd;

	gm_pool_read(&small, GM_2M);
	gm_pool_read(&big, GM_1G);
	errno = 0;
	fd = __gm_gmem_new(vm, r->size, r->flags);
	GM_EXPECT(fd == -1 && errno == err, "%s, flags %#lx, size %#lx: expected %s, observed %s",
		  r->what, r->flags, r->size, gm_errno_name(err),
		  fd >= 0 ? "a file" : gm_errno_name(errno));
	gm_pool_expect(&small, 0, 0, r->what);
	gm_pool_expect(&big, 0, 0, r->what);
	if (fd >= 0)
		close(fd);
}

/* Positive control: the file can be made, and reserves all of its pages. */
static void expect_made(struct gm_vm *vm, uint64_t page, uint64_t n)
{
	struct gm_pool before;
	int fd;

	gm_pool_read(&before, page);
	fd = __gm_gmem_new(vm, n * page, gm_gmem_huge_flags(page) | GUEST_MEMFD_FLAG_MMAP);
	gm_control(fd >= 0, "a file of %lu pages of %lu kB: %s", n, page / 1024,
		   gm_errno_name(errno));
	gm_pool_expect(&before, 0, n, "a new file");
	close(fd);
	gm_pool_expect(&before, 0, 0, "closed again");
}

static bool has_pool(unsigned int shift)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%lukB",
		 (1UL << shift) / 1024);
	return !access(path, F_OK);
}

GM_CASE(args, .name = "huge_file.create.args", .flags = GM_REFUSAL, .huge_2m = 4, .huge_1g = 1,
	.text = "page size without flag, flag without page size, sizes of no pool, INIT_SHARED, misaligned file sizes: EINVAL, nothing is taken")
{
	const uint64_t m2 = gm_gmem_huge_flags(GM_2M), g1 = gm_gmem_huge_flags(GM_1G);
	const struct refused rows[] = {
		{ "a page size without the flag", SIZE_OF(21), GM_2M },
		{ "a page size of 1 GiB without the flag", SIZE_OF(30), GM_1G },
		{ "a page size without the flag, MMAP", SIZE_OF(21) | GUEST_MEMFD_FLAG_MMAP,
		  GM_2M },
		{ "the flag without a page size", GM_GMEM_FLAG_HUGETLB, GM_2M },
		{ "INIT_SHARED", m2 | GUEST_MEMFD_FLAG_INIT_SHARED, GM_2M },
		{ "INIT_SHARED and MMAP", m2 | GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED,
		  GM_2M },
		{ "INIT_SHARED, 1 GiB", g1 | GUEST_MEMFD_FLAG_INIT_SHARED, GM_1G },
		{ "the next flag", m2 | GM_GMEM_FLAG_HUGETLB << 1, GM_2M },
		{ "the flag below the page size", m2 | 1UL << 25, GM_2M },
		{ "the flag above the page size", m2 | 1UL << 32, GM_2M },
		{ "the highest flag", m2 | 1UL << 63, GM_2M },
		{ "no size", m2, 0 },
		{ "one single page", m2, PG },
		{ "a page less than a huge page", m2, GM_2M - PG },
		{ "a page more than a huge page", m2, GM_2M + PG },
		{ "one and a half huge pages", m2, GM_2M * 3 / 2 },
		{ "not even single pages", m2, GM_2M + 1 },
		{ "2 MiB of a file of 1 GiB pages", g1, GM_2M },
		{ "1 GiB and 2 MiB", g1, GM_1G + GM_2M },
		{ "1 GiB less one page", g1, GM_1G - PG },
		{ "a negative size", m2, -GM_2M },
	};
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);

	expect_made(vm, GM_2M, 1);
	expect_made(vm, GM_2M, 4);
	expect_made(vm, GM_1G, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		expect_refused(vm, &rows[i], EINVAL);
	for (unsigned int shift = 0; shift < 64; shift++) {
		const struct refused r = { "a page size of no pool",
					   GM_GMEM_FLAG_HUGETLB | SIZE_OF(shift),
					   1UL << (shift < 21 ? 21 : shift) };

		if (!has_pool(shift) || !shift)
			expect_refused(vm, &r, EINVAL);
	}
	gm_vm_free(vm);
}

GM_CASE(ordinary_vm, .name = "huge_file.create.ordinary_vm", .flags = GM_REFUSAL, .huge_2m = 1,
	.text = "a VM without private memory: EINVAL, nothing is taken")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT);
	struct gm_vm *other = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);
	const uint64_t flags = gm_gmem_huge_flags(GM_2M);

	expect_made(other, GM_2M, 1);
	expect_refused(vm, &(const struct refused){ "an ordinary VM", flags, GM_2M }, EINVAL);
	expect_refused(vm,
		       &(const struct refused){ "an ordinary VM, MMAP",
						flags | GUEST_MEMFD_FLAG_MMAP, GM_2M },
		       EINVAL);
	gm_vm_free(vm);
	gm_vm_free(other);
}

struct pool_of {
	uint64_t page;
};

/* The pool has `nr` pages that nobody has reserved. */
GM_CASES(pool, struct pool_of, v)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);
	const uint64_t flags = gm_gmem_huge_flags(v->page);
	struct gm_pool before;
	uint64_t nr;
	void *all;
	int fd;

	gm_pool_read(&before, v->page);
	nr = before.free - before.resv;
	expect_made(vm, v->page, 1);
	expect_refused(vm,
		       &(const struct refused){ "one page too many", flags, (nr + 1) * v->page },
		       ENOMEM);
	expect_refused(vm, &(const struct refused){ "twice the pool", flags, 2 * nr * v->page },
		       ENOMEM);
	expect_refused(vm, &(const struct refused){ "2^62 bytes", flags, 1UL << 62 }, ENOMEM);

	/* All of it is reserved: the next file gets none, and gets one when this one is gone. */
	fd = GM_EXPECT_OK(__gm_gmem_new(vm, nr * v->page, flags));
	gm_pool_expect(&before, 0, nr, "a file of the whole pool");
	expect_refused(vm, &(const struct refused){ "all are reserved", flags, v->page }, ENOMEM);
	close(fd);
	gm_pool_expect(&before, 0, 0, "the file of the whole pool is gone");
	expect_made(vm, v->page, 1);

	/* Somebody else's reservations and pages count, too. */
	all = mmap(NULL, nr * v->page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
			   __builtin_ctzll(v->page) << MAP_HUGE_SHIFT,
		   -1, 0);
	GM_SETUP(all != MAP_FAILED, "mmap of the pool: %s", gm_errno_name(errno));
	gm_pool_expect(&before, 0, nr, "hugetlb memory that is not touched");
	expect_refused(vm,
		       &(const struct refused){ "hugetlb memory has reserved all", flags, v->page },
		       ENOMEM);
	*(volatile char *)all = 1;
	expect_refused(vm, &(const struct refused){ "hugetlb memory has it", flags, v->page },
		       ENOMEM);
	munmap(all, nr * v->page);
	expect_made(vm, v->page, 1);
	gm_vm_free(vm);
}
GM_ROW(pool, pool_2m, .name = "huge_file.create.pool.2m", .flags = GM_REFUSAL, .huge_2m = 2,
       .text = "2 MiB pages: more than the pool has, or than is not reserved, is ENOMEM and changes nothing; all of it can be had") = {
	.page = GM_2M
};
GM_ROW(pool, pool_1g, .name = "huge_file.create.pool.1g", .flags = GM_REFUSAL, .huge_1g = 1,
       .text = "1 GiB pages: more than the pool has, or than is not reserved, is ENOMEM and changes nothing; all of it can be had") = {
	.page = GM_1G
};

static void expect_blocks(struct hf_vm *h, uint64_t allocated, const char *when)
{
	struct stat st;

	GM_SETUP_OK(fstat(h->w->gmem, &st));
	GM_EXPECT_EQ(st.st_size, h->n * h->page, "%s: st_size", when);
	GM_EXPECT_EQ(st.st_blksize, h->page, "%s: st_blksize", when);
	GM_EXPECT_EQ(st.st_blocks, allocated * h->page / 512, "%s: st_blocks", when);
	hf_expect_pool(h, allocated, when);
}

GM_CASES(stat_blocks, struct pool_of, v)
{
	uint64_t n = self->huge_1g ?: self->huge_2m;
	struct hf_vm *h = hf_new(v->page, n, 1);

	expect_blocks(h, 0, "a new file");
	hf_write(h, 0, h->in_one - 1, 1);
	expect_blocks(h, 1, "the guest wrote one page");
	hf_write(h, 0, 0, 2);
	expect_blocks(h, 1, "two more of the same huge page");
	gm_gmem_allocate(h->w->gmem, h->page, h->page);
	expect_blocks(h, 2, "fallocate of the second huge page");
	gm_gmem_allocate(h->w->gmem, 0, 2 * h->page);
	expect_blocks(h, 2, "fallocate of what is there");
	hf_write(h, 0, h->in_one, 1);
	expect_blocks(h, 2, "the guest wrote what was allocated");
	hf_convert(h, h->in_one + 1, 1, false);
	expect_blocks(h, 2, "a page of it became shared");
	hf_convert(h, h->in_one + 1, 1, true);
	hf_punch(h, 0, 1);
	expect_blocks(h, 1, "a hole of the first huge page");
	hf_punch(h, 0, n);
	expect_blocks(h, 0, "a hole of all");
	if (n > 2) {
		/* The host allocates, too. */
		hf_convert(h, 2 * h->in_one, 1, false);
		expect_blocks(h, 0, "a conversion of nothing allocates nothing");
		*(volatile uint64_t *)(h->w->hva + 2 * h->page) = 1;
		expect_blocks(h, 1, "the host wrote a shared page");
		gm_gmem_allocate(h->w->gmem, 0, n * h->page);
		expect_blocks(h, n, "fallocate of all");
	}
	hf_free(h);
}
GM_ROW(stat_blocks, stat_2m, .name = "huge_file.create.blocks.2m", .huge_2m = 3,
       .text = "2 MiB pages: st_blksize is the huge page, st_blocks and the pool count the allocated ones, by whomever") = {
	.page = GM_2M
};
GM_ROW(stat_blocks, stat_1g, .name = "huge_file.create.blocks.1g", .huge_1g = 2,
       .text = "1 GiB pages: st_blksize is the huge page, st_blocks and the pool count the allocated ones") = {
	.page = GM_1G
};

GM_CASE(fallocate_misaligned, .name = "huge_file.create.fallocate_misaligned", .flags = GM_REFUSAL,
	.huge_2m = 3, .needs = HF_NEEDS,
	.text = "fallocate and holes that are no multiples of the huge page: EINVAL, nothing is allocated, removed or unmapped")
{
	static const struct {
		uint64_t off, len;
	} bad[] = {
		{ 0, PG },
		{ 0, GM_2M - PG },
		{ 0, GM_2M + PG },
		{ PG, GM_2M },
		{ PG, GM_2M - PG },
		{ GM_2M - PG, GM_2M + PG },
		{ GM_2M, GM_2M / 2 },
		{ GM_2M / 2, GM_2M },
		{ 2 * GM_2M, 1 },
		{ 1, GM_2M },
	};
	struct hf_vm *h = hf_new(GM_2M, 3, 1);

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		GM_EXPECT_ERRNO(EINVAL, __gm_gmem_allocate(h->w->gmem, bad[i].off, bad[i].len),
				"offset %#lx, length %#lx", bad[i].off, bad[i].len);
		expect_blocks(h, 0, "a refused fallocate");
	}
	hf_write(h, 0, 0, 2 * h->in_one);
	hf_convert(h, h->in_one + 7, 2, false);
	hf_write(h, 0, h->in_one, h->in_one);
	hf_expect(h, "two huge pages written, one of them split");
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		GM_EXPECT_ERRNO(EINVAL, __gm_gmem_punch(h->w->gmem, bad[i].off, bad[i].len),
				"offset %#lx, length %#lx", bad[i].off, bad[i].len);
		hf_expect(h, "a refused hole");
		expect_blocks(h, 2, "a refused hole");
	}
	hf_check(h, 0, 2 * h->in_one, "after the refusals");
	hf_expect(h, "after the refusals");
	gm_control(!__gm_gmem_allocate(h->w->gmem, 0, 3 * GM_2M), "fallocate of three huge pages");
	expect_blocks(h, 3, "fallocate of all");
	gm_control(!__gm_gmem_punch(h->w->gmem, GM_2M, 2 * GM_2M), "a hole of two huge pages");
	expect_blocks(h, 1, "a hole of two");
	hf_free(h);
}
