// SPDX-License-Identifier: GPL-2.0-only
/* Probes: loads and stores by user space. */
#include <stdatomic.h>
#include <string.h>

#include "access.h"

static long load(const struct gm_access *a)
{
	const volatile uint64_t *from = (const volatile uint64_t *)a->hva;
	volatile uint64_t *to = (volatile uint64_t *)a->buf;

	for (size_t i = 0; i < a->len / 8; i++)
		to[i] = from[i];
	return a->len;
}

static long store(const struct gm_access *a)
{
	const volatile uint64_t *from = (const volatile uint64_t *)a->buf;
	volatile uint64_t *to = (volatile uint64_t *)a->hva;

	for (size_t i = 0; i < a->len / 8; i++)
		to[i] = from[i];
	return a->len;
}

/* An atomic read-modify-write that keeps the value, then one that changes it. */
static long atomic(const struct gm_access *a)
{
	for (size_t i = 0; i < a->len; i += GM_ACC_PAGE) {
		_Atomic uint64_t *w = (_Atomic uint64_t *)(a->hva + i);
		uint64_t old = atomic_fetch_add(w, 0);

		atomic_compare_exchange_strong(w, &old, *(uint64_t *)(a->buf + i));
	}
	return a->len;
}

const struct gm_probe gm_probes_cpu[] = { { .name = "cpu_load",
					    .text = "user space loads every word of the range",
					    .path = GM_PATH_CPU,
					    .flags = GM_ACC_READ,
					    .run = load },
					  { .name = "cpu_store",
					    .text = "user space stores to every word of the range",
					    .path = GM_PATH_CPU,
					    .flags = GM_ACC_WRITE,
					    .run = store },
					  { .name = "cpu_atomic",
					    .text = "an atomic read-modify-write on each page",
					    .path = GM_PATH_CPU,
					    .flags = GM_ACC_WRITE | GM_ACC_WORD,
					    .run = atomic },
					  { 0 } };
