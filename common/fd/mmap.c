// SPDX-License-Identifier: GPL-2.0-only
/* Which mappings a guest_memfd allows: fd.no_mmap, fd.mmap_modes. */
#include "fd.h"

GM_FILE(.clause = "fd.mmap_modes")

static const int prots[] = {
	PROT_NONE,
	PROT_READ,
	PROT_WRITE,
	PROT_EXEC,
	PROT_READ | PROT_WRITE,
	PROT_READ | PROT_EXEC,
	PROT_WRITE | PROT_EXEC,
	PROT_READ | PROT_WRITE | PROT_EXEC,
};

static long map(int fd, int prot, int flags)
{
	void *p = mmap(NULL, 4 * PG, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		return -1;
	munmap(p, 4 * PG);
	return 0;
}

GM_CASE(no_mmap, .name = "fd.no_mmap.every_prot", .clause = "fd.no_mmap", .flavours = FD_CREATES,
	.text = "without the MMAP flag no prot and no kind of mapping is allowed",
	.flags = GM_REFUSAL)
{
	static const int kinds[] = {
		MAP_SHARED,
		MAP_PRIVATE,
		MAP_SHARED | MAP_NORESERVE,
		MAP_PRIVATE | MAP_NORESERVE,
		MAP_SHARED | MAP_POPULATE,
		MAP_SHARED | MAP_LOCKED,
	};
	struct gm_vm *vm = GM_VM_NEW(.kind = self->flavour->kind);
	int gmem = gm_gmem_new(vm, 4 * PG, 0), mem = fd_memfd(4 * PG);

	for (unsigned int p = 0; p < ARRAY_SIZE(prots); p++) {
		for (unsigned int k = 0; k < ARRAY_SIZE(kinds); k++) {
			/*
			 * The file system is noexec (mm/mmap.c, do_mmap()): PROT_EXEC is refused
			 * before the file's mmap().
			 */
			int err = prots[p] & PROT_EXEC ? EPERM : ENODEV;

			gm_control(!map(mem, prots[p], kinds[k]), "a memfd can be mapped, prot %d",
				   prots[p]);
			GM_EXPECT_ERRNO(err, map(gmem, prots[p], kinds[k]), "prot %d, flags %#x",
					prots[p], kinds[k]);
		}
	}
	close(gmem);
	close(mem);
	gm_vm_free(vm);
}

GM_CASE(no_mmap_validate, .name = "fd.no_mmap.shared_validate", .clause = "fd.no_mmap",
	.flavours = FD_CREATES,
	.text = "MAP_SHARED_VALIDATE, MAP_FIXED, and offsets change nothing", .flags = GM_REFUSAL)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = self->flavour->kind);
	int gmem = gm_gmem_new(vm, 4 * PG, 0), mem = fd_memfd(4 * PG);
	uint8_t *room =
		mmap(NULL, 4 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	GM_SETUP(room != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_control(!map(mem, PROT_READ, MAP_SHARED_VALIDATE), "a memfd can be mapped");
	GM_EXPECT_ERRNO(ENODEV, map(gmem, PROT_READ, MAP_SHARED_VALIDATE));
	for (int i = 0; i < 4; i++)
		GM_EXPECT_ERRNO(ENODEV, mmap(NULL, PG, PROT_READ, MAP_SHARED, gmem, i * PG));
	GM_EXPECT_ERRNO(ENODEV, mmap(room, PG, PROT_READ, MAP_SHARED | MAP_FIXED, gmem, 0));
	munmap(room, 4 * PG);
	close(gmem);
	close(mem);
	gm_vm_free(vm);
}

GM_CASE(mmap_private, .name = "fd.mmap_modes.private", .flavours = FD_MAPPABLE,
	.text = "MAP_PRIVATE is EINVAL for every prot", .flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, 4 * PG), mem = fd_memfd(4 * PG);

	for (unsigned int p = 0; p < ARRAY_SIZE(prots); p++) {
		if (prots[p] & PROT_EXEC)
			continue;
		gm_control(!map(mem, prots[p], MAP_PRIVATE), "a memfd, prot %d", prots[p]);
		gm_promise(!map(gmem, prots[p], MAP_SHARED), "the file shared, prot %d", prots[p]);
		GM_EXPECT_ERRNO(EINVAL, map(gmem, prots[p], MAP_PRIVATE), "prot %d", prots[p]);
		GM_EXPECT_ERRNO(EINVAL, map(gmem, prots[p], MAP_PRIVATE | MAP_NORESERVE),
				"prot %d, no reserve", prots[p]);
		GM_EXPECT_ERRNO(EINVAL, map(gmem, prots[p], MAP_PRIVATE | MAP_POPULATE),
				"prot %d, populate", prots[p]);
	}
	close(gmem);
	close(mem);
	gm_vm_free(vm);
}

GM_CASE(mmap_exec, .name = "fd.mmap_modes.exec", .flavours = FD_MAPPABLE,
	.text = "PROT_EXEC is EPERM, alone and with other prots, shared and private",
	.flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, 4 * PG), mem = fd_memfd(4 * PG);

	for (unsigned int p = 0; p < ARRAY_SIZE(prots); p++) {
		if (!(prots[p] & PROT_EXEC))
			continue;
		gm_control(!map(mem, prots[p], MAP_SHARED), "a memfd, prot %d", prots[p]);
		GM_EXPECT_ERRNO(EPERM, map(gmem, prots[p], MAP_SHARED), "prot %d", prots[p]);
		GM_EXPECT_ERRNO(EPERM, map(gmem, prots[p], MAP_PRIVATE), "private, prot %d",
				prots[p]);
	}
	close(gmem);
	close(mem);
	gm_vm_free(vm);
}

GM_CASE(mprotect_exec, .name = "fd.mmap_modes.mprotect_exec", .flavours = FD_MAPPABLE,
	.text = "mprotect and pkey_mprotect cannot add exec: EACCES", .flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, 4 * PG), mem = fd_memfd(4 * PG);
	uint8_t *g = fd_mmap(gmem, 4 * PG), *m = fd_mmap(mem, 4 * PG);
	/* The call exists only where the architecture has protection keys. */
	bool pkey = !syscall(SYS_pkey_mprotect, m, PG, PROT_READ, -1) || errno != ENOSYS;

	if (!pkey)
		gm_note("no pkey_mprotect() in this kernel: mprotect() alone");
	for (unsigned int p = 0; p < ARRAY_SIZE(prots); p++) {
		if (prots[p] & PROT_EXEC) {
			gm_control(!mprotect(m, PG, prots[p]), "a memfd, prot %d", prots[p]);
			GM_EXPECT_ERRNO(EACCES, mprotect(g, PG, prots[p]), "prot %d", prots[p]);
			if (pkey)
				GM_EXPECT_ERRNO(EACCES,
						syscall(SYS_pkey_mprotect, g, PG, prots[p], -1),
						"pkey_mprotect, prot %d", prots[p]);
		} else {
			GM_EXPECT_OK(mprotect(g, 4 * PG, prots[p]), "prot %d", prots[p]);
		}
	}
	munmap(g, 4 * PG);
	munmap(m, 4 * PG);
	close(gmem);
	close(mem);
	gm_vm_free(vm);
}

GM_CASE(mmap_legal, .name = "fd.mmap_modes.shared", .flavours = FD_MAPPABLE,
	.text = "shared mappings of every other prot, at every offset and length")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, 8 * PG);

	for (unsigned int p = 0; p < ARRAY_SIZE(prots); p++) {
		if (prots[p] & PROT_EXEC)
			continue;
		GM_EXPECT_OK(map(gmem, prots[p], MAP_SHARED), "prot %d", prots[p]);
		GM_EXPECT_OK(map(gmem, prots[p], MAP_SHARED_VALIDATE), "validate, prot %d",
			     prots[p]);
	}
	for (uint64_t off = 0; off < 8; off++) {
		for (uint64_t len = 1; off + len <= 8; len++) {
			void *p = mmap(NULL, len * PG, PROT_READ | PROT_WRITE, MAP_SHARED, gmem,
				       off * PG);

			if (GM_EXPECT(p != MAP_FAILED, "%lu pages at page %lu: %s", len, off,
				      gm_errno_name(errno)))
				munmap(p, len * PG);
		}
	}
	close(gmem);
	gm_vm_free(vm);
}

GM_CASE(mmap_offset, .name = "fd.mmap_modes.offset", .flavours = FD_HOST_SEES,
	.text = "a mapping at an offset has the pages at that offset, for host and guest")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 16 * PG);

	/* In reverse order, so that a mapping that always has page 0 cannot pass. */
	for (int i = 15; i >= 0; i--) {
		uint8_t *one = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_SHARED, w->gmem, i * PG);

		GM_SETUP(one != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
		gm_host_fill(one, FIRST + i, 1, GM_WRITER_SHARED, 1);
		gm_prove_same_page(w->vm, 0, GM_BASE + i * PG, one);
		munmap(one, PG);
	}
	gm_host_check(w->hva, FIRST, 16, GM_WRITER_SHARED, 1, "through the whole mapping");
	gm_guest_check(w->vm, 0, GM_BASE, 16, GM_WRITER_SHARED, 1, "the guest");
	fd_fixture_free(w);
}

static int child_of_fork(void *arg)
{
	struct gm_fixture *w = arg;

	/* Returns 0 if all words match, else 1. */
	for (int i = 0; i < 4; i++)
		if (*(volatile uint64_t *)(w->hva + i * PG) !=
		    gm_word(FIRST + i, GM_WRITER_SHARED, 1, 0))
			return 1;
	gm_host_fill(w->hva, FIRST, 4, GM_WRITER_SHARED, 2);
	return 0;
}

GM_CASE(mmap_fork, .name = "fd.mmap_modes.fork", .flavours = FD_HOST_SEES,
	.text = "a mapping stays shared over fork: no copy on write, and the guest has the same pages")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 4 * PG);

	gm_guest_fill(w->vm, 0, GM_BASE, 4, GM_WRITER_SHARED, 1);
	gm_host_check(w->hva, FIRST, 4, GM_WRITER_SHARED, 1, "before fork");
	GM_EXPECT_EQ(fd_in_child(child_of_fork, w), 0,
		     "the child's view of the guest's words (1: wrong)");
	gm_host_check(w->hva, FIRST, 4, GM_WRITER_SHARED, 2, "what the child wrote");
	gm_guest_check(w->vm, 0, GM_BASE, 4, GM_WRITER_SHARED, 2, "what the child wrote");
	gm_prove_same_page(w->vm, 0, GM_BASE + 3 * PG, w->hva + 3 * PG);
	fd_fixture_free(w);
}

GM_CASE(mmap_dontneed, .name = "fd.mmap_modes.dontneed", .flavours = FD_HOST_SEES,
	.text = "MADV_DONTNEED, mremap and a second mapping keep content and page")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 8 * PG);
	uint8_t *second = fd_mmap(w->gmem, 8 * PG), *moved;

	gm_host_fill(w->hva, FIRST, 8, GM_WRITER_SHARED, 1);
	GM_EXPECT_OK(madvise(w->hva, 8 * PG, MADV_DONTNEED));
	gm_host_check(w->hva, FIRST, 8, GM_WRITER_SHARED, 1, "after MADV_DONTNEED");
	gm_guest_check(w->vm, 0, GM_BASE, 8, GM_WRITER_SHARED, 1, "after MADV_DONTNEED");
	gm_host_check(second, FIRST, 8, GM_WRITER_SHARED, 1, "through the second mapping");
	moved = mremap(second, 8 * PG, 8 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, w->hva);
	GM_ASSERT(moved == w->hva, "mremap: %s", gm_errno_name(errno));
	gm_host_check(moved, FIRST, 8, GM_WRITER_SHARED, 1, "moved over the first mapping");
	gm_prove_same_page(w->vm, 0, GM_BASE + 7 * PG, moved + 7 * PG);
	fd_fixture_free(w);
}

GM_CASE(mmap_mbind, .name = "fd.mmap_modes.mbind", .profile = "P1",
	.text = "a NUMA policy on a mapping is kept, and pages allocated under it keep their content",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, NUMA))
{
	struct gm_fixture *w = FD_FIXTURE(&gm_p1, 8 * PG);
	unsigned long nodes = 1, got = 0;
	int mode = -1;

	/* Modes of uapi/linux/mempolicy.h: 2 bind, 3 interleave; flag 2 asks by address. */
	GM_EXPECT_OK(syscall(SYS_mbind, w->hva, 4 * PG, 2, &nodes, 64, 0));
	GM_EXPECT_OK(syscall(SYS_mbind, w->hva + 4 * PG, 2 * PG, 3, &nodes, 64, 0));
	for (int i = 0; i < 8; i++) {
		GM_EXPECT_OK(syscall(SYS_get_mempolicy, &mode, &got, 64, w->hva + i * PG, 2));
		GM_EXPECT_EQ(mode, i < 4 ? 2 : i < 6 ? 3 : 0, "policy of page %d", i);
	}
	gm_fixture_fill(w, 0, FIRST, 8);
	gm_fixture_check_host(w, FIRST, 8, 1, "under the policies");
	fd_fixture_free(w);
}
