// SPDX-License-Identifier: GPL-2.0-only
/* The mixes, which --profile selects. */
#include <stddef.h>
#include <string.h>

#include "mix.h"

static const struct st_mix mixes[ST_MIXES] = {
	[ST_MIX_CONVERSION] = {
		.name = "conversion",
		.text = "vCPUs and the VMM convert, write, read; holes, prefault",
		.layouts = { "anon", "thp", "odd", "shmem" },
		.vcpus = 3,
		.threads = 2,
		.ops = 1500,
	},
	[ST_MIX_HUGEPAGE] = {
		.name = "hugepage",
		.text = "shared memory on huge pages that come, go and split",
		.layouts = { "thp", "huge_1g", "huge_2m", "odd" },
		.vcpus = 3,
		.threads = 2,
		.ops = 1500,
	},
	[ST_MIX_IOMMU] = {
		.name = "iommu",
		.text = "shared memory mapped by file for a device while it is converted",
		.layouts = { "shmem", "huge_2m" },
		.vcpus = 2,
		.threads = 2,
		.ops = 1000,
	},
	[ST_MIX_LIFECYCLE] = {
		.name = "lifecycle",
		.text = "slots and VMs come and go, processes fork and die",
		.layouts = { "odd", "thp", "anon" },
		.vcpus = 3,
		.threads = 2,
		.ops = 1000,
		.kill_percent = 30,
	},
	[ST_MIX_MEMORY] = {
		.name = "memory",
		.text = "memory runs out in the middle of conversions, holes, allocations, prefaults",
		.layouts = { "anon", "thp", "odd", "shmem" },
		.vcpus = 2,
		.threads = 2,
		.ops = 1000,
		.fail_percent = 60,
	},
	[ST_MIX_PINS] = {
		.name = "pins",
		.text = "shared memory pinned, mapped for a device, used by the host, while it is converted",
		.layouts = { "shmem", "odd", "anon" },
		.vcpus = 2,
		.threads = 3,
		.ops = 1000,
	},
	[ST_MIX_EVERYTHING] = {
		.name = "everything",
		.text = "all of it",
		.layouts = { "shmem", "thp", "odd", "anon" },
		.vcpus = 4,
		.threads = 3,
		.ops = 3000,
		.kill_percent = 10,
	},
};

const struct st_mix *st_mix_at(unsigned int i)
{
	return i < ST_MIXES ? &mixes[i] : NULL;
}

const struct st_mix *st_mix_find(const char *name, enum st_mix_id *id)
{
	for (*id = 0; *id < ST_MIXES; ++*id)
		if (!strcmp(mixes[*id].name, name))
			return &mixes[*id];
	return NULL;
}
