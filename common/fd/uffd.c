// SPDX-License-Identifier: GPL-2.0-only
/* userfaultfd on a mapping of guest_memfd: fd.uffd. */
#include <linux/fs.h>
#include <sys/capability.h>
#include <sys/ioctl.h>

#include "fd.h"
#include "uffd.h"

GM_FILE(.clause = "fd.uffd", .needs = GM_NEEDS(USERFAULTFD), .caps = GM_CAPS(CAP_SYS_PTRACE))

#define NPAGES 16UL
#define LEN (NPAGES * PG)

/* --- modes for which the file must provide pages --- */

struct mode {
	const char *name;
	uint64_t features, mode;
};

static const struct mode refused_modes[] = {
	{ "MISSING", UFFD_FEATURE_MISSING_SHMEM, UFFDIO_REGISTER_MODE_MISSING },
	{ "MINOR", UFFD_FEATURE_MINOR_SHMEM, UFFDIO_REGISTER_MODE_MINOR },
	{ "WP", UFFD_FEATURE_WP_HUGETLBFS_SHMEM, UFFDIO_REGISTER_MODE_WP },
	{ "WP of unpopulated pages", UFFD_FEATURE_WP_UNPOPULATED, UFFDIO_REGISTER_MODE_WP },
	{ "asynchronous WP with MISSING", UFFD_FEATURE_WP_ASYNC,
	  UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MISSING },
	{ "asynchronous WP with MINOR", UFFD_FEATURE_WP_ASYNC,
	  UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MINOR },
#ifdef UFFDIO_REGISTER_MODE_RWP
	{ "RWP", UFFD_FEATURE_RWP, UFFDIO_REGISTER_MODE_RWP },
	{ "asynchronous RWP", UFFD_FEATURE_RWP | UFFD_FEATURE_RWP_ASYNC, UFFDIO_REGISTER_MODE_RWP },
#endif
};

GM_CASE(refused, .name = "fd.uffd.refused", .flavours = FD_MAPPABLE, .flags = GM_REFUSAL,
	.text = "MISSING, MINOR, synchronous WP and RWP of the mapping are EINVAL, whatever they come with")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, LEN);
	uint64_t features = gm_uffd_features();
	int memfd = fd_memfd(LEN);
	uint8_t *plain = fd_mmap(memfd, LEN), *hva = fd_mmap(w->gmem, LEN);

	for (unsigned int i = 0; i < ARRAY_SIZE(refused_modes); i++) {
		const struct mode *m = &refused_modes[i];
		int uffd;

		if (m->features & ~features) {
			gm_note("this kernel does not have %s", m->name);
			continue;
		}
		uffd = gm_uffd_open(m->features);
		GM_EXPECT_ERRNO(EINVAL, __gm_uffd_register(uffd, hva, LEN, m->mode), "%s", m->name);
		gm_control(!__gm_uffd_register(uffd, plain, LEN, m->mode), "%s of a memfd: %s",
			   m->name, gm_errno_name(errno));
		close(uffd);
	}
	munmap(hva, LEN);
	munmap(plain, LEN);
	close(memfd);
	fd_fixture_free(w);
}

#ifdef PAGEMAP_SCAN
/* --- asynchronous write protection: which pages did the host write? --- */

static int pagemap_fd;

/* Bit i: page i was written since it was protected. protect: protects those pages again. */
static uint64_t written(const uint8_t *hva, bool protect)
{
	struct page_region region[NPAGES];
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.flags = PM_SCAN_CHECK_WPASYNC | (protect ? PM_SCAN_WP_MATCHING : 0),
		.start = (uintptr_t)hva,
		.end = (uintptr_t)hva + LEN,
		.vec = (uintptr_t)region,
		.vec_len = NPAGES,
		.category_mask = PAGE_IS_WRITTEN,
		.return_mask = PAGE_IS_WRITTEN,
	};
	uint64_t pages = 0;
	int n = GM_SETUP_OK(ioctl(pagemap_fd, PAGEMAP_SCAN, &arg));

	for (int i = 0; i < n; i++)
		for (uint64_t at = region[i].start; at < region[i].end; at += PG)
			pages |= 1UL << (at - (uintptr_t)hva) / PG;
	return pages;
}

static void protect_all(int uffd, uint8_t *hva)
{
	struct uffdio_writeprotect wp = { .range = { (uintptr_t)hva, LEN },
					  .mode = UFFDIO_WRITEPROTECT_MODE_WP };

	GM_GRANTED(!ioctl(uffd, UFFDIO_WRITEPROTECT, &wp), "UFFDIO_WRITEPROTECT: %s",
		   gm_errno_name(errno));
}

GM_CASE(wp_async, .name = "fd.uffd.wp_async", .flavours = FD_HOST_SEES_TDP,
	.text = "asynchronous WP: PAGEMAP_SCAN shows the pages that the host wrote, and nothing of the guest's writes; a hole shows")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, LEN);
	enum gm_writer writer = gm_flavour_writer(self->flavour);
	uint8_t *hva = fd_mmap(w->gmem, LEN);
	struct uffd_msg msg;
	int uffd;

	if (!(gm_uffd_features() & UFFD_FEATURE_WP_ASYNC))
		gm_skip("no UFFD_FEATURE_WP_ASYNC", "Linux 6.7 or later");
	pagemap_fd = GM_SETUP_OK(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	/* Pages 8 and up are holes. */
	gm_host_fill(hva, FIRST, 8, GM_WRITER_HOST, 1);
	uffd = gm_uffd_open(UFFD_FEATURE_WP_ASYNC);
	GM_GRANTED(!__gm_uffd_register(uffd, hva, LEN, UFFDIO_REGISTER_MODE_WP),
		   "asynchronous WP: %s", gm_errno_name(errno));
	protect_all(uffd, hva);
	GM_EXPECT_EQ(written(hva, false), 0, "pages written after UFFDIO_WRITEPROTECT");

	gm_host_fill(hva + PG, FIRST + 1, 1, GM_WRITER_HOST, 2);
	gm_host_fill(hva + 6 * PG, FIRST + 6, 1, GM_WRITER_HOST, 2);
	gm_host_fill(hva + 9 * PG, FIRST + 9, 1, GM_WRITER_HOST, 2);
	gm_host_check(hva + 2 * PG, FIRST + 2, 1, GM_WRITER_HOST, 1, "protected");
	gm_host_check_zero(hva + 10 * PG, 1, "a protected hole");
	GM_EXPECT_EQ(written(hva, false), BIT(1) | BIT(6) | BIT(9),
		     "pages written by the host: 1, 6 and the hole 9");

	gm_guest_fill(w->vm, 0, GM_BASE + 3 * PG, 1, writer, 3);
	gm_guest_fill(w->vm, 0, GM_BASE + 11 * PG, 1, writer, 3);
	gm_host_check(hva + 3 * PG, FIRST + 3, 1, writer, 3, "the guest wrote page 3");
	gm_host_check(hva + 11 * PG, FIRST + 11, 1, writer, 3, "the guest wrote hole 11");
	GM_EXPECT_EQ(written(hva, false), BIT(1) | BIT(6) | BIT(9),
		     "pages written after the guest wrote 3 and 11");

	GM_EXPECT_EQ(written(hva, true), BIT(1) | BIT(6) | BIT(9), "pages protected again");
	GM_EXPECT_EQ(written(hva, false), 0, "pages written after that");
	gm_host_fill(hva + 6 * PG, FIRST + 6, 1, GM_WRITER_HOST, 4);
	GM_EXPECT_EQ(written(hva, false), BIT(6), "pages written again");

	/* A hole changes the content, so its pages show, whether they were written or not. */
	GM_EXPECT_EQ(written(hva, true), BIT(6), "pages protected before the hole");
	gm_gmem_punch(w->gmem, 5 * PG, 2 * PG);
	GM_EXPECT_EQ(written(hva, false), BIT(5) | BIT(6), "pages written after a hole of 5 and 6");
	gm_host_check_zero(hva + 5 * PG, 2, "after the hole");
	GM_EXPECT_EQ(written(hva, true), BIT(5) | BIT(6), "pages written after reads of 5 and 6");
	gm_host_fill(hva + 5 * PG, FIRST + 5, 1, GM_WRITER_HOST, 5);
	GM_EXPECT_EQ(written(hva, false), BIT(5), "pages written after the hole");
	gm_guest_check(w->vm, 0, GM_BASE + 5 * PG, 1, GM_WRITER_HOST, 5, "written after the hole");
	GM_EXPECT(!gm_uffd_read(uffd, 0, &msg), "expected no message, observed event %#x",
		  msg.event);
	close(uffd);
	close(pagemap_fd);
	munmap(hva, LEN);
	fd_fixture_free(w);
}
#endif
