/* SPDX-License-Identifier: GPL-2.0-only */
/* What the benchmarks of rates share. */
#ifndef GM_BENCH_RATE_H
#define GM_BENCH_RATE_H

#include <stdint.h>

struct gm_vm;

/* Microseconds on the monotonic clock. */
double bench_us(void);

/* For gm_vm_args.on_convert: the request goes to user space and back, and nothing is done about it. */
int64_t bench_ignore(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
		     uint64_t attrs);

/*
 * Conversions per second of the kernel's own private_mem_conversions_test, built beside this program
 * as upstream_conversions (bench/upstream/count.c). 0: it is not there, or said nothing.
 */
double bench_upstream_rate(void);

#endif
