// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls of the suite, and a seccomp filter that reports calls that a policy denies. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/kvm.h>
#include <linux/liveupdate.h>
#include <linux/seccomp.h>
#include <linux/udmabuf.h>
#include <linux/userfaultfd.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy.h"
#include "protocol.h"
#include "text.h"

/* The kernel checks the fd, -1, before the command; a filter sees the command. */
static const struct gm_policy_call ioctls[] = {
	GM_POLICY_IOCTL(KVM_GET_API_VERSION),
	GM_POLICY_IOCTL(KVM_CREATE_VM),
	GM_POLICY_IOCTL(KVM_CHECK_EXTENSION),
	GM_POLICY_IOCTL(KVM_GET_VCPU_MMAP_SIZE),
	GM_POLICY_IOCTL(KVM_CREATE_VCPU),
	GM_POLICY_IOCTL(KVM_RUN),
	GM_POLICY_IOCTL(KVM_GET_REGS),
	GM_POLICY_IOCTL(KVM_SET_REGS),
	GM_POLICY_IOCTL(KVM_SET_MP_STATE),
	GM_POLICY_IOCTL(KVM_SET_USER_MEMORY_REGION),
	GM_POLICY_IOCTL(KVM_SET_USER_MEMORY_REGION2),
	GM_POLICY_IOCTL(KVM_CREATE_GUEST_MEMFD),
	GM_POLICY_IOCTL(KVM_SET_MEMORY_ATTRIBUTES),
	GM_POLICY_IOCTL(KVM_PRE_FAULT_MEMORY),
	GM_POLICY_IOCTL(KVM_ENABLE_CAP),
	GM_POLICY_IOCTL(KVM_GET_DIRTY_LOG),
	GM_POLICY_IOCTL(KVM_CLEAR_DIRTY_LOG),
	GM_POLICY_IOCTL(KVM_GET_STATS_FD),
	GM_POLICY_IOCTL(KVM_CREATE_IRQCHIP),
	GM_POLICY_IOCTL(KVM_IRQFD),
	GM_POLICY_IOCTL(KVM_IOEVENTFD),
	GM_POLICY_IOCTL(KVM_GET_MP_STATE),
	GM_POLICY_IOCTL(IOMMU_IOAS_ALLOC),
	GM_POLICY_IOCTL(IOMMU_IOAS_ALLOW_IOVAS),
	GM_POLICY_IOCTL(IOMMU_IOAS_IOVA_RANGES),
	GM_POLICY_IOCTL(IOMMU_IOAS_MAP),
	GM_POLICY_IOCTL(IOMMU_IOAS_MAP_FILE),
	GM_POLICY_IOCTL(IOMMU_IOAS_COPY),
	GM_POLICY_IOCTL(IOMMU_IOAS_UNMAP),
	GM_POLICY_IOCTL(IOMMU_IOAS_CHANGE_PROCESS),
	GM_POLICY_IOCTL(IOMMU_OPTION),
	GM_POLICY_IOCTL(IOMMU_DESTROY),
	GM_POLICY_IOCTL(IOMMU_VFIO_IOAS),
	GM_POLICY_IOCTL(IOMMU_HWPT_ALLOC),
	GM_POLICY_IOCTL(IOMMU_HWPT_SET_DIRTY_TRACKING),
	GM_POLICY_IOCTL(IOMMU_HWPT_GET_DIRTY_BITMAP),
	GM_POLICY_IOCTL(IOMMU_GET_HW_INFO),
	GM_POLICY_IOCTL(VFIO_GET_API_VERSION),
	GM_POLICY_IOCTL(VFIO_CHECK_EXTENSION),
	GM_POLICY_IOCTL(VFIO_SET_IOMMU),
	GM_POLICY_IOCTL(VFIO_GROUP_GET_STATUS),
	GM_POLICY_IOCTL(VFIO_GROUP_SET_CONTAINER),
	GM_POLICY_IOCTL(VFIO_GROUP_GET_DEVICE_FD),
	GM_POLICY_IOCTL(VFIO_DEVICE_GET_REGION_INFO),
	GM_POLICY_IOCTL(VFIO_DEVICE_FEATURE),
	GM_POLICY_IOCTL(VFIO_DEVICE_BIND_IOMMUFD),
	GM_POLICY_IOCTL(VFIO_DEVICE_ATTACH_IOMMUFD_PT),
	GM_POLICY_IOCTL(VFIO_DEVICE_DETACH_IOMMUFD_PT),
	GM_POLICY_IOCTL(VFIO_IOMMU_GET_INFO),
	GM_POLICY_IOCTL(VFIO_IOMMU_MAP_DMA),
	GM_POLICY_IOCTL(VFIO_IOMMU_UNMAP_DMA),
	GM_POLICY_IOCTL(UFFDIO_API),
	GM_POLICY_IOCTL(UFFDIO_REGISTER),
	GM_POLICY_IOCTL(UFFDIO_COPY),
	GM_POLICY_IOCTL(UFFDIO_CONTINUE),
	GM_POLICY_IOCTL(UFFDIO_MOVE),
	GM_POLICY_IOCTL(UFFDIO_WAKE),
	GM_POLICY_IOCTL(UFFDIO_WRITEPROTECT),
	GM_POLICY_IOCTL(PAGEMAP_SCAN),
	GM_POLICY_IOCTL(UDMABUF_CREATE),
	GM_POLICY_IOCTL(LIVEUPDATE_IOCTL_CREATE_SESSION),
	GM_POLICY_IOCTL(LIVEUPDATE_SESSION_PRESERVE_FD),
	/* Not exported by every tree: in-place conversion, and iommufd's mock device. */
	{ "KVM_SET_MEMORY_ATTRIBUTES2", SYS_ioctl, { -1UL, 0xc080aed2UL } },
	{ "IOMMU_TEST_CMD", SYS_ioctl, { -1UL, _IO(IOMMUFD_TYPE, IOMMUFD_CMD_BASE + 32) } },
};

#define DENIED_MAX 64

static struct {
	const struct gm_policy_call *call;
	int err;
	bool reported;
} denied[DENIED_MAX];
static size_t denied_nr;
static int report = -1;

static void report_denied(size_t i)
{
	char line[128];
	int n;

	if (__atomic_exchange_n(&denied[i].reported, true, __ATOMIC_RELAXED))
		return;
	n = snprintf(line, sizeof(line), "%s\t%s\t%s\n", gm_record_word(GM_RECORD_DENIED),
		     denied[i].call->name, strerrorname_np(denied[i].err));
	while (write(report, line, n) < 0 && errno == EINTR)
		;
}

static void test_call(const struct gm_policy_call *c)
{
	int err = gm_policy_denies(c);

	if (!err || denied_nr == DENIED_MAX)
		return;
	denied[denied_nr].call = c;
	denied[denied_nr++].err = err;
}

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	int err = errno;

	for (size_t i = 0; i < denied_nr; i++) {
		const struct gm_policy_call *c = denied[i].call;

		if (c->nr != info->si_syscall ||
		    (c->nr == SYS_ioctl &&
		     (unsigned int)c->arg[1] != (unsigned int)gm_arch_policy_arg1(context)))
			continue;
		report_denied(i);
		gm_arch_policy_return(context, -denied[i].err);
		break;
	}
	errno = err;
}

/* Traps the denied calls. Of several seccomp filters, a trap has priority over an errno. */
static bool watch(void)
{
	struct sock_filter code[2 + 4 * DENIED_MAX + 1];
	struct sock_fprog prog = { .filter = code };
	struct sigaction act = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO | SA_NODEFER };
	size_t n = 0;

	for (size_t i = 0; i < denied_nr; i++) {
		const struct gm_policy_call *c = denied[i].call;

		if (c->always)
			continue;
		code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
							 offsetof(struct seccomp_data, nr));
		if (c->nr != SYS_ioctl) {
			code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c->nr,
								 0, 1);
		} else {
			code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c->nr,
								 0, 3);
			code[n++] = (struct sock_filter)BPF_STMT(
				BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]));
			code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
								 (unsigned int)c->arg[1], 0, 1);
		}
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
	}
	if (!n)
		return true;
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	prog.len = n;
	return !sigaction(SIGSYS, &act, NULL) && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

/*
 * Can anything deny a call: a seccomp filter on this process, or a security module that is not in
 * the list below? Without one, an EPERM comes from the kernel and stays a miss.
 */
static bool in_force(void)
{
	static const char harmless[] =
		"capability,lockdown,yama,integrity,ima,evm,safesetid,loadpin";
	char list[256];

	/* Without CONFIG_SECCOMP this is EINVAL; a filter may deny it, too. */
	errno = 0;
	if (prctl(PR_GET_SECCOMP) > 0 || errno == EPERM || errno == EACCES || errno == ENOSYS)
		return true;
	if (gm_read_text("/sys/kernel/security/lsm", list, sizeof(list)) < 0)
		return !access("/sys/fs/selinux", F_OK);
	for (char *at = list, *name; (name = strsep(&at, ",\n"));)
		if (*name && !strstr(harmless, name))
			return true;
	return false;
}

void gm_policy_watch(int report_fd)
{
	bool watched;

	if (!in_force())
		return;
	for (size_t i = 0; i < gm_policy_syscalls_nr; i++)
		test_call(&gm_policy_syscalls[i]);
	for (size_t i = 0; i < sizeof(ioctls) / sizeof(ioctls[0]); i++)
		test_call(&ioctls[i]);
	for (size_t i = 0; i < gm_arch_policy_calls_nr; i++)
		test_call(&gm_arch_policy_calls[i]);
	if (!denied_nr)
		return;
	report = report_fd;
	watched = watch();
	/* Without the filter, assume that the case makes all denied calls. */
	for (size_t i = 0; i < denied_nr; i++)
		if (denied[i].call->always || !watched)
			report_denied(i);
}
