// SPDX-License-Identifier: GPL-2.0-only
/* A signal interrupts a long allocation with EINTR: fd.fallocate_args. */
#include "clock.h"
#include "fd.h"
#include "ticks.h"

#define TICK_US 250
/* So many signals during one call cannot all come after its last page. */
#define TICKS 20
#define LEAST (16UL << 20)
#define MOST (512UL << 20)

/* SA_RESTART must not restart the call. */
GM_CASE(stopped, .name = "fd.fallocate_args.stopped", .clause = "fd.fallocate_args",
	.flavours = FD_EACH_HOST,
	.text = "an allocation during twenty signals, handler with SA_RESTART: EINTR",
	.flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, MOST);
	uint64_t size = LEAST;
	double took = 0; /* us */
	int late = 0, r = 0;

	/* Find a size whose allocation takes five times as long as needed, without signals. */
	for (; size <= MOST; size *= 2) {
		took = gm_now() * 1e6;
		gm_promise(!__gm_gmem_allocate(gmem, 0, size), "%lu MiB, without signals",
			   size >> 20);
		took = gm_now() * 1e6 - took;
		gm_gmem_punch(gmem, 0, size);
		if (took >= 5 * TICKS * TICK_US)
			break;
	}
	if (size > MOST)
		gm_skip("memory is allocated before enough signals arrive", "a slower machine");
	for (int attempt = 0; attempt < 20 && late < 4 && !r; attempt++) {
		double start = gm_now() * 1e6;
		int err;

		gm_ticks(TICK_US, TICK_US);
		r = __gm_gmem_allocate(gmem, 0, size);
		err = errno;
		gm_ticks_stop();
		took = gm_now() * 1e6 - start;
		gm_gmem_punch(gmem, 0, size);
		if (r)
			GM_EXPECT_EQ(err, EINTR, "errno");
		/* A call may be delayed at its very end, but not several times. */
		late += !r && took >= TICKS * TICK_US;
	}
	if (!r && late < 4)
		gm_skip("memory is allocated before enough signals arrive", "a slower machine");
	GM_EXPECT(r, "%lu MiB in %.0f us, a signal every %u us: expected EINTR, observed success",
		  size >> 20, took, TICK_US);
	close(gmem);
	gm_vm_free(vm);
}
