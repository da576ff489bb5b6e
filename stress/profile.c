// SPDX-License-Identifier: GPL-2.0-only
/* The profiles. */
#include <stddef.h>
#include <string.h>

#include "profile.h"

#define GUEST                                                                                      \
	[GM_SOP_CONV] = 24, [GM_SOP_WRITE] = 22, [GM_SOP_READ] = 30, [GM_SOP_POKE] = 6,            \
	[GM_SOP_PEEK] = 8, [GM_SOP_ADD] = 5, [GM_SOP_FLUSH] = 2, [GM_SOP_BAD] = 1,                 \
	[GM_SOP_STACK] = 3, [GM_SOP_EXEC] = 2
#define HOST                                                                                       \
	[GM_SOP_HCONV] = 20, [GM_SOP_PUNCH] = 14, [GM_SOP_ALLOC] = 5, [GM_SOP_PREFAULT] = 14,      \
	[GM_SOP_HWRITE] = 10, [GM_SOP_HREAD] = 14, [GM_SOP_HPOKE] = 3, [GM_SOP_HPEEK] = 3

static const struct st_profile profiles[] = {
	{
		.name = "conversion",
		.text = "vCPUs and the VMM convert, write, read; holes, prefault",
		.layouts = { "anon", "thp", "odd", "shmem" },
		.vcpus = 3,
		.threads = 2,
		.ops = 1500,
		.weight = { GUEST,
			    HOST, [GM_SOP_KICK] = 2, [GM_SOP_MIGRATE] = 1, [GM_SOP_REFUSE] = 1 },
	},
	{
		.name = "hugepage",
		.text = "the shared half on huge pages that come, go and split",
		.layouts = { "thp", "huge_1g", "huge_2m", "odd" },
		.vcpus = 3,
		.threads = 2,
		.ops = 1500,
		.weight = { GUEST, HOST, [GM_SOP_DROP] = 5, [GM_SOP_MADV] = 12,
			    [GM_SOP_MPROTECT] = 3, [GM_SOP_FORK] = 2, [GM_SOP_PRESSURE] = 2,
			    [GM_SOP_MIGRATE] = 1, [GM_SOP_PIN] = 3, [GM_SOP_UNPIN] = 3,
			    [GM_SOP_POOL] = 2, [GM_SOP_COMPACT] = 1 },
	},
	{
		.name = "iommu",
		.text = "the shared half mapped by file for a device, under conversions",
		.layouts = { "shmem", "huge_2m" },
		.vcpus = 2,
		.threads = 2,
		.ops = 1000,
		.weight = { GUEST, HOST, [GM_SOP_MAP] = 14, [GM_SOP_UNMAP] = 8, [GM_SOP_DREAD] = 12,
			    [GM_SOP_DWRITE] = 10, [GM_SOP_MADV] = 4, [GM_SOP_PIN] = 2,
			    [GM_SOP_UNPIN] = 2 },
	},
	{
		.name = "lifecycle",
		.text = "slots and VMs come and go, processes fork and die",
		.layouts = { "odd", "thp", "anon" },
		.vcpus = 3,
		.threads = 2,
		.ops = 1000,
		.kill_percent = 30,
		.weight = { GUEST, HOST, [GM_SOP_SLOT] = 8, [GM_SOP_VM2] = 2, [GM_SOP_FORK] = 3,
			    [GM_SOP_REFUSE] = 6, [GM_SOP_KICK] = 6, [GM_SOP_MIGRATE] = 3,
			    [GM_SOP_DROP] = 4 },
	},
	{
		.name = "memory",
		.text = "memory runs out in the middle of conversions, holes, allocations, prefaults",
		.layouts = { "anon", "thp", "odd", "shmem" },
		.vcpus = 2,
		.threads = 2,
		.ops = 1000,
		.fail_percent = 60,
		.weight = { GUEST, HOST, [GM_SOP_DROP] = 4 },
	},
	{
		.name = "pins",
		.text = "shared memory pinned, mapped for a device, used by the host, while it is converted",
		.layouts = { "shmem", "odd", "anon" },
		.vcpus = 2,
		.threads = 3,
		.ops = 1000,
		.weight = { GUEST, HOST, [GM_SOP_PIN] = 10, [GM_SOP_UNPIN] = 9, [GM_SOP_MAP] = 4,
			    [GM_SOP_UNMAP] = 5, [GM_SOP_DREAD] = 4, [GM_SOP_DWRITE] = 4,
			    [GM_SOP_GUP] = 8, [GM_SOP_FORK] = 2, [GM_SOP_MADV] = 4,
			    [GM_SOP_DROP] = 3, [GM_SOP_COMPACT] = 1 },
	},
	{
		.name = "everything",
		.text = "all of it",
		.layouts = { "shmem", "thp", "odd", "anon" },
		.vcpus = 4,
		.threads = 3,
		.ops = 3000,
		.kill_percent = 10,
		.weight = { GUEST,
			    HOST,
			    [GM_SOP_DROP] = 4,
			    [GM_SOP_MADV] = 6,
			    [GM_SOP_MPROTECT] = 3,
			    [GM_SOP_FORK] = 2,
			    [GM_SOP_GUP] = 5,
			    [GM_SOP_SLOT] = 4,
			    [GM_SOP_VM2] = 1,
			    [GM_SOP_REFUSE] = 3,
			    [GM_SOP_KICK] = 3,
			    [GM_SOP_MIGRATE] = 2,
			    [GM_SOP_PRESSURE] = 1,
			    [GM_SOP_MAP] = 4,
			    [GM_SOP_UNMAP] = 3,
			    [GM_SOP_DREAD] = 4,
			    [GM_SOP_DWRITE] = 3,
			    [GM_SOP_PIN] = 3,
			    [GM_SOP_UNPIN] = 3,
			    [GM_SOP_POOL] = 1,
			    [GM_SOP_COMPACT] = 1 },
	},
};

const struct st_profile *st_profile_at(unsigned int i)
{
	return i < sizeof(profiles) / sizeof(profiles[0]) ? &profiles[i] : NULL;
}

const struct st_profile *st_profile_find(const char *name)
{
	for (unsigned int i = 0; st_profile_at(i); i++)
		if (!strcmp(st_profile_at(i)->name, name))
			return st_profile_at(i);
	return NULL;
}
