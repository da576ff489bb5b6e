// SPDX-License-Identifier: GPL-2.0-only
/* The identity of the file, and that it alone backs its slot: fd.statfs, fd.gmem_only. */
#include <sys/statfs.h>
#include <time.h>

#include "fd.h"

#define NPAGES 64
#define SIZE (NPAGES * PG)
#define GMEM_MAGIC 0x474d454d /* GUEST_MEMFD_MAGIC of linux/magic.h */

GM_CASE(statfs_magic, .name = "fd.statfs.identity", .clause = "fd.statfs", .flavours = FD_EACH_HOST,
	.text = "magic 0x474d454d, a regular file, 0600, the created size, its own file system")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, 5 * PG);
	struct stat st;
	struct statfs fs;

	GM_EXPECT_OK(fstat(gmem, &st));
	GM_EXPECT_OK(fstatfs(gmem, &fs));
	GM_EXPECT_EQ(st.st_mode, S_IFREG | 0600, "st_mode");
	GM_EXPECT_EQ(st.st_size, 5 * PG, "st_size");
	GM_EXPECT_EQ(st.st_nlink, 1, "st_nlink");
	GM_EXPECT_EQ(st.st_blksize, PG, "st_blksize");
	GM_EXPECT_EQ(st.st_uid, geteuid(), "st_uid");
	if (gm_platform_has(GM_NEED_GMEM_FS))
		GM_EXPECT_EQ(fs.f_type, GMEM_MAGIC, "f_type");
	else
		gm_note("guest_memfd has its own file system from Linux 6.19 on");
	close(gmem);
	gm_vm_free(vm);
}

static struct timespec changed(int gmem, bool modified)
{
	struct stat st;

	GM_SETUP_OK(fstat(gmem, &st));
	return modified ? st.st_mtim : st.st_ctim;
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/* Waits until the clock of file times is later than `than`. */
static void tick(struct timespec than)
{
	struct timespec now = than;

	for (int i = 0; i < 5000 && !later(now, than); i++) {
		usleep(1000);
		GM_SETUP_OK(clock_gettime(CLOCK_REALTIME_COARSE, &now));
	}
	GM_SETUP(later(now, than), "the clock stands still");
}

GM_CASE(statfs_times, .name = "fd.statfs.times", .clause = "fd.statfs", .flavours = FD_EACH_HOST,
	.text = "a successful fallocate updates st_mtime and st_ctime, a refused one neither",
	.flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, 5 * PG);

	for (int way = 0; way < 2; way++) {
		struct timespec m = changed(gmem, true), c = changed(gmem, false);

		tick(later(m, c) ? m : c);
		gm_promise(!(way ? __gm_gmem_punch(gmem, PG, PG)
				 : __gm_gmem_allocate(gmem, 0, 5 * PG)),
			   "fallocate, way %d", way);
		GM_EXPECT(later(changed(gmem, true), m), "way %d: st_mtime was not updated", way);
		GM_EXPECT(later(changed(gmem, false), c), "way %d: st_ctime was not updated", way);
		m = changed(gmem, true);
		c = changed(gmem, false);
		tick(later(m, c) ? m : c);
		GM_EXPECT_ERRNO(EINVAL, way ? __gm_gmem_punch(gmem, 1, PG)
					    : __gm_gmem_allocate(gmem, 5 * PG, PG));
		GM_EXPECT(!later(changed(gmem, true), m),
			  "way %d: st_mtime was updated by a refused call", way);
		GM_EXPECT(!later(changed(gmem, false), c),
			  "way %d: st_ctime was updated by a refused call", way);
	}
	close(gmem);
	gm_vm_free(vm);
}

/* A slot of a mappable file and memory at userspace_addr: KVM must not use the latter. */
static void run_only(const struct gm_flavour *f, enum gm_mem_kind mem)
{
	struct gm_fixture *w = GM_FIXTURE(.flavour = f, .size = SIZE, .mem = mem,
					  .uses_uaddr = true, .extra_pages = 16);
	uint8_t *beside = w->mem->hva;

	gm_host_fill(beside, FIRST, NPAGES, GM_WRITER_HOST, 9);
	gm_guest_check_zero(w->vm, 0, GM_BASE, NPAGES / 2, "the first reads");
	gm_fixture_fill(w, 0, FIRST, NPAGES);
	gm_fixture_check_guest(w, 0, FIRST, NPAGES, 1, "what the guest wrote");
	gm_host_check(beside, FIRST, NPAGES, GM_WRITER_HOST, 9, "the memory at userspace_addr");
	if (gm_flavour_host(f))
		gm_fixture_check_host(w, FIRST, NPAGES, 1, "the mapping of the file");
	/* Dropping that memory does not affect the guest; a hole in the file does. */
	GM_SETUP_OK(madvise(beside, SIZE, MADV_DONTNEED));
	gm_fixture_check_guest(w, 0, FIRST, NPAGES, 1, "the memory at userspace_addr dropped");
	gm_fixture_punch(w, FIRST + 3, 2);
	gm_guest_check_zero(w->vm, 0, GM_BASE + 3 * PG, 2, "the hole");
	gm_fixture_check_guest(w, 0, FIRST + 5, NPAGES - 5, 1, "after the hole");
	fd_fixture_free(w);
}

GM_CASE(only_anon, .name = "fd.gmem_only.anon_beside", .clause = "fd.gmem_only",
	.flavours = FD_FLAVOURS(FD_P1_TDP, FD_P1P_TDP, FD_INPLACE, FD_BACK_TWIN, FD_PLAIN_TWIN),
	.text = "userspace_addr on anonymous memory: never read, never written")
{
	run_only(self->flavour, GM_MEM_ANON);
}

/* The same with memory at userspace_addr that 2 MiB mappings could use. */
GM_CASE(only_huge, .name = "fd.gmem_only.thp_beside", .clause = "fd.gmem_only", .profile = "P1",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP, PAGE_STATS),
	.text = "userspace_addr on a transparent huge page: never read, never written, never mapped")
{
	run_only(&gm_p1, GM_MEM_THP);
}

/* Slots at large offsets of a file: a truncated page index would give a page of another slot. */
GM_CASE(far_pages, .name = "fd.bind_overlap.far_pages", .clause = "fd.bind_overlap",
	.flavours = FD_EACH_TDP,
	.text = "slots at offsets from 0 to 2^61: each has its own pages, holes too")
{
	static const uint64_t off[] = { 0,	    1ULL << 31, 1ULL << 32,
					1ULL << 44, 1ULL << 45, 1ULL << 61 };
	const unsigned int nr = ARRAY_SIZE(off);
	/* The file is too large for a mapping. */
	struct gm_fixture *w =
		FD_FIXTURE(self->flavour, 512 * PG, .no_gmem = true, .no_slot = true);

	w->gmem = gm_flavour_gmem(w->vm, self->flavour, (1ULL << 61) + 16 * PG);
	for (unsigned int i = 0; i < nr; i++) {
		gm_fixture_slot(w, GM_SLOT + i, GM_BASE + 16 * i * PG, 4 * PG, off[i]);
		gm_fixture_fill(w, 0, FIRST + 16 * i, 4);
	}
	for (unsigned int i = 0; i < nr; i++)
		gm_fixture_check_guest(w, 0, FIRST + 16 * i, 4, 1, "the pages of each slot");
	for (unsigned int i = 0; i < nr; i++) {
		gm_fixture_punch_file(w, off[i] + PG, PG);
		gm_guest_check_zero(w->vm, 0, GM_BASE + (16 * i + 1) * PG, 1, "the hole");
		for (unsigned int j = 0; j < nr; j++) {
			gm_fixture_check_guest(w, 0, FIRST + 16 * j, 1, 1, "the first pages");
			gm_fixture_check_guest(w, 0, FIRST + 16 * j + 2, 2, 1, "the last pages");
		}
		gm_fixture_fill(w, 0, FIRST + 16 * i + 1, 1);
	}
	gm_fixture_free(w);
}
