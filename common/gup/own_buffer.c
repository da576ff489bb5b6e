// SPDX-License-Identifier: GPL-2.0-only
/* The caller's side of process_vm_readv() and process_vm_writev(): what it may not touch is EFAULT. */
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

typedef ssize_t (*mover)(pid_t pid, const struct iovec *mine, unsigned long n,
			 const struct iovec *theirs, unsigned long m, unsigned long flags);

static ssize_t move(mover fn, void *mine, void *theirs, size_t len, unsigned long flags)
{
	struct iovec a = { mine, len }, b = { theirs, len };

	return fn(getpid(), &a, 1, &b, 1, flags);
}

/* Two pages of the caller's own, the second of which it may not read, or write, itself. */
static void side(mover fn, int prot, bool reads)
{
	uint8_t *mine = map_pages(2), *theirs = map_pages(2), *from = reads ? theirs : mine,
		*to = reads ? mine : theirs;

	memset(from, 0x11, 2 * PG);
	memset(to, 0x22, 2 * PG);
	gm_control(move(fn, mine, theirs, 2 * PG, 0) == (ssize_t)(2 * PG), "both pages");
	memset(to, 0x22, 2 * PG);
	GM_EXPECT_ERRNO(EINVAL, move(fn, mine, theirs, 2 * PG, 1), "a flag");
	GM_SETUP_OK(mprotect(mine + PG, PG, prot));
	GM_EXPECT_ERRNO(EFAULT, move(fn, mine + PG, theirs + PG, PG, 0), "the closed page");
	GM_EXPECT_EQ(move(fn, mine, theirs, 2 * PG, 0), PG,
		     "bytes of an open page and a closed one");
	GM_EXPECT_EQ(move(fn, mine + PG - 24, theirs + 64, 128, 0), 24,
		     "bytes of a range that runs into the closed page");
	GM_SETUP_OK(mprotect(mine + PG, PG, PROT_READ | PROT_WRITE));
	GM_EXPECT_EQ(to[PG - 1], 0x11, "the last byte of the open page");
	GM_EXPECT_EQ(to[PG + (reads ? 0 : 128)], 0x22, "a byte behind what was moved");
	munmap(mine, 2 * PG);
	munmap(theirs, 2 * PG);
}

GM_CASE(own_read, .name = "gup.process_vm_readv.own_buffer", .clause = "gup.process_vm_readv",
	.text = "into a buffer whose second page is read-only: EFAULT, or the bytes until there")
{
	side(process_vm_readv, PROT_READ, true);
}

GM_CASE(own_write, .name = "gup.process_vm_writev.own_buffer", .clause = "gup.process_vm_writev",
	.text = "from a buffer whose second page is PROT_NONE: EFAULT, or the bytes until there")
{
	side(process_vm_writev, PROT_NONE, false);
}
