// SPDX-License-Identifier: GPL-2.0-only
/* A host moves between 0 and 100 % confidential VMs without losing a huge page: fungible.mix. */
#include <linux/falloc.h>
#include <fcntl.h>

#include "batch.h"
#include "fungible_p0.h"

GM_FILE(.clause = "fungible.mix", .profile = "P0", .needs = GM_NEEDS(ATTRIBUTES))

#define VMS 3

static struct gm_fixture *vm_start(enum gm_mem_kind kind)
{
	struct gm_fixture *w =
		GM_FIXTURE(.size = gm_mem_pagesize(kind), .mem = kind, .guest_page = GM_1G);

	gm_fixture_fill(w, 0, GFN(w->gpa), 2);
	return w;
}

/* The guest converts all its memory, and reads, writes and checks the new memory. */
static void convert_all(struct gm_fixture *w, bool to_private)
{
	uint64_t first = GFN(w->gpa), n = PAGES(w->size);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_convert(&s, first, n, to_private, false);
	gm_batch_flush(&s);
	if (to_private) {
		/* The host frees the huge page, which the guest cannot reach any more. */
		GM_SETUP_OK(fallocate(w->mem->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				      w->size));
		gm_model_dropped(w->model, first, n);
	} else {
		/* Frees the private pages; the next touch allocates a huge page. */
		gm_fixture_punch(w, first, n);
	}
	s.now.when = to_private ? "private" : "shared";
	gm_guest_check_zero(w->vm, 0, w->gpa, 2,
			    to_private ? "fresh private memory" : "a new huge page");
	gm_batch_fill(&s, first, 2, 1);
	gm_batch_check(&s, first, 2, 1);
	gm_batch_flush(&s);
}

struct slides {
	unsigned int cycles;
};

GM_CASES(mix, struct slides, v)
{
	enum gm_mem_kind kind = self->huge_1g ? GM_MEM_HUGE_1G : GM_MEM_HUGE_2M;
	struct gm_fixture *vm[VMS], *guest;
	struct gm_pool before;

	gm_pool_read(&before, gm_mem_pagesize(kind));
	for (int i = 0; i < VMS; i++)
		vm[i] = vm_start(kind);
	gm_pool_expect(&before, VMS, 0, "nothing confidential");
	for (unsigned int cycle = 0; cycle < v->cycles && !gm_failures(); cycle++) {
		for (int i = 0; i < VMS; i++) {
			convert_all(vm[i], true);
			gm_pool_expect(&before, VMS - 1 - i, 0, "one more VM confidential");
		}
		/* Another VM can use the freed pages. */
		guest = vm_start(kind);
		gm_pool_expect(&before, 1, 0, "an ordinary VM beside confidential ones");
		gm_fixture_free(guest);
		for (int i = VMS - 1; i >= 0; i--) {
			convert_all(vm[i], false);
			gm_pool_expect(&before, VMS - i, 0, "one VM less confidential");
		}
	}
	for (int i = 0; i < VMS; i++)
		gm_fixture_free(vm[i]);
	gm_pool_expect(&before, 0, 0, "all VMs freed");
}

GM_ROW(mix, mix_2m, .name = "fungible.mix.slide_2m",
       .text = "three VMs of 2 MiB pages are converted to private and back, five times",
       .huge_2m = VMS) = { .cycles = 5 };
GM_ROW(mix, mix_1g, .name = "fungible.mix.slide_1g",
       .text = "three VMs of 1 GiB pages are converted to private and back", .huge_1g = VMS,
       .flags = GM_FULL_ONLY, .timeout = 180) = { .cycles = 1 };
