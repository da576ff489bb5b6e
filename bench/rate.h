/* SPDX-License-Identifier: GPL-2.0-only */
/* What the benchmarks of rates share. */
#ifndef GM_BENCH_RATE_H
#define GM_BENCH_RATE_H

#include <stdint.h>

struct gm_case;
struct gm_vm;
struct point;

/* Microseconds on the monotonic clock. */
double bench_us(void);

/* For the files of a benchmark: the case's name without "bench.", so each provider has its own. */
const char *bench_name(const struct gm_case *self);

/*
 * "ratio PROVIDER: what, of whom: MEDIAN (QUARTILE-QUARTILE)", each repeat by itself: the machine
 * drifts. bench/lab sets the lines of two boots side by side.
 */
void bench_ratio(const struct gm_case *self, const char *what, const struct point *of,
		 const char *whom, const struct point *to);

/* For gm_vm_args.on_convert: the request goes to user space and back, and nothing is done about it. */
int64_t bench_ignore(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
		     uint64_t attrs);

/*
 * Conversions per second of the kernel's own private_mem_conversions_test, built beside this program
 * as upstream_conversions (bench/upstream/count.c). 0: it is not there, or said nothing.
 */
double bench_upstream_rate(void);

#endif
