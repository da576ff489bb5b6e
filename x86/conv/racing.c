// SPDX-License-Identifier: GPL-2.0-only
/* Running a vCPU whose pages others convert at the same time. */
#include "conv.h"

/* Far beyond what races can give: it ends a vCPU that comes back for ever. */
#define RACES_MAX 20000U

unsigned int run_racing(struct world *w, unsigned int v, struct gm_op *op, unsigned int nr)
{
	struct kvm_vcpu *vcpu = w->vm->vcpu[v];
	struct gm_mbox *box = &w->vm->mbox[v];
	uint64_t gpa, npages, attrs;
	unsigned int races = 0;

	GM_SETUP(nr <= GM_MBOX_OPS, "%u operations in a batch", nr);
	memcpy(box->op, op, nr * sizeof(*op));
	box->done = 0;
	box->nr = nr;
	while (races < RACES_MAX) {
		struct kvm_run *run = vcpu->run;
		int ret;

		run->exit_reason = KVM_EXIT_UNKNOWN;
		errno = 0;
		ret = __vcpu_run(vcpu);
		if (ret && errno == EINTR)
			continue;
		if (ret && errno == EFAULT && run->exit_reason == KVM_EXIT_MEMORY_FAULT &&
		    run->memory_fault.gpa - w->gpa < w->size &&
		    run->memory_fault.size == GM_PAGE_SIZE) {
			races++;
			continue;
		}
		if (ret ||
		    (!gm_arch_is_convert(vcpu, &gpa, &npages, &attrs) && !gm_arch_is_yield(vcpu))) {
			GM_FAIL("vCPU %u stopped in operation %u: exit %u, %s, fault at %#llx flags %#llx",
				v, box->done + 1, run->exit_reason, gm_errno_name(errno),
				run->memory_fault.gpa, run->memory_fault.flags);
			gm_end();
		}
		if (gm_arch_is_yield(vcpu)) {
			memcpy(op, box->op, nr * sizeof(*op));
			return races;
		}
		gm_arch_convert_return(vcpu,
				       gm_vm_convert_on_request(w->vm, v, gpa, npages, attrs));
	}
	GM_FAIL("vCPU %u came back %u times with KVM_EXIT_MEMORY_FAULT", v, races);
	gm_end();
}
