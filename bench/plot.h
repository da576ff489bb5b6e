/* SPDX-License-Identifier: GPL-2.0-only */
/* A table of measurements: printed, written as CSV, and drawn as SVG. */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include <stdbool.h>
#include <stdint.h>

#define PLOT_SERIES 4
#define PLOT_POINTS 12
#define PLOT_REPEATS 31

/* One point: the samples of its repeats, shown as median and quartiles. */
struct point {
	double sample[PLOT_REPEATS];
	unsigned int nr;
};

struct plot {
	const char *name;	   /* of the files, without extension */
	const char *title, *x, *y; /* with units */
	const char *series[PLOT_SERIES];
	const char *label[PLOT_POINTS]; /* along x */
	struct point point[PLOT_SERIES][PLOT_POINTS];
	unsigned int nr_series, nr_points;
	bool apart; /* x has categories, not sizes: no line joins the points */
};

void plot_add(struct plot *p, unsigned int series, unsigned int point, double value);
/* Quartile q of a point: 1, 2 (the median) or 3. */
double plot_quartile(const struct point *pt, int q);
/* Prints the table; writes name.csv and name.svg to GM_BENCH_DIR, if that is set. */
void plot_write(const struct plot *p);
/* "Linux 7.3.4, x86_64, AMD ..., 2 CPUs, virtual" */
const char *plot_machine(void);

#endif
