/* SPDX-License-Identifier: GPL-2.0-only */
/* A measured table: printed for people, written as CSV, and drawn as SVG. */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include <stdbool.h>
#include <stdint.h>

#define PLOT_SERIES 4
#define PLOT_POINTS 12
#define PLOT_REPEATS 31

/* One point: the median of its repeats, and the quartiles beside it. */
struct point {
	double sample[PLOT_REPEATS];
	unsigned int nr;
};

struct plot {
	const char *name;	   /* of the files */
	const char *title, *x, *y; /* with units */
	const char *series[PLOT_SERIES];
	const char *label[PLOT_POINTS]; /* along x */
	struct point point[PLOT_SERIES][PLOT_POINTS];
	unsigned int nr_series, nr_points;
	bool apart; /* the points along x are things, not sizes: no line joins them */
};

void plot_add(struct plot *p, unsigned int series, unsigned int point, double value);
/* Quartile q of a point: 1, 2 (the median) or 3. */
double plot_quartile(const struct point *pt, int q);
/* The table goes to stdout; name.csv and name.svg into GM_BENCH_DIR, when that is set. */
void plot_write(const struct plot *p);
/* "Linux 7.3.4, x86_64, AMD ..., 2 CPUs, virtual" */
const char *plot_machine(void);

#endif
