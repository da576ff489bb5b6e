// SPDX-License-Identifier: GPL-2.0-only
/* The profiles. */
#include <stddef.h>
#include <string.h>

#include "profile.h"

static const struct st_profile profiles[ST_PROFILES] = {
	[ST_PROFILE_CONVERSION] = {
		.name = "conversion",
		.text = "vCPUs and the VMM convert, write, read; holes, prefault",
		.layouts = { "anon", "thp", "odd", "shmem" },
		.vcpus = 3,
		.threads = 2,
		.ops = 1500,
	},
	[ST_PROFILE_HUGEPAGE] = {
		.name = "hugepage",
		.text = "the shared half on huge pages that come, go and split",
		.layouts = { "thp", "huge_1g", "huge_2m", "odd" },
		.vcpus = 3,
		.threads = 2,
		.ops = 1500,
	},
	[ST_PROFILE_IOMMU] = {
		.name = "iommu",
		.text = "the shared half mapped by file for a device, under conversions",
		.layouts = { "shmem", "huge_2m" },
		.vcpus = 2,
		.threads = 2,
		.ops = 1000,
	},
	[ST_PROFILE_LIFECYCLE] = {
		.name = "lifecycle",
		.text = "slots and VMs come and go, processes fork and die",
		.layouts = { "odd", "thp", "anon" },
		.vcpus = 3,
		.threads = 2,
		.ops = 1000,
		.kill_percent = 30,
	},
	[ST_PROFILE_MEMORY] = {
		.name = "memory",
		.text = "memory runs out in the middle of conversions, holes, allocations, prefaults",
		.layouts = { "anon", "thp", "odd", "shmem" },
		.vcpus = 2,
		.threads = 2,
		.ops = 1000,
		.fail_percent = 60,
	},
	[ST_PROFILE_PINS] = {
		.name = "pins",
		.text = "shared memory pinned, mapped for a device, used by the host, while it is converted",
		.layouts = { "shmem", "odd", "anon" },
		.vcpus = 2,
		.threads = 3,
		.ops = 1000,
	},
	[ST_PROFILE_EVERYTHING] = {
		.name = "everything",
		.text = "all of it",
		.layouts = { "shmem", "thp", "odd", "anon" },
		.vcpus = 4,
		.threads = 3,
		.ops = 3000,
		.kill_percent = 10,
	},
};

const struct st_profile *st_profile_at(unsigned int i)
{
	return i < ST_PROFILES ? &profiles[i] : NULL;
}

const struct st_profile *st_profile_find(const char *name, enum st_profile_id *id)
{
	for (*id = 0; *id < ST_PROFILES; ++*id)
		if (!strcmp(profiles[*id].name, name))
			return &profiles[*id];
	return NULL;
}
