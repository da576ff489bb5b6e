// SPDX-License-Identifier: GPL-2.0-only
#include "contend.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "check.h"
#include "page.h"

struct contention {
	struct gm_vm *vm;
	unsigned int v;
	uint64_t gpa, size;
	void *hva;
	void (*change)(void *arg);
	void *arg;
	atomic_bool over;
	atomic_uint rounds; /* of MADV_DONTNEED */
};

static void drop_memory(struct contention *c)
{
	while (!atomic_load(&c->over)) {
		GM_SETUP_OK(madvise(c->hva, c->size, MADV_DONTNEED));
		atomic_fetch_add(&c->rounds, 1);
		sched_yield();
	}
}

static void contention_thread(unsigned int i, void *arg)
{
	struct contention *c = arg;

	if (i == 1) {
		while (!atomic_load(&c->over))
			gm_guest_touch(c->vm, c->v, c->gpa, c->size, GM_PAGE_SIZE);
	} else if (i == 2) {
		drop_memory(c);
	} else {
		/* Bounded by the time limit of the case. */
		while (atomic_load(&c->rounds) < 3)
			sched_yield();
		c->change(c->arg);
		atomic_store(&c->over, true);
	}
}

void gm_contend(struct gm_vm *vm, unsigned int v, uint64_t gpa, void *hva, uint64_t size,
		void (*change)(void *arg), void *arg)
{
	struct contention c = {
		.vm = vm,
		.v = v,
		.gpa = gpa,
		.size = size,
		.hva = hva,
		.change = change,
		.arg = arg,
	};

	gm_parallel(3, contention_thread, &c);
}
