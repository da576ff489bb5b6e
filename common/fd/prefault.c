// SPDX-License-Identifier: GPL-2.0-only
/* KVM_PRE_FAULT_MEMORY while the VM's slots change: fd.prefault_ends. */
#include <stdatomic.h>

#include "fd.h"

GM_FILE(.clause = "fd.prefault_ends", .profile = "P1")

#define SIZE GM_2M
#define BESIDE (GM_BASE + GM_1G)
#define ROUNDS 200

struct beside {
	struct gm_fixture *w;
	void *page;
	atomic_bool over;
	unsigned long done; /* prefaults */
};

/* A slot that is deleted makes the vCPU's page tables obsolete, those of other slots, too. */
static void delete_or_prefault(unsigned int i, void *arg)
{
	struct beside *b = arg;
	struct gm_vm *vm = b->w->vm;

	for (unsigned int n = 0; !i && n < ROUNDS; n++) {
		gm_slot_set(vm, GM_SLOT + 1, 0, BESIDE, PG, b->page, -1, 0);
		gm_slot_delete(vm, GM_SLOT + 1);
	}
	if (!i)
		atomic_store(&b->over, true);
	while (i && !atomic_load(&b->over)) {
		uint64_t gpa = GM_BASE, size = SIZE;

		/* EAGAIN: the slot of the page itself changes. It does not. */
		GM_EXPECT_OK(gm_prefault(vm, 0, &gpa, &size, 0), "beside a slot that is deleted");
		b->done++;
	}
}

GM_CASE(beside, .name = "fd.prefault_ends.delete", .flavours = FD_FLAVOURS(FD_P1_TDP),
	.needs = GM_NEEDS(PREFAULT), .flags = GM_FULL_ONLY, .timeout = 30,
	.text = "another slot is created and deleted, again and again: each prefault returns, and each deletion")
{
	struct beside b = { .w = FD_FIXTURE(self->flavour, SIZE) };

	b.page = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	GM_SETUP(b.page != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_parallel(2, delete_or_prefault, &b);
	GM_SETUP(b.done || gm_failures(), "no prefault ran beside %u deletions", ROUNDS);
	gm_guest_check_zero(b.w->vm, 0, GM_BASE, SIZE / PG, "prefaulted");
	munmap(b.page, PG);
	fd_fixture_free(b.w);
}
