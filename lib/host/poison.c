// SPDX-License-Identifier: GPL-2.0-only
/* Poisons pages. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "frames.h"
#include "page.h"
#include "poison.h"

/* include/uapi/linux/kernel-page-flags.h */
#define KPF_BUDDY 10
#define KPF_HWPOISON 19

#define LOOKED_AT 4096UL /* pages: 16 MiB where they are of 4 KiB */

int gm_poison(void *hva, bool *killed)
{
	pid_t pid = GM_SETUP_OK(fork());
	int status;

	if (!pid) {
		signal(SIGBUS, SIG_DFL);
		_exit(madvise(hva, GM_PAGE_SIZE, MADV_HWPOISON) ? errno : 0);
	}
	GM_SETUP_OK(waitpid(pid, &status, 0));
	if (killed)
		*killed = WIFSIGNALED(status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static int write_pfn(const char *path, uint64_t pfn)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err;

	if (fd < 0)
		gm_skip("pages cannot be poisoned by frame number",
			"CONFIG_HWPOISON_INJECT=y, and debugfs mounted");
	err = dprintf(fd, "%lu\n", pfn) < 0 ? errno : 0;
	close(fd);
	return err;
}

int gm_poison_frame(uint64_t pfn)
{
	return write_pfn("/sys/kernel/debug/hwpoison/corrupt-pfn", pfn);
}

int gm_unpoison_frame(uint64_t pfn)
{
	return write_pfn("/sys/kernel/debug/hwpoison/unpoison-pfn", pfn);
}

int gm_hard_offline(uint64_t pfn)
{
	int fd = GM_SETUP_OK(
		open("/sys/devices/system/memory/hard_offline_page", O_WRONLY | O_CLOEXEC));
	int err = dprintf(fd, "%#lx\n", pfn * GM_PAGE_SIZE) < 0 ? errno : 0;

	close(fd);
	return err;
}

void gm_poison_expect_retired(uint64_t pfn, const char *when)
{
	uint64_t *got = calloc(LOOKED_AT, sizeof(*got));
	uint8_t *mem = mmap(NULL, LOOKED_AT * GM_PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool given = false;

	GM_SETUP(got && mem != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	GM_EXPECT_EQ(gm_frames_flag(pfn, KPF_HWPOISON), 1, "%s: frame %#lx is poisoned", when, pfn);
	GM_EXPECT_EQ(gm_frames_flag(pfn, KPF_BUDDY), 0, "%s: frame %#lx is free memory", when, pfn);
	/* Without huge pages: a page that was just freed is handed out as a single one. */
	(void)!madvise(mem, LOOKED_AT * GM_PAGE_SIZE, MADV_NOHUGEPAGE);
	for (uint64_t p = 0; p < LOOKED_AT; p++)
		*(volatile uint8_t *)(mem + p * GM_PAGE_SIZE) = 1;
	GM_SETUP(gm_frames_read(mem, LOOKED_AT, got),
		 "/proc/self/pagemap does not tell the frames");
	for (uint64_t p = 0; p < LOOKED_AT; p++)
		given |= got[p] == pfn;
	GM_EXPECT(!given, "%s: frame %#lx was given to somebody", when, pfn);
	munmap(mem, LOOKED_AT * GM_PAGE_SIZE);
	free(got);
}
