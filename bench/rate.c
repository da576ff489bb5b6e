// SPDX-License-Identifier: GPL-2.0-only
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "case.h"
#include "plot.h"
#include "rate.h"

double bench_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

const char *bench_name(const struct gm_case *self)
{
	return self->name + strlen("bench.");
}

void bench_ratio(const struct gm_case *self, const char *what, const struct point *of,
		 const char *base, const struct point *to)
{
	struct point ratio = {};

	for (unsigned int i = 0; i < of->nr && i < to->nr; i++)
		ratio.sample[ratio.nr++] = of->sample[i] / to->sample[i];
	printf("ratio %s: %s, of %s: %.3f (%.3f-%.3f)\n", gm_provider_name(self->provider), what,
	       base, plot_quartile(&ratio, 2), plot_quartile(&ratio, 1), plot_quartile(&ratio, 3));
}

int64_t bench_ignore(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
		     uint64_t attrs)
{
	return 0;
}

double bench_upstream_rate(void)
{
	char self[512] = "", command[600], line[256];
	unsigned long nr = 0, n;
	double sec = 0, s;
	FILE *out;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 0;
	snprintf(command, sizeof(command), "%s/upstream_conversions 2>/dev/null", dirname(self));
	out = popen(command, "re");
	while (out && fgets(line, sizeof(line), out))
		if (sscanf(line, "conversions %lu seconds %lf", &n, &s) == 2) {
			nr = n;
			sec = s;
		}
	if (out)
		pclose(out);
	return sec > 0 ? nr / sec : 0;
}
