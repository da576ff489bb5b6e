// SPDX-License-Identifier: GPL-2.0-only
/* Poisons pages. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "page.h"
#include "poison.h"

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
