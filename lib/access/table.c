// SPDX-License-Identifier: GPL-2.0-only
/* All tables of probes, in the order of the matrix. */
#include "access.h"

const struct gm_probe *const gm_probes[] = {
	gm_probes_cpu,	 gm_probes_uaccess, gm_probes_remote, gm_probes_disk,
	gm_probes_pipe,	 gm_probes_uring,   gm_probes_net,    gm_probes_gup,
	gm_probes_iommu, gm_probes_kvm,	    gm_probes_mm,     gm_probes_move,
	gm_probes_vma,	 gm_probes_ring,    gm_probes_fd,     NULL
};
