// SPDX-License-Identifier: GPL-2.0-only
/* MINOR: each mapping of a page that the file has waits for UFFDIO_CONTINUE: conv.uffd_shared. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "uffd_served.h"

GM_FILE(.clause = "conv.uffd_shared", .providers = GM_PROVIDERS(ATTRIBUTES),
	.needs = GM_NEEDS(USERFAULTFD, TDP), .caps = GM_CAPS_ALL)

struct minor {
	bool huge; /* the file is one folio of 2 MiB */
};

GM_CASES(minor, struct minor, v)
{
	static const unsigned int page[] = { 0, 1, 511, 256, 255, 7, 300 };
	uint64_t small = 0, large;
	struct served a;

	served_new(&a, -1, served_continue);
	served_fill(&a, 0, NPAGES, 1);
	if (v->huge)
		served_collapse(a.s.hva);
	large = gm_vm_stat(a.w->vm, "pages_2m");
	gm_guest_touch(a.w->vm, 0, a.w->gpa, 8, 8);
	gm_control(gm_vm_stat(a.w->vm, "pages_2m") == large + v->huge,
		   "without userfaultfd the guest has %s",
		   v->huge ? "2 MiB mapped" : "4 KiB mapped");
	GM_SETUP_OK(madvise(a.s.hva, GM_2M, MADV_DONTNEED));
	served_register(&a, UFFD_FEATURE_MINOR_SHMEM, UFFDIO_REGISTER_MODE_MINOR);
	for (unsigned int i = 0; i < ARRAY_SIZE(page); i++) {
		served_fill(&a, page[i], 1, 2);
		uffd_expect_read(&a.s, page[i], served_word(&a, page[i], 2), true,
				 UFFD_PAGEFAULT_FLAG_MINOR, "not given");
		/* The first access may also map code of the guest. */
		if (!i)
			small = gm_vm_stat(a.w->vm, "pages_4k");
		GM_EXPECT_EQ(gm_vm_stat(a.w->vm, "pages_4k"), small + i,
			     "4 KiB mappings with %u pages given", i + 1);
		GM_EXPECT_EQ(gm_vm_stat(a.w->vm, "pages_2m"), large, "2 MiB mappings");
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(page); i++)
		uffd_expect_read(&a.s, page[i], served_word(&a, page[i], 2), false, 0, "given");
	served_free(&a);
}
GM_ROW(minor, minor_4k, .name = "conv.uffd_shared.minor", .needs = GM_NEEDS(PAGE_STATS),
       .text = "MINOR: each page given is one page mapped, and every other page asks") = {
	.huge = false,
};
GM_ROW(minor, minor_thp, .name = "conv.uffd_shared.minor_thp", .needs = GM_NEEDS(PAGE_STATS, THP),
       .text = "the same over a transparent huge page: the guest gets no 2 MiB mapping") = {
	.huge = true,
};

GM_CASE(collapsed, .name = "conv.uffd_shared.minor_collapsed", .needs = GM_NEEDS(PAGE_STATS, THP),
	.text = "MINOR: MADV_COLLAPSE through another mapping takes given pages back: they ask again")
{
	static const unsigned int page[] = { 0, 5, 511 };
	struct served a;
	uint64_t large;

	served_new(&a, -1, served_continue);
	served_fill(&a, 0, NPAGES, 1);
	served_register(&a, UFFD_FEATURE_MINOR_SHMEM, UFFDIO_REGISTER_MODE_MINOR);
	for (unsigned int i = 0; i < ARRAY_SIZE(page); i++)
		uffd_expect_read(&a.s, page[i], served_word(&a, page[i], 1), true,
				 UFFD_PAGEFAULT_FLAG_MINOR, "not given");
	large = gm_vm_stat(a.w->vm, "pages_2m");
	served_collapse(a.other);
	for (unsigned int i = 0; i < ARRAY_SIZE(page); i++)
		uffd_expect_read(&a.s, page[i], served_word(&a, page[i], 1), true,
				 UFFD_PAGEFAULT_FLAG_MINOR, "after the collapse");
	uffd_expect_read(&a.s, 6, served_word(&a, 6, 1), true, UFFD_PAGEFAULT_FLAG_MINOR,
			 "never given");
	GM_EXPECT_EQ(gm_vm_stat(a.w->vm, "pages_2m"), large, "2 MiB mappings");
	served_free(&a);
}

GM_CASE(minor_hole, .name = "conv.uffd_shared.minor_hole",
	.text = "MINOR alone: a hole asks nobody and reads zero; with MISSING it asks, without the flag MINOR")
{
	struct served a;

	served_new(&a, -1, served_fill_continue);
	served_register(&a, UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_MISSING_SHMEM,
			UFFDIO_REGISTER_MODE_MINOR);
	uffd_expect_read(&a.s, 3, 0, false, 0, "a hole, MINOR");
	gm_uffd_register(a.s.uffd, a.s.hva, GM_2M,
			 UFFDIO_REGISTER_MODE_MINOR | UFFDIO_REGISTER_MODE_MISSING);
	uffd_expect_read(&a.s, 4, served_word(&a, 4, 2), true, 0, "a hole, MINOR and MISSING");
	served_fill(&a, 5, 1, 2);
	uffd_expect_read(&a.s, 5, served_word(&a, 5, 2), true, UFFD_PAGEFAULT_FLAG_MINOR,
			 "a page of the file, MINOR and MISSING");
	served_free(&a);
}

/* A file of a tmpfs that allocates huge pages at each fault. */
static int huge_file(void)
{
	int fs = GM_SETUP_OK(fsopen("tmpfs", FSOPEN_CLOEXEC)), mnt, fd;

	GM_SETUP_OK(fsconfig(fs, FSCONFIG_SET_STRING, "huge", "always", 0));
	GM_SETUP_OK(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	mnt = GM_SETUP_OK(fsmount(fs, FSMOUNT_CLOEXEC, 0));
	fd = GM_SETUP_OK(openat(mnt, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	GM_SETUP_OK(ftruncate(fd, GM_2M));
	close(mnt);
	close(fs);
	return fd;
}

/*
 * MINOR alone does not cover holes: an access maps the whole huge page that tmpfs allocates
 * (mm/memory.c:5809). A VMM that wants to give each page asks for MISSING, too.
 */
GM_CASE(huge_hole, .name = "conv.uffd_shared.huge_hole_missing", .needs = GM_NEEDS(PAGE_STATS, THP),
	.text = "MINOR and MISSING on a tmpfs with huge pages: each page of a hole asks, and is mapped alone")
{
	int fd = huge_file();
	struct served a;
	uint64_t large;

	served_new(&a, fd, served_fill_continue);
	served_register(&a, UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_MISSING_SHMEM,
			UFFDIO_REGISTER_MODE_MINOR | UFFDIO_REGISTER_MODE_MISSING);
	large = gm_vm_stat(a.w->vm, "pages_2m");
	uffd_expect_read(&a.s, 3, served_word(&a, 3, 2), true, 0, "the first");
	/* The file has a huge page now. */
	uffd_expect_read(&a.s, 4, served_word(&a, 4, 2), true, UFFD_PAGEFAULT_FLAG_MINOR,
			 "the next");
	uffd_expect_read(&a.s, 511, served_word(&a, 511, 2), true, UFFD_PAGEFAULT_FLAG_MINOR,
			 "the last");
	GM_EXPECT_EQ(gm_vm_stat(a.w->vm, "pages_2m"), large, "2 MiB mappings");
	served_free(&a);
	close(fd);
}
