// SPDX-License-Identifier: GPL-2.0-only
/* Pinned pages are charged to the mapping process, not to the one that attaches or unmaps. */
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "dma_memory.h"

GM_FILE(.clause = "iommu.lifetime", .profile = "IO", .iommu = GM_IOMMU_MOCK, .flags = GM_REFUSAL)

#define PG GM_PAGE_SIZE
#define USER 60063

static void set_limit(unsigned long pages)
{
	struct rlimit r = { .rlim_cur = pages * PG, .rlim_max = 64 * PG };

	GM_SETUP_OK(setrlimit(RLIMIT_MEMLOCK, &r));
}

/* Returns fn(m), called in a child with its own limit; the value must be below 250. */
static int in_child(struct dma_memory *m, unsigned long limit, int (*fn)(struct dma_memory *m))
{
	pid_t pid = GM_SETUP_OK(fork());
	int status;

	if (!pid) {
		set_limit(limit);
		_exit(fn(m));
	}
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_SETUP(WIFEXITED(status), "child: status %#x", status);
	return WEXITSTATUS(status);
}

static int attach(struct dma_memory *m)
{
	return __gm_iodev_new(m->iommu, m->ioas) ? 0 : errno;
}

static int unmap(struct dma_memory *m)
{
	uint64_t len = 3 * PG;

	return __gm_unmap(m->iommu, m->ioas, IOVA, &len) ? errno : 0;
}

GM_CASE(limit, .name = "iommu.lifetime.memlock_mapper", .caps = GM_CAPS(CAP_SETUID),
	.text = "a process with another limit attaches the device: the limit of the mapping process counts")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 8 * PG, 0);

	GM_SETUP_OK(setresuid(USER, USER, USER));
	GM_SETUP_OK(prctl(PR_SET_DUMPABLE, 1));
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 3 * PG, IOVA, GM_RW);
	set_limit(2);
	GM_EXPECT_EQ(in_child(&m, 64, attach), ENOMEM,
		     "limit of the mapping process 2, of the attaching one 64: errno");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the failed attach, pages");
	set_limit(3);
	gm_control(!in_child(&m, 1, attach),
		   "limit of the mapping process 3, of the attaching one 1");
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin of the mapping process, pages");
	GM_EXPECT_EQ(in_child(&m, 1, unmap), 0, "unmap by another process: errno");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the unmap, pages");
	dma_memory_free(&m);
}

GM_CASE(process, .name = "iommu.lifetime.memlock_process_other", .caps = GM_CAPS(CAP_SYS_RESOURCE),
	.text = "RLIMIT_MODE by process: others attach and unmap, the mapping process is charged and uncharged")
{
	struct iommu_option mode = { .size = sizeof(mode),
				     .option_id = IOMMU_OPTION_RLIMIT_MODE,
				     .op = IOMMU_OPTION_OP_SET,
				     .val64 = 1 };
	struct dma_memory m = { .size = 8 * PG };

	m.iommu = gm_iommu_new(self->iommu);
	GM_SETUP_OK(ioctl(m.iommu->fd, IOMMU_OPTION, &mode));
	m.ioas = gm_ioas_new(m.iommu);
	m.fd = gm_memfd_new(m.size, 0);
	m.hva = dma_memory_mmap(m.fd, m.size, GM_2M);
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 3 * PG, IOVA, GM_RW);
	set_limit(2);
	GM_EXPECT_EQ(in_child(&m, 64, attach), ENOMEM, "limit of this process 2: errno");
	GM_EXPECT_EQ(gm_vm_locked() + gm_vm_pinned(), 0,
		     "VmLck and VmPin after the failed attach, pages");
	set_limit(3);
	gm_control(!in_child(&m, 1, attach), "limit of this process 3");
	GM_EXPECT_EQ(gm_vm_locked(), 3, "VmLck, pages");
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin, pages");
	GM_EXPECT_EQ(in_child(&m, 1, unmap), 0, "unmap by another process: errno");
	GM_EXPECT_EQ(gm_vm_locked() + gm_vm_pinned(), 0, "VmLck and VmPin at the end, pages");
	dma_memory_free(&m);
}
