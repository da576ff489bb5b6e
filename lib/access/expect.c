// SPDX-License-Identifier: GPL-2.0-only
/*
 * The expected outcome of each path on each kind of memory, from the source of Linux 7.3.4. The
 * entry of a probe has its differences.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "access.h"

#define FAULT "virt/kvm/guest_memfd.c:kvm_gmem_fault_user_mapping() gives VM_FAULT_SIGBUS"
#define GUP "mm/gup.c:faultin_page() converts VM_FAULT_SIGBUS to -EFAULT (vm_fault_to_errno())"
#define SECRET "mm/gup.c:check_vma_flags(), gup_fast_folio_allowed() refuse secretmem"
#define NOGUP "series v12: mm/gup.c refuses folios without direct map"
#define RIGHTS "mm/gup.c:check_vma_flags(), gup_fast_pte_range() check the mapping's rights"
#define ANY "mm/memory.c:do_shared_fault(), do_read_fault() map the page"

static const struct gm_want by_path[GM_PATH_NR][GM_CLASS_NR] = {
	[GM_PATH_CPU] = {
		[GM_CLASS_ORDINARY] = GM_REACH(ANY),
		[GM_CLASS_SECRETMEM] = GM_REACH("mm/secretmem.c:secretmem_fault()"),
		[GM_CLASS_SHARED] = GM_REACH(ANY),
		[GM_CLASS_SHARED_NOGUP] = GM_REACH(ANY),
		[GM_CLASS_PRIVATE] = GM_SIG(SIGBUS, BUS_ADRERR, FAULT
					    "; arch fault handler: do_sigbus(), BUS_ADRERR"),
		[GM_CLASS_READ_ONLY] = GM_SIG(SIGSEGV, SEGV_ACCERR, "arch fault handler: access_error()"),
		[GM_CLASS_NO_ACCESS] = GM_SIG(SIGSEGV, SEGV_ACCERR, "arch fault handler: access_error()"),
	},
	[GM_PATH_UACCESS] = {
		[GM_CLASS_ORDINARY] = GM_REACH(ANY),
		[GM_CLASS_SECRETMEM] = GM_REACH("mm/secretmem.c:secretmem_fault()"),
		[GM_CLASS_SHARED] = GM_REACH(ANY),
		[GM_CLASS_SHARED_NOGUP] = GM_REACH(ANY),
		[GM_CLASS_PRIVATE] = GM_ERR(EFAULT, FAULT "; the exception table ends the copy"),
		[GM_CLASS_READ_ONLY] = GM_ERR(EFAULT, "arch fault handler: access_error(); the exception table ends the copy"),
		[GM_CLASS_NO_ACCESS] = GM_ERR(EFAULT, "arch fault handler: access_error(); the exception table ends the copy"),
	},
	[GM_PATH_GUP] = {
		[GM_CLASS_ORDINARY] = GM_REACH("mm/gup.c"),
		[GM_CLASS_SECRETMEM] = GM_ERR(EFAULT, SECRET),
		[GM_CLASS_SHARED] = GM_REACH("mm/gup.c"),
		[GM_CLASS_SHARED_NOGUP] = GM_ERR(EFAULT, NOGUP),
		[GM_CLASS_PRIVATE] = GM_ERR(EFAULT, GUP),
		[GM_CLASS_READ_ONLY] = GM_ERR(EFAULT, RIGHTS),
		[GM_CLASS_NO_ACCESS] = GM_ERR(EFAULT, RIGHTS),
	},
	[GM_PATH_PIN] = {
		[GM_CLASS_ORDINARY] = GM_REACH("mm/gup.c"),
		[GM_CLASS_SECRETMEM] = GM_ERR(EFAULT, SECRET),
		[GM_CLASS_SHARED] = GM_REACH("mm/gup.c"),
		[GM_CLASS_SHARED_NOGUP] = GM_ERR(EFAULT, NOGUP),
		[GM_CLASS_PRIVATE] = GM_ERR(EFAULT, GUP),
		[GM_CLASS_READ_ONLY] = GM_ERR(EFAULT, RIGHTS),
		[GM_CLASS_NO_ACCESS] = GM_ERR(EFAULT, RIGHTS),
	},
	[GM_PATH_LONGTERM] = {
		[GM_CLASS_ORDINARY] = GM_REACH("mm/gup.c"),
		[GM_CLASS_SECRETMEM] = GM_ERR(EFAULT, SECRET),
		[GM_CLASS_SHARED] = GM_REACH("mm/gup.c: guest_memfd needs no dirty tracking, "
					     "vma_needs_dirty_tracking()"),
		[GM_CLASS_SHARED_NOGUP] = GM_ERR(EFAULT, NOGUP),
		[GM_CLASS_PRIVATE] = GM_ERR(EFAULT, GUP),
		[GM_CLASS_READ_ONLY] = GM_ERR(EFAULT, RIGHTS),
		[GM_CLASS_NO_ACCESS] = GM_ERR(EFAULT, RIGHTS),
	},
	[GM_PATH_REMOTE] = {
		[GM_CLASS_ORDINARY] = GM_REACH("mm/process_vm_access.c"),
		[GM_CLASS_SECRETMEM] = GM_ERR(EFAULT, SECRET),
		[GM_CLASS_SHARED] = GM_REACH("mm/process_vm_access.c"),
		[GM_CLASS_SHARED_NOGUP] = GM_ERR(EFAULT, NOGUP),
		[GM_CLASS_PRIVATE] = GM_ERR(EFAULT, GUP
				"; mm/process_vm_access.c:process_vm_rw_single_vec()"),
		[GM_CLASS_READ_ONLY] = GM_ERR(EFAULT, RIGHTS),
		[GM_CLASS_NO_ACCESS] = GM_ERR(EFAULT, RIGHTS),
	},
	[GM_PATH_PROCMEM] = {
		[GM_CLASS_ORDINARY] = GM_REACH("mm/memory.c:__access_remote_vm()"),
		[GM_CLASS_SECRETMEM] = GM_ERR(EIO, SECRET "; fs/proc/base.c:mem_rw()"),
		[GM_CLASS_SHARED] = GM_REACH("mm/memory.c:__access_remote_vm()"),
		[GM_CLASS_SHARED_NOGUP] = GM_ERR(EIO, NOGUP),
		[GM_CLASS_PRIVATE] = GM_ERR(EIO, "mm/memory.c:__access_remote_vm() copies nothing; "
				"fs/proc/base.c:mem_rw(), kernel/ptrace.c: -EIO"),
		[GM_CLASS_READ_ONLY] = GM_ERR(EIO, RIGHTS "; FOLL_FORCE has no effect on writes to shared mappings"),
		[GM_CLASS_NO_ACCESS] = GM_REACH("mm/gup.c:check_vma_flags(): FOLL_FORCE reads what may be made readable"),
	},
	[GM_PATH_KVM] = {
		[GM_CLASS_ORDINARY] = GM_REACH("virt/kvm/kvm_main.c:hva_to_pfn()"),
		[GM_CLASS_SECRETMEM] = GM_ERR(EFAULT, SECRET),
		[GM_CLASS_SHARED] = GM_REACH("virt/kvm/kvm_main.c:hva_to_pfn()"),
		[GM_CLASS_SHARED_NOGUP] = GM_ERR(EFAULT, NOGUP),
		[GM_CLASS_PRIVATE] = GM_ERR(EFAULT, GUP
				"; virt/kvm/kvm_main.c:hva_to_pfn(): KVM_PFN_ERR_FAULT"),
		[GM_CLASS_READ_ONLY] = GM_ERR(EFAULT, RIGHTS),
		[GM_CLASS_NO_ACCESS] = GM_ERR(EFAULT, RIGHTS),
	},
	/* The probes' entries have their refusals; all else must succeed. */
	[GM_PATH_MM] = {
		[GM_CLASS_ORDINARY] = GM_REACH("mm"),
		[GM_CLASS_SECRETMEM] = GM_REACH("mm"),
		[GM_CLASS_SHARED] = GM_REACH("mm"),
		[GM_CLASS_SHARED_NOGUP] = GM_REACH("mm"),
		[GM_CLASS_PRIVATE] = GM_REACH("mm"),
	},
	[GM_PATH_FD] = {
		[GM_CLASS_ORDINARY] = GM_REACH("mm/shmem.c"),
	},
};

struct gm_want gm_access_want(const struct gm_probe *p, enum gm_class class)
{
	struct gm_want w = p->want[class];

	/*
	 * Without an entry of its own, SHARED_NOGUP has that of SHARED for memory management, and
	 * all guest_memfd have that of PRIVATE for calls on the file.
	 */
	if (w.kind == GM_WANT_DEFAULT && class == GM_CLASS_SHARED_NOGUP && p->path == GM_PATH_MM)
		w = p->want[GM_CLASS_SHARED];
	if (w.kind == GM_WANT_DEFAULT && p->path == GM_PATH_FD && class != GM_CLASS_ORDINARY &&
	    class != GM_CLASS_SECRETMEM)
		w = p->want[GM_CLASS_PRIVATE];
	if (w.kind == GM_WANT_DEFAULT)
		w = by_path[p->path][class];
	if (w.kind == GM_WANT_DEFAULT)
		w.kind = GM_WANT_ABSENT;
	return w;
}

const struct gm_probe *gm_probe_at(size_t i)
{
	for (const struct gm_probe *const *f = gm_probes; *f; f++)
		for (const struct gm_probe *p = *f; p->name; p++)
			if (!i--)
				return p;
	return NULL;
}

const struct gm_probe *gm_probe_find(const char *name)
{
	const struct gm_probe *p;

	for (size_t i = 0; (p = gm_probe_at(i)); i++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}
