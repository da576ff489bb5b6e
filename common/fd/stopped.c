// SPDX-License-Identifier: GPL-2.0-only
/* An allocation that takes its time is stopped by a signal, and says EINTR: fd.fallocate_args. */
#include "clock.h"
#include "fd.h"
#include "ticks.h"

#define TICK_US 250
/* So many ticks within one call cannot all have come after its last page. */
#define TICKS 20
#define LEAST (16UL << 20)
#define MOST (512UL << 20)

/* The call is not made again behind the program's back, whatever the handler allows. */
GM_CASE(stopped, .name = "fd.fallocate_args.stopped", .clause = "fd.fallocate_args",
	.flavours = FD_EACH_HOST,
	.text = "an allocation during which twenty signals come, handler with SA_RESTART: EINTR",
	.flags = GM_REFUSAL)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, MOST);
	uint64_t size = LEAST;
	double took = 0; /* us */
	int late = 0, r = 0;

	/* How much is much: without signals, five times what will do. */
	for (; size <= MOST; size *= 2) {
		took = gm_now() * 1e6;
		gm_control(!__gm_gmem_allocate(gmem, 0, size), "%lu MiB, undisturbed", size >> 20);
		took = gm_now() * 1e6 - took;
		gm_gmem_punch(gmem, 0, size);
		if (took >= 5 * TICKS * TICK_US)
			break;
	}
	if (size > MOST)
		gm_skip("memory is allocated faster than signals come", "a slower machine");
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
		/* Held up at its very end, perhaps: not time after time. */
		late += !r && took >= TICKS * TICK_US;
	}
	if (!r && late < 4)
		gm_skip("memory is allocated faster than signals come", "a slower machine");
	GM_EXPECT(r, "%lu MiB in %.0f us, a signal every %u us: expected EINTR, observed success",
		  size >> 20, took, TICK_US);
	close(gmem);
	gm_vm_free(vm);
}
