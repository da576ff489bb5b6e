/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the benchmarks of rates. */
#ifndef GM_BENCH_RATE_H
#define GM_BENCH_RATE_H

#include <stdint.h>

struct gm_case;
struct gm_vm;
struct point;

/* Microseconds on the monotonic clock. */
double bench_us(void);

/* The case's name without "bench.", for file names: it differs for each provider. */
const char *bench_name(const struct gm_case *self);

/*
 * Prints "ratio PROVIDER: what, of base: MEDIAN (QUARTILE-QUARTILE)". Each repeat gives a ratio of
 * its own, since the machine's speed drifts. bench/lab prints the lines of two boots side by side.
 */
void bench_ratio(const struct gm_case *self, const char *what, const struct point *of,
		 const char *base, const struct point *to);

/* For gm_vm_args.on_convert: returns to the guest without a conversion. */
int64_t bench_ignore(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
		     uint64_t attrs);

/*
 * Conversions per second of the kernel's own private_mem_conversions_test, which is in the folder
 * of this program as upstream_conversions (bench/upstream/count.c). 0: it is not there, or failed.
 */
double bench_upstream_rate(void);

#endif
