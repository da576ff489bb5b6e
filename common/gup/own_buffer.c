// SPDX-License-Identifier: GPL-2.0-only
/*
 * The caller's buffer of process_vm_readv() and process_vm_writev(): inaccessible pages are EFAULT.
 */
#include <sys/mman.h>
#include <sys/uio.h>

#include "gm.h"

GM_FILE(.profile = "any", .flags = GM_REFUSAL)

#define PG GM_PAGE_SIZE

static uint8_t *map_pages(unsigned int n)
{
	uint8_t *p = mmap(NULL, n * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	GM_SETUP(p != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	return p;
}

typedef ssize_t (*move_fn)(pid_t pid, const struct iovec *local, unsigned long n,
			   const struct iovec *remote, unsigned long m, unsigned long flags);

static ssize_t move(move_fn fn, void *local, void *remote, size_t len, unsigned long flags)
{
	struct iovec a = { local, len }, b = { remote, len };

	return fn(getpid(), &a, 1, &b, 1, flags);
}

/* Two pages of the caller; it cannot read, or write, the second. */
static void own_buffer(move_fn fn, int prot, bool reads)
{
	uint8_t *local = map_pages(2), *remote = map_pages(2), *from = reads ? remote : local,
		*to = reads ? local : remote;

	memset(from, 0x11, 2 * PG);
	memset(to, 0x22, 2 * PG);
	gm_control(move(fn, local, remote, 2 * PG, 0) == (ssize_t)(2 * PG), "both pages");
	memset(to, 0x22, 2 * PG);
	GM_EXPECT_ERRNO(EINVAL, move(fn, local, remote, 2 * PG, 1), "a flag");
	GM_SETUP_OK(mprotect(local + PG, PG, prot));
	GM_EXPECT_ERRNO(EFAULT, move(fn, local + PG, remote + PG, PG, 0), "the inaccessible page");
	GM_EXPECT_EQ(move(fn, local, remote, 2 * PG, 0), PG,
		     "bytes of an accessible page and an inaccessible one");
	GM_EXPECT_EQ(move(fn, local + PG - 24, remote + 64, 128, 0), 24,
		     "bytes of a range that ends in the inaccessible page");
	GM_SETUP_OK(mprotect(local + PG, PG, PROT_READ | PROT_WRITE));
	GM_EXPECT_EQ(to[PG - 1], 0x11, "the last byte of the accessible page");
	GM_EXPECT_EQ(to[PG + (reads ? 0 : 128)], 0x22, "a byte after the moved range");
	munmap(local, 2 * PG);
	munmap(remote, 2 * PG);
}

GM_CASE(own_read, .name = "gup.process_vm_readv.own_buffer", .clause = "gup.process_vm_readv",
	.text = "into a buffer whose second page is read-only: EFAULT, or the bytes before it")
{
	own_buffer(process_vm_readv, PROT_READ, true);
}

GM_CASE(own_write, .name = "gup.process_vm_writev.own_buffer", .clause = "gup.process_vm_writev",
	.text = "from a buffer whose second page is PROT_NONE: EFAULT, or the bytes before it")
{
	own_buffer(process_vm_writev, PROT_NONE, false);
}
