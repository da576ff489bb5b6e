/* SPDX-License-Identifier: GPL-2.0-only */
/* A table of measurements: printed, written as CSV, and drawn as SVG. */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PLOT_SERIES 6
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
	bool joins; /* draws the series of an earlier boot, too: see plot_csv_join() */
};

void plot_add(struct plot *p, unsigned int series, unsigned int point, double value);
/* Quartile q of a point: 1, 2 (the median) or 3. */
double plot_quartile(const struct point *pt, int q);
/* Prints the table; writes name.csv and name.svg to GM_BENCH_DIR, if that is set. */
void plot_write(struct plot *p);
/* name.ext in GM_BENCH_DIR, to write; NULL if that is not set. */
FILE *plot_file(const struct plot *p, const char *ext);
void plot_csv_write(const struct plot *p);
/*
 * Adds the series of GM_BENCH_BEFORE/name.csv, if that is set and the file is there: one boot of a
 * kernel offers one way to convert, and a plot compares both. Takes them from the same kernel and
 * machine only, and none that the plot has itself.
 */
void plot_csv_join(struct plot *p);
/* "Linux 7.3.4, x86_64, AMD ..., 2 CPUs, virtual" */
const char *plot_machine(void);

#endif
