// SPDX-License-Identifier: GPL-2.0-only
/* An allocation that takes its time is stopped by a signal, and says EINTR: fd.fallocate_args. */
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "fd.h"

#define TICK_US 250
/* So many ticks within one call cannot all have come after its last page. */
#define TICKS 20
#define LEAST (16UL << 20)
#define MOST (512UL << 20)

static void nothing(int sig __attribute__((unused))) {}

static int64_t now_us(void)
{
	struct timespec t;

	GM_SETUP_OK(clock_gettime(CLOCK_MONOTONIC, &t));
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The call is not made again behind the program's back, whatever the handler allows. */
FD_EACH_HOST(
	stopped, "fd.fallocate_args.stopped", .clause = "fd.fallocate_args", .flags = GM_REFUSAL,
	.text = "an allocation during which twenty signals come, handler with SA_RESTART: EINTR")
{
	const struct fd_flavour *f = self->arg;
	struct itimerval tick = { { 0, TICK_US }, { 0, TICK_US } }, off = { 0 };
	struct sigaction sa = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_gmem_new(vm, MOST, f->flags);
	uint64_t size = LEAST;
	int64_t took = 0;
	int late = 0, r = 0;

	GM_SETUP_OK(sigaction(SIGALRM, &sa, NULL));
	/* How much is much: without signals, five times what will do. */
	for (; size <= MOST; size *= 2) {
		took = now_us();
		gm_control(!__gm_gmem_allocate(gmem, 0, size), "%lu MiB, undisturbed", size >> 20);
		took = now_us() - took;
		gm_gmem_punch(gmem, 0, size);
		if (took >= 5 * TICKS * TICK_US)
			break;
	}
	if (size > MOST)
		gm_skip("memory is allocated faster than signals come", "a slower machine");
	for (int attempt = 0; attempt < 20 && late < 4 && !r; attempt++) {
		int64_t start = now_us();
		int err;

		GM_SETUP_OK(setitimer(ITIMER_REAL, &tick, NULL));
		r = __gm_gmem_allocate(gmem, 0, size);
		err = errno;
		GM_SETUP_OK(setitimer(ITIMER_REAL, &off, NULL));
		took = now_us() - start;
		gm_gmem_punch(gmem, 0, size);
		if (r)
			GM_EXPECT_EQ(err, EINTR, "errno");
		/* Held up at its very end, perhaps: not time after time. */
		late += !r && took >= TICKS * TICK_US;
	}
	if (!r && late < 4)
		gm_skip("memory is allocated faster than signals come", "a slower machine");
	GM_EXPECT(r, "%lu MiB in %ld us, a signal every %u us: expected EINTR, observed success",
		  size >> 20, took, TICK_US);
	close(gmem);
	gm_vm_free(vm);
}
