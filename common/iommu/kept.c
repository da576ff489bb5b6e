// SPDX-License-Identifier: GPL-2.0-only
/*
 * After the unmap iommufd keeps neither the process nor its mm: both are uncharged from the cgroup.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "dma_memory.h"
#include "platform.h"
#include "text.h"
#include "time_factor.h"

#define PG GM_PAGE_SIZE
#define PROCESSES 32
/* Less than the charge of a process or an mm, each above 5 KiB. */
#define EACH 3072L

static char dir[256];

static void gone(void *arg)
{
	rmdir(arg);
}

static int put(const char *file, const char *text)
{
	char path[320];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ret = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Bytes charged to the group. Writing memory.high drains the per-CPU stocks. */
static long charged(void)
{
	char path[320];
	unsigned long val;

	GM_SETUP_OK(put("memory.high", "0"));
	snprintf(path, sizeof(path), "%s/memory.current", dir);
	GM_SETUP(gm_read_number(path, &val), "%s cannot be read", path);
	return val;
}

/* Is kernel memory charged? cgroup.memory=nokmem on the kernel's command line. */
static bool kernel_memory_counts(void)
{
	char line[4096];

	return gm_read_text("/proc/cmdline", line, sizeof(line)) < 0 || !strstr(line, "nokmem");
}

/* In the group: processes one by one, each of which maps, unmaps and exits. */
static int run_processes(struct dma_memory *m)
{
	cpu_set_t one;

	if (put("cgroup.procs", "0"))
		return 1;
	/* On one CPU, since each CPU may have a stock. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	for (unsigned int i = 0; i < PROCESSES; i++) {
		uint64_t at = IOVA, len = PG;
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(__gm_map_file(m->iommu, m->ioas, m->fd, 0, PG, &at, GM_RW) ||
			      __gm_unmap(m->iommu, m->ioas, at, &len));
		if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
			return 2;
	}
	return 0;
}

GM_CASE(kept, .name = "iommu.lifetime.kept", .clause = "iommu.lifetime", .iommu = GM_IOMMU_MOCK,
	.needs = GM_NEEDS(MEMCG), .caps = GM_CAPS_ALL, .profile = "IO",
	.text = "32 processes map, unmap and exit: their charge is given back")
{
	struct timespec pause = { .tv_nsec = 20000000 };
	struct dma_memory m = dma_memory_new(self->iommu, PG, 0);
	int tries = 0, status;
	pid_t pid;

	if (GM_PAGE_SIZE > 4096)
		gm_skip("memory is charged by pages, and a page is larger than a leaked object",
			"a kernel with pages of 4 KiB");
	if (!kernel_memory_counts())
		gm_skip("kernel memory is not charged", "boot without cgroup.memory=nokmem");
	snprintf(dir, sizeof(dir), "%s/gm-iommu-%d", gm_platform_memcg(), getpid());
	GM_SETUP(!mkdir(dir, 0755), "mkdir %s: %s", dir, gm_errno_name(errno));
	gm_cleanup(gone, dir);
	pid = GM_SETUP_OK(fork());
	if (!pid)
		_exit(run_processes(&m));
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_SETUP(WIFEXITED(status) && WEXITSTATUS(status) != 1, "cannot join %s", dir);
	GM_ASSERT(!status, "map and unmap by another process failed");
	/* Some objects are freed after a grace period. */
	while (charged() > PROCESSES * EACH && ++tries < gm_time_limit(200))
		nanosleep(&pause, NULL);
	gm_note("%ld bytes after %d processes", charged(), PROCESSES);
	GM_EXPECT(charged() <= PROCESSES * EACH,
		  "%ld bytes stay charged after %d processes have exited", charged(), PROCESSES);
	dma_memory_free(&m);
}
