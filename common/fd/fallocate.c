// SPDX-License-Identifier: GPL-2.0-only
/* What fallocate() accepts, and that a refusal changes nothing: fd.fallocate_args. */
#include "fd.h"
#include "quiet.h"
#include "text.h"

GM_FILE(.clause = "fd.fallocate_args", .flavours = FD_EACH_HOST)

#define KEEP FALLOC_FL_KEEP_SIZE
#define HOLE (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)
#define SIZE (16 * PG)

/* Resident pages of a mapping, as mincore() reports them. */
static unsigned int resident(uint8_t *map, uint64_t pages)
{
	unsigned char vec[64];
	unsigned int n = 0;

	GM_SETUP(pages <= sizeof(vec), "%lu pages", pages);
	GM_SETUP_OK(mincore(map, pages * PG, vec));
	for (uint64_t i = 0; i < pages; i++)
		n += vec[i] & 1;
	return n;
}

struct files {
	struct gm_vm *vm;
	int gmem, mem;
};

static struct files files_new(const struct gm_case *self)
{
	const struct gm_flavour *f = self->flavour;
	struct files s;

	s.vm = GM_VM_NEW(.kind = f->kind);
	s.gmem = gm_flavour_gmem(s.vm, f, SIZE);
	s.mem = fd_memfd(SIZE);
	gm_promise(!fallocate(s.gmem, KEEP, 0, PG) && !fallocate(s.gmem, HOLE, 0, PG),
		   "a page can be allocated and freed");
	return s;
}

static void files_free(struct files *s)
{
	close(s->gmem);
	close(s->mem);
	gm_vm_free(s->vm);
}

GM_CASE(mode_bits, .name = "fd.fallocate_args.mode_bits",
	.text = "each mode bit except KEEP_SIZE and PUNCH_HOLE: EOPNOTSUPP", .flags = GM_REFUSAL)
{
	struct files s = files_new(self);

	for (int bit = 0; bit < 31; bit++) {
		int mode = 1 << bit;

		if (mode & HOLE)
			continue;
		GM_EXPECT_ERRNO(EOPNOTSUPP, fallocate(s.gmem, mode, 0, PG), "mode %#x", mode);
		GM_EXPECT_ERRNO(EOPNOTSUPP, fallocate(s.gmem, mode | KEEP, 0, PG), "mode %#x",
				mode | KEEP);
		GM_EXPECT_ERRNO(EOPNOTSUPP, fallocate(s.gmem, mode | HOLE, 0, PG), "mode %#x",
				mode | HOLE);
	}
	files_free(&s);
}

GM_CASE(keep_size, .name = "fd.fallocate_args.keep_size",
	.text = "without KEEP_SIZE: EOPNOTSUPP, inside the file as well", .flags = GM_REFUSAL)
{
	struct files s = files_new(self);

	gm_control(!fallocate(s.mem, 0, 0, PG), "a memfd without KEEP_SIZE");
	GM_EXPECT_ERRNO(EOPNOTSUPP, fallocate(s.gmem, 0, 0, PG));
	GM_EXPECT_ERRNO(EOPNOTSUPP, fallocate(s.gmem, 0, 0, SIZE));
	GM_EXPECT_ERRNO(EOPNOTSUPP, fallocate(s.gmem, 0, SIZE, PG));
	GM_EXPECT_ERRNO(EOPNOTSUPP, fallocate(s.gmem, FALLOC_FL_PUNCH_HOLE, 0, PG));
	files_free(&s);
}

GM_CASE(unaligned, .name = "fd.fallocate_args.unaligned",
	.text = "offset or length misaligned by any power of two: EINVAL", .flags = GM_REFUSAL)
{
	struct files s = files_new(self);

	for (uint64_t d = 1; d < (uint64_t)getpagesize(); d *= 2) {
		for (int hole = 0; hole < 2; hole++) {
			int mode = hole ? HOLE : KEEP;

			gm_control(!fallocate(s.mem, mode, d, PG), "a memfd at %#lx", d);
			GM_EXPECT_ERRNO(EINVAL, fallocate(s.gmem, mode, d, PG), "mode %#x, at %#lx",
					mode, d);
			GM_EXPECT_ERRNO(EINVAL, fallocate(s.gmem, mode, PG, PG + d),
					"mode %#x, length %#lx", mode, PG + d);
			GM_EXPECT_ERRNO(EINVAL, fallocate(s.gmem, mode, PG, d),
					"mode %#x, length %#lx", mode, d);
			/* The end is page-aligned, offset and length are not. */
			GM_EXPECT_ERRNO(EINVAL, fallocate(s.gmem, mode, PG + d, 2 * PG - d),
					"mode %#x, at %#lx to a page border", mode, PG + d);
		}
	}
	files_free(&s);
}

GM_CASE(empty, .name = "fd.fallocate_args.empty_or_negative",
	.text = "length 0, negative lengths and offsets: EINVAL", .flags = GM_REFUSAL)
{
	struct files s = files_new(self);

	for (int hole = 0; hole < 2; hole++) {
		int mode = hole ? HOLE : KEEP;

		GM_EXPECT_ERRNO(EINVAL, fallocate(s.gmem, mode, 0, 0), "mode %#x", mode);
		GM_EXPECT_ERRNO(EINVAL, fallocate(s.gmem, mode, PG, 0), "mode %#x", mode);
		GM_EXPECT_ERRNO(EINVAL, fallocate(s.gmem, mode, 0, -(off_t)PG), "mode %#x", mode);
		GM_EXPECT_ERRNO(EINVAL, fallocate(s.gmem, mode, -(off_t)PG, PG), "mode %#x", mode);
		GM_EXPECT_ERRNO(EINVAL, fallocate(s.gmem, mode, INT64_MIN, PG), "mode %#x", mode);
	}
	files_free(&s);
}

GM_CASE(overflow, .name = "fd.fallocate_args.overflow",
	.text = "offset and length that overflow: EFBIG, allocation and hole", .flags = GM_REFUSAL)
{
	struct files s = files_new(self);
	const off_t top = INT64_MAX & ~(off_t)(PG - 1);

	for (int hole = 0; hole < 2; hole++) {
		int mode = hole ? HOLE : KEEP;

		/* fs/open.c, vfs_fallocate(). */
		GM_EXPECT_ERRNO(EFBIG, fallocate(s.gmem, mode, top, PG), "mode %#x", mode);
		GM_EXPECT_ERRNO(EFBIG, fallocate(s.gmem, mode, PG, top), "mode %#x", mode);
		GM_EXPECT_ERRNO(EFBIG, fallocate(s.gmem, mode, top, top), "mode %#x", mode);
	}
	files_free(&s);
}

GM_CASE(past_end, .name = "fd.fallocate_args.past_the_end",
	.text = "allocation past the end by a page or more: EINVAL", .flags = GM_REFUSAL)
{
	struct files s = files_new(self);
	const off_t top = INT64_MAX & ~(off_t)(PG - 1);

	for (uint64_t at = 0; at <= SIZE; at += PG) {
		if (at < SIZE)
			gm_promise(!fallocate(s.gmem, KEEP, at, SIZE - at), "exactly to the end");
		GM_EXPECT_ERRNO(EINVAL, fallocate(s.gmem, KEEP, at, SIZE - at + PG), "at %#lx", at);
		GM_EXPECT_ERRNO(EINVAL, fallocate(s.gmem, KEEP, at, GM_1G), "at %#lx", at);
	}
	GM_EXPECT_ERRNO(EINVAL, fallocate(s.gmem, KEEP, 2 * SIZE, PG));
	GM_EXPECT_ERRNO(EINVAL, fallocate(s.gmem, KEEP, 0, top));
	GM_EXPECT_ERRNO(EINVAL, fallocate(s.gmem, KEEP, top - PG, PG));
	files_free(&s);
}

GM_CASE(hole_past_end, .name = "fd.fallocate_args.hole_past_the_end",
	.text = "a hole may begin and end anywhere past the end")
{
	struct files s = files_new(self);
	const off_t top = INT64_MAX & ~(off_t)(PG - 1);

	GM_EXPECT_OK(fallocate(s.gmem, KEEP, 0, SIZE));
	GM_EXPECT_OK(fallocate(s.gmem, HOLE, SIZE - PG, 2 * PG));
	GM_EXPECT_OK(fallocate(s.gmem, HOLE, SIZE, PG));
	GM_EXPECT_OK(fallocate(s.gmem, HOLE, 2 * SIZE, GM_1G));
	GM_EXPECT_OK(fallocate(s.gmem, HOLE, top - PG, PG));
	GM_EXPECT_OK(fallocate(s.gmem, HOLE, 0, top));
	/* Again, with no page left. */
	GM_EXPECT_OK(fallocate(s.gmem, HOLE, 0, SIZE));
	GM_EXPECT_OK(fallocate(s.gmem, KEEP, SIZE - PG, PG));
	files_free(&s);
}

GM_CASE(refused_leaves, .name = "fd.fallocate_args.refused_leaves_content",
	.flavours = FD_HOST_SEES,
	.text = "a refused call neither frees nor zeroes a page, not even in part",
	.flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, SIZE);
	uint8_t *map = fd_mmap(gmem, SIZE);

	gm_host_fill(map, 100, 8, GM_WRITER_SHARED, 1);
	gm_control(resident(map, 16) == 8, "mincore() reports eight resident pages");
	GM_EXPECT_ERRNO(EINVAL, fallocate(gmem, HOLE, 1, SIZE - 1));
	GM_EXPECT_ERRNO(EINVAL, fallocate(gmem, HOLE, 2048, PG));
	GM_EXPECT_ERRNO(EINVAL, fallocate(gmem, HOLE, 0, PG + 2048));
	GM_EXPECT_ERRNO(EOPNOTSUPP, fallocate(gmem, FALLOC_FL_PUNCH_HOLE, 0, PG));
	GM_EXPECT_ERRNO(EOPNOTSUPP, fallocate(gmem, FALLOC_FL_ZERO_RANGE | KEEP, 0, PG));
	GM_EXPECT_ERRNO(EOPNOTSUPP, fallocate(gmem, FALLOC_FL_COLLAPSE_RANGE, 0, PG));
	GM_EXPECT_ERRNO(EINVAL, fallocate(gmem, KEEP, 0, SIZE + PG));
	GM_EXPECT_EQ(resident(map, 16), 8, "resident pages afterwards");
	gm_host_check(map, 100, 8, GM_WRITER_SHARED, 1, "after the refusals");
	munmap(map, SIZE);
	close(gmem);
	gm_vm_free(vm);
}

GM_CASE(allocate_keeps, .name = "fd.fallocate_args.allocate_keeps_content",
	.flavours = FD_HOST_SEES, .text = "allocation keeps existing pages, and adds zero pages")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, SIZE);
	uint8_t *map = fd_mmap(gmem, SIZE);

	fd_dirty_free_memory(16 << 20);
	gm_host_fill(map + 4 * PG, 104, 4, GM_WRITER_SHARED, 1);
	GM_EXPECT_OK(fallocate(gmem, KEEP, 0, SIZE));
	GM_EXPECT_OK(fallocate(gmem, KEEP, 0, SIZE));
	gm_host_check(map + 4 * PG, 104, 4, GM_WRITER_SHARED, 1, "existing pages");
	gm_host_check_zero(map, 4, "pages below");
	gm_host_check_zero(map + 8 * PG, 8, "pages above");
	munmap(map, SIZE);
	close(gmem);
	gm_vm_free(vm);
}

/* Page cache pages of the whole system; per-CPU counters may be off by a few hundred. */
static long file_pages(void)
{
	long n;

	GM_SETUP(gm_read_field("/proc/vmstat", "nr_file_pages", &n),
		 "/proc/vmstat has no nr_file_pages");
	return n;
}

#define MANY 8192L /* pages: 32 MiB */
#define SLACK (MANY / 8)

GM_CASE(accounting, .name = "fd.fallocate_args.takes_and_gives", .tokens = GM_TOKEN_ALONE,
	.text = "allocation allocates its pages at once; a hole and the last close free them")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, MANY * PG);
	long half, none;

	if (gm_gmem_cached(gmem, 0, MANY * PG) < 0)
		gm_skip("the kernel does not report which pages a file has",
			"a kernel with CONFIG_CACHESTAT_SYSCALL=y");
	gm_gmem_allocate(gmem, 0, MANY * PG);
	GM_EXPECT_EQ(gm_gmem_cached(gmem, 0, MANY * PG), MANY, "pages after the allocation");
	gm_gmem_punch(gmem, 0, MANY / 2 * PG);
	GM_EXPECT_EQ(gm_gmem_cached(gmem, 0, MANY * PG), MANY / 2, "pages after the hole");
	half = file_pages();
	close(gmem);
	none = file_pages();
	if (half - none <= MANY / 2 - SLACK)
		gm_require_quiet(file_pages, SLACK / 2);
	GM_EXPECT(half - none > MANY / 2 - SLACK, "the last close freed %ld pages of %ld",
		  half - none, MANY / 2);
	gm_vm_free(vm);
}
