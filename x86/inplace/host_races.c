// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults of the host that begin before a conversion and end after it must not map private pages.
 * conv.inplace_host.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "inplace.h"

GM_FILE(.clause = "conv.inplace_host", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS)

/* Many pages, so that the conversion takes long; threads touch some of them. */
#define NPAGES 2048UL
#define SIZE (NPAGES * PG)
#define LOW 1000UL
#define HIGH 1008UL
#define TOUCHERS 3U

struct race {
	struct gm_fixture *w;
	atomic_bool stop;
	atomic_ulong done, refused;
	unsigned int times;
};

/* System calls that return EFAULT for a private page. True: success. */
static bool touch(struct race *r, uint64_t page, unsigned int how)
{
	uint8_t *hva = r->w->hva + page * PG;
	uint64_t word;
	struct iovec local = { &word, 8 }, remote = { hva, 8 };

	switch (how % 3) {
	case 0:
		return gm_host_sees(hva);
	case 1:
		return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 8;
	default:
		return !madvise(hva, PG, MADV_POPULATE_READ);
	}
}

static void convert(struct race *r, bool to_private)
{
	struct gm_memory_attributes2 arg;
	unsigned int tries = 0;
	int ret;

	do {
		arg = ip_arg(0, SIZE, to_private);
		ret = ip_set(r->w->gmem, &arg);
	} while (ret && errno == EAGAIN && ++tries < GM_CONVERT_TRIES);
	GM_EXPECT(!ret, "to %s, beside touches of the host: %s at %#lx",
		  to_private ? "private" : "shared", gm_errno_name(errno), arg.error_offset);
}

/* Waits for several other touches, so that a fault that waited for the conversion has ended. */
static void expect_gone(struct race *r, unsigned int round)
{
	unsigned long from = atomic_load(&r->done) + atomic_load(&r->refused);

	for (unsigned int i = 0; i < 2000; i++) {
		uint64_t present = ip_nr_present(r->w, LOW, HIGH - LOW);

		if (!GM_EXPECT(!present,
			       "round %u: %lu private pages are in the host's page tables", round,
			       present))
			return;
		if (i > 2 && atomic_load(&r->done) + atomic_load(&r->refused) > from + 4 * TOUCHERS)
			return;
	}
}

static void thread(unsigned int i, void *arg)
{
	struct race *r = arg;

	if (i) {
		for (uint64_t page = LOW; !atomic_load(&r->stop);
		     page = page + 1 < HIGH ? page + 1 : LOW)
			(*(touch(r, page, i) ? &r->done : &r->refused))++;
		return;
	}
	for (unsigned int round = 0; round < r->times && !gm_failures(); round++) {
		convert(r, true);
		expect_gone(r, round);
		convert(r, false);
	}
	atomic_store(&r->stop, true);
}

GM_CASES(faulting, struct ip_start, v)
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	struct race r = { .w = w, .times = self->flags & GM_FULL_ONLY ? 5000 : 150 };

	ip_convert(w, 0, NPAGES, false, "to begin with");
	gm_gmem_allocate(w->gmem, 0, SIZE);
	gm_parallel(1 + TOUCHERS, thread, &r);
	gm_note("touches: %lu succeeded, %lu were EFAULT", atomic_load(&r.done),
		atomic_load(&r.refused));
	ip_expect_state(w, LOW, HIGH - LOW, "at the end");
	gm_fixture_free(w);
}
GM_ROW(faulting, faulting_quick, .name = "conv.inplace_host.faulting",
       .text = "three threads of the host fault while pages go private: no private page is mapped") = {
	.private_first = false,
};
GM_ROW(faulting, faulting_private, .name = "conv.inplace_host.faulting.private_first",
       .text = "the same in a file that started private") = { .private_first = true };
GM_ROW(faulting, faulting_longer, .name = "conv.inplace_host.faulting.long",
       .text = "the same, 5000 times", .flags = GM_FULL_ONLY,
       .timeout = 300) = { .private_first = false };
