// SPDX-License-Identifier: GPL-2.0-only
/* Counts mapped pages by size, from KVM's binary statistics or by the architecture's hook. */
#include "pagesize.h"
#include "platform.h"
#include "vm.h"

static const struct {
	const char *name, *stat;
} sizes[GM_SIZE_NR] = {
	[GM_SIZE_NONE] = { "none", NULL },
	[GM_SIZE_4K] = { "4K", "pages_4k" },
	[GM_SIZE_2M] = { "2M", "pages_2m" },
	[GM_SIZE_1G] = { "1G", "pages_1g" },
};

const char *gm_size_name(enum gm_size s)
{
	return sizes[s].name;
}

__attribute__((weak)) bool gm_arch_pagesize_read(struct gm_vm *vm, struct gm_page_counts *l)
{
	return false;
}

void gm_page_counts_read(struct gm_vm *vm, struct gm_page_counts *l)
{
	static int has_stats = -1;

	memset(l, 0, sizeof(*l));
	if (gm_arch_pagesize_read(vm, l))
		return;
	/* Cached: gm_platform_vm_stat() creates a VM. */
	if (has_stats < 0)
		has_stats = gm_platform_vm_stat("pages_1g");
	GM_SETUP(has_stats, "no source for the counts of mapped pages by size");
	for (enum gm_size s = GM_SIZE_4K; s < GM_SIZE_NR; s++)
		l->pages[s] = gm_vm_stat(vm, sizes[s].stat);
	for (unsigned int v = 0; v < vm->vcpus; v++) {
		l->fixed += gm_vcpu_stat(vm, v, "pf_fixed");
		l->taken += gm_vcpu_stat(vm, v, "pf_taken");
	}
	l->has_faults = true;
}

bool gm_page_counts_expect(struct gm_vm *vm, const struct gm_page_counts *base,
			   const struct gm_page_counts *change, const char *when)
{
	struct gm_page_counts now, want, got;
	bool same = true;

	gm_page_counts_read(vm, &now);
	want = *change;
	got = now;
	for (enum gm_size s = GM_SIZE_4K; s < GM_SIZE_NR; s++) {
		got.pages[s] -= base->pages[s];
		same &= got.pages[s] == want.pages[s];
	}
	got.fixed -= base->fixed;
	got.taken -= base->taken;
	if (now.has_faults)
		same &= got.fixed == want.fixed;
	return GM_EXPECT(
		same,
		"%s: expected %ld of 1G, %ld of 2M, %ld of 4K and %ld faults, observed %ld of 1G, %ld of 2M, %ld of 4K and %ld faults (%ld taken)",
		when, want.pages[GM_SIZE_1G], want.pages[GM_SIZE_2M], want.pages[GM_SIZE_4K],
		want.fixed, got.pages[GM_SIZE_1G], got.pages[GM_SIZE_2M], got.pages[GM_SIZE_4K],
		got.fixed, got.taken);
}
