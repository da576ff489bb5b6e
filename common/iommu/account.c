// SPDX-License-Identifier: GPL-2.0-only
/* RLIMIT_MEMLOCK: exact to the page, by user or by process; iommu.lifetime. */
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "dma_memory.h"

GM_FILE(.clause = "iommu.lifetime", .profile = "IO", .iommu = GM_IOMMU_MOCK)

#define PG GM_PAGE_SIZE
/* Unused uids: only this case charges pages to them. */
#define USER_A 60061
#define USER_B 60062

static void set_limit(unsigned long pages)
{
	struct rlimit r = { .rlim_cur = pages * PG, .rlim_max = pages * PG };

	GM_SETUP_OK(setrlimit(RLIMIT_MEMLOCK, &r));
}

/* Drops uid 0 and all capabilities; stays dumpable, so that it can read its own /proc files. */
static void become(uid_t uid)
{
	GM_SETUP_OK(setresuid(uid, uid, uid));
	GM_SETUP_OK(prctl(PR_SET_DUMPABLE, 1));
}

GM_CASE(exact, .name = "iommu.lifetime.memlock", .flags = GM_REFUSAL, .caps = GM_CAPS(CAP_SETUID),
	.text = "a limit of 8 pages: the 9th is ENOMEM and pins nothing; an unmap gives pages back")
{
	struct dma_memory m = dma_memory_new(self->iommu, 16 * PG, 0);
	uint64_t at;

	set_limit(8);
	become(USER_A);
#define MAP(off, n, iova)                                                                          \
	({                                                                                         \
		at = iova;                                                                         \
		__gm_map_file(m.iommu, m.ioas, m.fd, (off)*PG, (n)*PG, &at, GM_RW);                \
	})
	GM_EXPECT_ERRNO(ENOMEM, MAP(0, 9, IOVA), "9 pages at once");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "the refused map left pins");
	GM_EXPECT(__gm_mock_maps(m.iommu, m.dev->hwpt, IOVA, m.hva, PG),
		  "the refused map is in the table");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the refused map, pages");
	gm_promise(!MAP(0, 8, IOVA), "8 pages");
	GM_EXPECT_EQ(gm_vm_pinned(), 8, "VmPin, pages");
	GM_EXPECT_ERRNO(ENOMEM, MAP(8, 1, IOVA + 0x10000), "the 9th");
	GM_EXPECT_ERRNO(ENOMEM, MAP(0, 1, IOVA + 0x10000), "a page that is already mapped");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 8 * PG, 1), "refused maps changed the pins");
	gm_unmap(m.iommu, m.ioas, IOVA, 8 * PG);
	GM_EXPECT_OK(MAP(1, 5, IOVA), "5 pages after the unmap");
	GM_EXPECT_ERRNO(ENOMEM, MAP(8, 4, IOVA + 0x10000), "4 more");
	GM_EXPECT_OK(MAP(8, 3, IOVA + 0x10000), "3 more");
	GM_EXPECT_EQ(gm_vm_locked(), 0, "VmLck: the user is charged, not the process, pages");
	/* A copy shares the pins, and keeps its part of them after the unmap of the original. */
	at = IOVA + 0x20000;
	GM_EXPECT_OK(__gm_ioas_copy(m.iommu, m.ioas, m.ioas, IOVA + PG, 2 * PG, &at, GM_RW),
		     "a copy");
	gm_unmap(m.iommu, m.ioas, IOVA, 5 * PG);
	GM_EXPECT_ERRNO(ENOMEM, MAP(1, 4, IOVA), "4 where 3 are free");
	GM_EXPECT_OK(MAP(1, 3, IOVA), "3 where 3 are free");
	dma_memory_free(&m);
}

GM_CASE(attach, .name = "iommu.lifetime.memlock_attach", .flags = GM_REFUSAL,
	.caps = GM_CAPS(CAP_SETUID),
	.text = "pages are charged at the attach: an attach beyond the limit is ENOMEM and charges nothing")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 8 * PG, 0);
	struct gm_iodev *dev;

	set_limit(4);
	become(USER_A);
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 3 * PG, IOVA, GM_RW);
	gm_map_file(m.iommu, m.ioas, m.fd, 4 * PG, 2 * PG, IOVA + 0x10000, GM_RW);
	dev = __gm_iodev_new(m.iommu, m.ioas);
	GM_EXPECT(!dev && errno == ENOMEM, "5 pages, a limit of 4: expected ENOMEM, observed %s",
		  dev ? "success" : gm_errno_name(errno));
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "the failed attach left pins");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the failed attach, pages");
	gm_unmap(m.iommu, m.ioas, IOVA + 0x10000, 2 * PG);
	gm_map_file(m.iommu, m.ioas, m.fd, 4 * PG, PG, IOVA + 0x10000, GM_RW);
	m.dev = dev ?: __gm_iodev_new(m.iommu, m.ioas);
	gm_promise(m.dev, "4 pages attach");
	GM_EXPECT_EQ(gm_vm_pinned(), 4, "VmPin, pages");
	dma_memory_free(&m);
}

/* Maps in a child with another uid. Returns 0 or the errno; the map stays. */
static int child_map(struct dma_memory *m, uid_t uid, uint64_t npages, uint64_t iova)
{
	pid_t pid = GM_SETUP_OK(fork());
	int status;

	if (!pid) {
		if (setresuid(uid, uid, uid))
			_exit(200);
		_exit(__gm_map_file(m->iommu, m->ioas, m->fd, 0, npages * PG, &iova, GM_RW) ? errno
											    : 0);
	}
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_SETUP(WIFEXITED(status) && WEXITSTATUS(status) != 200, "child: status %#x", status);
	return WEXITSTATUS(status);
}

GM_CASE(users, .name = "iommu.lifetime.memlock_users", .flags = GM_REFUSAL,
	.caps = GM_CAPS(CAP_SETUID),
	.text = "pages are charged to the uid: all its processes share the charge, it outlives them, and other uids have their own")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);

	set_limit(6);
	gm_control(!child_map(&m, USER_A, 5, IOVA), "user A, 5 of 6 pages");
	GM_EXPECT_EQ(child_map(&m, USER_A, 2, IOVA + 0x10000), ENOMEM,
		     "user A, another process, 2 more: errno");
	GM_EXPECT_EQ(child_map(&m, USER_B, 7, IOVA + 0x10000), ENOMEM,
		     "user B, 7 of 6 pages: errno");
	GM_EXPECT_EQ(child_map(&m, USER_B, 6, IOVA + 0x10000), 0, "user B, 6 of 6 pages: errno");
	GM_EXPECT_EQ(child_map(&m, USER_A, 1, IOVA + 0x20000), 0, "user A, the 6th: errno");
	GM_EXPECT_EQ(child_map(&m, USER_A, 1, IOVA + 0x30000), ENOMEM, "user A, the 7th: errno");
	/* Another uid unmaps: the pages are given back to user A. */
	gm_unmap(m.iommu, m.ioas, IOVA, 5 * PG);
	GM_EXPECT_EQ(child_map(&m, USER_B, 1, IOVA), ENOMEM,
		     "user B has no page more after the unmap: errno");
	GM_EXPECT_EQ(child_map(&m, USER_A, 6, IOVA), ENOMEM, "user A, 6 where 5 are free: errno");
	GM_EXPECT_EQ(child_map(&m, USER_A, 5, IOVA), 0, "user A, 5 where 5 are free: errno");
	dma_memory_free(&m);
}

static int rlimit_mode(struct gm_iommu *iommu, int op, uint64_t *val)
{
	struct iommu_option arg = {
		.size = sizeof(arg),
		.option_id = IOMMU_OPTION_RLIMIT_MODE,
		.op = op,
		.val64 = *val,
	};
	int ret = ioctl(iommu->fd, IOMMU_OPTION, &arg);

	*val = arg.val64;
	return ret;
}

GM_CASE(process, .name = "iommu.lifetime.memlock_process", .flags = GM_REFUSAL,
	.caps = GM_CAPS(CAP_SYS_RESOURCE),
	.text = "RLIMIT_MODE 1 charges the process: VmLck, VmPin and the limit are exact; EBUSY once there is an IOAS")
{
	struct dma_memory m = { .size = 8 * PG };
	uint64_t one = 1, val = 2, at;

	m.iommu = gm_iommu_new(self->iommu);
	GM_EXPECT_ERRNO(EINVAL, rlimit_mode(m.iommu, IOMMU_OPTION_OP_SET, &val), "mode 2");
	GM_EXPECT_OK(rlimit_mode(m.iommu, IOMMU_OPTION_OP_SET, &one));
	GM_EXPECT_OK(rlimit_mode(m.iommu, IOMMU_OPTION_OP_GET, &val));
	GM_EXPECT_EQ(val, 1, "the mode that was set");
	m.ioas = gm_ioas_new(m.iommu);
	val = 0;
	GM_EXPECT_ERRNO(EBUSY, rlimit_mode(m.iommu, IOMMU_OPTION_OP_SET, &val), "with an IOAS");
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	m.fd = gm_memfd_new(m.size, 0);
	m.hva = dma_memory_mmap(m.fd, m.size, GM_2M);
	set_limit(4);
	GM_EXPECT_ERRNO(ENOMEM, MAP(0, 5, IOVA), "5 pages");
	GM_EXPECT_EQ(gm_vm_locked(), 0, "VmLck after the refused map, pages");
	gm_promise(!MAP(0, 3, IOVA), "3 pages");
	GM_EXPECT_EQ(gm_vm_locked(), 3, "VmLck, pages");
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin, pages");
	GM_EXPECT_ERRNO(ENOMEM, MAP(4, 2, IOVA + 0x10000), "2 more");
	GM_EXPECT_OK(MAP(4, 1, IOVA + 0x10000), "1 more");
	gm_unmap(m.iommu, m.ioas, IOVA, 3 * PG);
	GM_EXPECT_EQ(gm_vm_locked(), 1, "VmLck after the unmap, pages");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 4 * PG, 0), "pages stay pinned");
	gm_unmap(m.iommu, m.ioas, IOVA + 0x10000, PG);
	GM_EXPECT_EQ(gm_vm_locked() + gm_vm_pinned(), 0, "VmLck and VmPin at the end, pages");
	dma_memory_free(&m);
}

GM_CASE(mode_denied, .name = "iommu.lifetime.memlock_mode_denied", .flags = GM_REFUSAL,
	.text = "setting RLIMIT_MODE without CAP_SYS_RESOURCE is EPERM")
{
	struct gm_iommu *iommu = gm_iommu_new(GM_IOMMU_MOCK);
	uint64_t val = 1;

	GM_EXPECT_ERRNO(EPERM, rlimit_mode(iommu, IOMMU_OPTION_OP_SET, &val));
	val = 7;
	gm_promise(!rlimit_mode(iommu, IOMMU_OPTION_OP_GET, &val), "reading the mode");
	GM_EXPECT_EQ(val, 0, "the mode: 0 is by user");
	gm_iommu_free(iommu);
}

GM_CASE(privileged, .name = "iommu.lifetime.memlock_ipc_lock", .caps = GM_CAPS(CAP_IPC_LOCK),
	.text = "with CAP_IPC_LOCK there is no limit, and VmPin still counts the pages")
{
	struct dma_memory m = dma_memory_new(self->iommu, 16 * PG, 0);

	set_limit(1);
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 16 * PG, IOVA, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 16, "VmPin, pages");
	GM_EXPECT_EQ(gm_vm_locked(), 0, "VmLck, pages");
	gm_unmap(m.iommu, m.ioas, IOVA, 16 * PG);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	dma_memory_free(&m);
}

GM_CASE(change_process, .name = "iommu.lifetime.change_process",
	.text = "IOAS_CHANGE_PROCESS moves the pins to the caller; a map by HVA cannot move: EINVAL")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	struct iommu_ioas_change_process arg = { .size = sizeof(arg) };
	uint64_t at = IOVA + 0x10000;
	int status;
	pid_t pid;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 5 * PG, IOVA, GM_RW);
	pid = GM_SETUP_OK(fork());
	if (!pid)
		_exit(ioctl(m.iommu->fd, IOMMU_IOAS_CHANGE_PROCESS, &arg) ? 100 : gm_vm_pinned());
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_EXPECT_EQ(WEXITSTATUS(status), 5,
		     "VmPin of the child after the move to it, pages (100: refused)");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin of the previous process, pages");
	gm_dma_prove_same_page(m.dev, IOVA + 4 * PG, m.hva + 4 * PG,
			       "moved to a child that has exited");
	GM_EXPECT_OK(ioctl(m.iommu->fd, IOMMU_IOAS_CHANGE_PROCESS, &arg), "back");
	GM_EXPECT_EQ(gm_vm_pinned(), 5, "VmPin, pages");
	GM_EXPECT_OK(__gm_map_hva(m.iommu, m.ioas, m.hva, PG, &at, GM_RW));
	GM_EXPECT_ERRNO(EINVAL, ioctl(m.iommu->fd, IOMMU_IOAS_CHANGE_PROCESS, &arg),
			"with a map by HVA");
	dma_memory_free(&m);
}

/*
 * IOAS_CHANGE_PROCESS in a child with this uid (0: the same). Returns 0 or the errno; *pinned: the
 * child's VmPin.
 */
static int child_change_process(struct dma_memory *m, uid_t uid, unsigned long *pinned)
{
	struct iommu_ioas_change_process arg = { .size = sizeof(arg) };
	unsigned long *out =
		mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = GM_SETUP_OK(fork());
	int status;

	if (!pid) {
		if (uid)
			become(uid);
		status = ioctl(m->iommu->fd, IOMMU_IOAS_CHANGE_PROCESS, &arg) ? errno : 0;
		*out = gm_vm_pinned();
		_exit(status);
	}
	GM_SETUP_OK(waitpid(pid, &status, 0));
	*pinned = *out;
	munmap(out, PG);
	GM_SETUP(WIFEXITED(status), "child: status %#x", status);
	return WEXITSTATUS(status);
}

/*
 * Copies share their pages, in one address space and in another: each page moves once. If the new
 * process has too low a limit, nothing moves.
 */
GM_CASE(change_copies, .name = "iommu.lifetime.change_process_copies", .caps = GM_CAPS(CAP_SETUID),
	.flags = GM_REFUSAL,
	.text = "IOAS_CHANGE_PROCESS with copies charges each page once; beyond the limit it is ENOMEM and changes nothing")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	uint32_t second = gm_ioas_new(m.iommu);
	struct gm_iodev *dev = gm_iodev_new(m.iommu, second);
	unsigned long pinned;
	uint64_t at = IOVA + 0x10000;

	set_limit(12);
	become(USER_A);
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 6 * PG, IOVA, GM_RW);
	GM_EXPECT_OK(__gm_ioas_copy(m.iommu, m.ioas, m.ioas, IOVA, 5 * PG, &at, GM_RW));
	GM_EXPECT_OK(__gm_ioas_copy(m.iommu, second, m.ioas, IOVA + PG, 5 * PG, (at = IOVA, &at),
				    GM_RO));
	GM_EXPECT_EQ(gm_vm_pinned(), 6, "VmPin, pages");
	/* The same uid: its old charge counts until the move is over. */
	GM_EXPECT_EQ(child_change_process(&m, 0, &pinned), 0, "12 of 12 pages: errno");
	GM_EXPECT_EQ(pinned, 6, "VmPin of the child after the move to it, pages");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin of the previous process, pages");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 6 * PG, 1), "the move changed the pins");
	gm_promise(!ioctl(m.iommu->fd, IOMMU_IOAS_CHANGE_PROCESS,
			  &(struct iommu_ioas_change_process){ .size = 8 }),
		   "back");
	GM_EXPECT_EQ(gm_vm_pinned(), 6, "VmPin, pages");
	set_limit(11);
	GM_EXPECT_EQ(child_change_process(&m, 0, &pinned), ENOMEM, "12 of 11 pages: errno");
	GM_EXPECT_EQ(pinned, 0, "VmPin of the child after its refused move, pages");
	GM_EXPECT_EQ(gm_vm_pinned(), 6, "VmPin after the refusal, pages");
	dma_memory_mapped(&m, 0, 6 * PG, IOVA);
	gm_unmap(m.iommu, m.ioas, IOVA, 6 * PG);
	gm_unmap(m.iommu, m.ioas, IOVA + 0x10000, 5 * PG);
	GM_EXPECT_EQ(gm_vm_pinned(), 5, "VmPin of the copy in the other address space, pages");
	gm_iodev_free(dev);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	dma_memory_free(&m);
}

/* Linux 7.3.4 fails it: findings/iommufd-change-process. */
GM_CASE(change_privileged, .name = "iommu.lifetime.change_process_ipc_lock",
	.caps = GM_CAPS(CAP_IPC_LOCK), .flags = GM_FULL_ONLY,
	.text = "IOAS_CHANGE_PROCESS moves VmPin, too, if CAP_IPC_LOCK made the maps free of charge")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	unsigned long pinned;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 5 * PG, IOVA, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 5, "VmPin, pages");
	GM_EXPECT_EQ(child_change_process(&m, 0, &pinned), 0, "the child's errno");
	GM_EXPECT_EQ(pinned, 5, "VmPin of the child after the move to it, pages");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin of the previous process, pages");
	dma_memory_free(&m);
}

GM_CASE(change_user, .name = "iommu.lifetime.change_process_user", .caps = GM_CAPS(CAP_SETUID),
	.flags = GM_REFUSAL,
	.text = "IOAS_CHANGE_PROCESS to another uid moves the charge to it, until the unmap")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	unsigned long pinned;

	set_limit(6);
	gm_control(!child_map(&m, USER_A, 5, IOVA), "user A, 5 of 6 pages");
	GM_EXPECT_EQ(child_change_process(&m, USER_B, &pinned), 0, "user B takes 5: errno");
	GM_EXPECT_EQ(pinned, 5, "VmPin of user B's process, pages");
	GM_EXPECT_EQ(child_map(&m, USER_B, 2, IOVA + 0x10000), ENOMEM, "user B, 2 more: errno");
	GM_EXPECT_EQ(child_map(&m, USER_A, 6, IOVA + 0x10000), 0, "user A has all 6 again: errno");
	gm_unmap(m.iommu, m.ioas, IOVA, 5 * PG);
	GM_EXPECT_EQ(child_map(&m, USER_A, 1, IOVA), ENOMEM,
		     "user A, one more than the limit: errno");
	GM_EXPECT_EQ(child_map(&m, USER_B, 6, IOVA), 0, "user B has all 6 again: errno");
	dma_memory_free(&m);
}
