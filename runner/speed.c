// SPDX-License-Identifier: GPL-2.0-only
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol.h"
#include "speed.h"
#include "time_factor.h"
#include "util.h"

/*
 * 2.5 times what the lab measures on an idle host (x86, emulated: 1690, 6 and 0.42 us): on a machine as
 * fast as that or faster the factor is 1.
 */
static const struct speed usual = { .process = 4000, .fault = 15, .clear = 1 };

/*
 * Enough work that a CPU quota, which lets a process run for some milliseconds before it stops it,
 * counts as soon as it makes a machine slower than the usual one.
 */
#define PROCESSES 16
#define PAGES 2048
#define CLEARS 4 /* of all pages */
#define PAGE_BYTES 4096

static double processes(void)
{
	double start = now();
	int n = 0;

	for (int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		if (pid > 0 && waitpid(pid, NULL, 0) == pid)
			n++;
	}
	return n ? (now() - start) * 1e6 / n : 0;
}

struct speed speed_measure(void)
{
	struct speed s = { .process = processes() };
	long step = sysconf(_SC_PAGESIZE);
	uint8_t *mem = mmap(NULL, PAGES * step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	double start;

	if (mem == MAP_FAILED)
		return s;
	/* A huge page would be one fault. */
	madvise(mem, PAGES * step, MADV_NOHUGEPAGE);
	start = now();
	for (int i = 0; i < PAGES; i++)
		*(volatile uint8_t *)(mem + i * step) = 1;
	s.fault = (now() - start) * 1e6 / PAGES;
	start = now();
	for (int k = 0; k < CLEARS; k++) {
		memset(mem, k, PAGES * PAGE_BYTES);
		/* The compiler must not leave out all but the last. */
		asm volatile("" : : "r"(mem) : "memory");
	}
	s.clear = (now() - start) * 1e6 / (PAGES * CLEARS);
	munmap(mem, PAGES * step);
	return s;
}

double speed_factor(const struct speed *s)
{
	double f = fmax(s->process / usual.process,
			fmax(s->fault / usual.fault, s->clear / usual.clear));

	/* fmax() prefers a number to NaN. */
	f = fmin(fmax(f, 1), SPEED_FACTOR_MAX);
	return round(f * 10) / 10;
}

double speed_of_machine(struct speed *s)
{
	static struct speed mine;

	if (mine.process <= 0)
		mine = speed_measure();
	if (s)
		*s = mine;
	return gm_env_get(GM_ENV_TIME_FACTOR) ? gm_time_factor() : speed_factor(&mine);
}
