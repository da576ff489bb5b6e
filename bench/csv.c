// SPDX-License-Identifier: GPL-2.0-only
/* Plots as CSV files: written, and read again by a later boot. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "plot.h"

#define LINE 512

FILE *plot_file(const struct plot *p, const char *ext)
{
	const char *dir = getenv("GM_BENCH_DIR");
	char path[512];
	FILE *f;

	if (!dir)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s.%s", dir, p->name, ext);
	f = fopen(path, "we");
	GM_SETUP(f, "%s: %s", path, gm_errno_name(errno));
	return f;
}

static void first_line(const struct plot *p, char *line)
{
	snprintf(line, LINE, "# %s [%s]; %s\n", p->title, p->y, plot_machine());
}

void plot_csv_write(const struct plot *p)
{
	FILE *f = plot_file(p, "csv");
	char line[LINE];

	if (!f)
		return;
	first_line(p, line);
	fprintf(f, "%sx,series,repeats,median,lower_quartile,upper_quartile\n", line);
	for (unsigned int s = 0; s < p->nr_series; s++)
		for (unsigned int i = 0; i < p->nr_points; i++) {
			const struct point *pt = &p->point[s][i];

			fprintf(f, "\"%s\",\"%s\",%u,%.3f,%.3f,%.3f\n", p->label[i], p->series[s],
				pt->nr, plot_quartile(pt, 2), plot_quartile(pt, 1),
				plot_quartile(pt, 3));
		}
	fclose(f);
}

/* The series of that name, of those from `own` on, or a new one; -1: the plot has it itself, or is full. */
static int series_of(struct plot *p, const char *name, unsigned int own)
{
	for (unsigned int s = 0; s < p->nr_series; s++)
		if (!strcmp(p->series[s], name))
			return s < own ? -1 : (int)s;
	if (p->nr_series == PLOT_SERIES)
		return -1;
	p->series[p->nr_series] = strdup(name);
	return p->nr_series++;
}

static int point_of(const struct plot *p, const char *label)
{
	for (unsigned int i = 0; i < p->nr_points; i++)
		if (!strcmp(p->label[i], label))
			return i;
	return -1;
}

/* Median and quartiles, as samples that have these. */
static void summary(struct point *pt, double median, double lower, double upper)
{
	const double sample[] = { lower, lower, median, upper, upper };

	memcpy(pt->sample, sample, sizeof(sample));
	pt->nr = 5;
}

void plot_csv_join(struct plot *p)
{
	const char *dir = getenv("GM_BENCH_BEFORE");
	char path[512], want[LINE], line[LINE], label[64], name[64];
	unsigned int own = p->nr_series;
	double median, lower, upper;
	int s, i;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.csv", dir ? dir : "", p->name);
	f = dir ? fopen(path, "re") : NULL;
	if (!f)
		return;
	first_line(p, want);
	if (fgets(line, sizeof(line), f) && !strcmp(line, want))
		while (fgets(line, sizeof(line), f)) {
			if (sscanf(line, "\"%63[^\"]\",\"%63[^\"]\",%*u,%lf,%lf,%lf", label, name,
				   &median, &lower, &upper) != 5)
				continue;
			i = point_of(p, label);
			s = i < 0 ? -1 : series_of(p, name, own);
			if (s >= 0)
				summary(&p->point[s][i], median, lower, upper);
		}
	fclose(f);
}
