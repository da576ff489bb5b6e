// SPDX-License-Identifier: GPL-2.0-only
/* Tables and SVG of measurements. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"
#include "platform.h"
#include "plot.h"

#define W 760
#define H 440
#define LEFT 80
#define TOP 60
#define PLOT_W 640
#define PLOT_H 270

static const char *const color[PLOT_SERIES] = { "#0969da", "#cf222e", "#1a7f37",
						"#8250df", "#9a6700", "#57606a" };

void plot_add(struct plot *p, unsigned int series, unsigned int point, double value)
{
	struct point *pt = &p->point[series][point];

	GM_SETUP(pt->nr < PLOT_REPEATS, "more than %d repeats", PLOT_REPEATS);
	pt->sample[pt->nr++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double plot_quartile(const struct point *pt, int q)
{
	double s[PLOT_REPEATS];

	if (!pt->nr)
		return 0;
	memcpy(s, pt->sample, pt->nr * sizeof(*s));
	qsort(s, pt->nr, sizeof(*s), compare);
	return s[(pt->nr - 1) * q / 4];
}

const char *plot_machine(void)
{
	static char text[256];
	char line[256], cpu[128] = "unknown CPU";
	FILE *f = fopen("/proc/cpuinfo", "re");
	struct utsname u;

	uname(&u);
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "model name : %127[^\n]", cpu) == 1)
			break;
	if (f)
		fclose(f);
	snprintf(text, sizeof(text), "%s %s, %s, %s, %ld CPUs%s", u.sysname, u.release, u.machine,
		 cpu, sysconf(_SC_NPROCESSORS_ONLN), gm_platform_nested() ? ", virtual" : "");
	return text;
}

static void table(const struct plot *p)
{
	printf("\n%s [%s]\n%s\n%-26s", p->title, p->y, plot_machine(), p->x);
	for (unsigned int s = 0; s < p->nr_series; s++)
		printf(" %24s", p->series[s]);
	printf("\n");
	for (unsigned int i = 0; i < p->nr_points; i++) {
		printf("%-26s", p->label[i]);
		for (unsigned int s = 0; s < p->nr_series; s++) {
			const struct point *pt = &p->point[s][i];

			printf(" %10.1f (%.1f-%.1f)", plot_quartile(pt, 2), plot_quartile(pt, 1),
			       plot_quartile(pt, 3));
		}
		printf("\n");
	}
}

/* 1, 2 or 5 times a power of ten, not below v. */
static double round_up(double v)
{
	double unit = 1e-3;

	while (unit * 10 < v)
		unit *= 10;
	return v <= unit * 2 ? unit * 2 : v <= unit * 5 ? unit * 5 : unit * 10;
}

static void svg_series(FILE *f, const struct plot *p, unsigned int s, double top)
{
	double step = (double)PLOT_W / p->nr_points;
	unsigned int x, y;

	if (!p->apart) {
		fprintf(f, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"",
			color[s]);
		for (unsigned int i = 0; i < p->nr_points; i++)
			fprintf(f, "%.1f,%.1f ", LEFT + step * (i + 0.5),
				TOP + PLOT_H * (1 - plot_quartile(&p->point[s][i], 2) / top));
		fprintf(f, "\"/>\n");
	}
	for (unsigned int i = 0; i < p->nr_points; i++) {
		double mid = LEFT + step * (i + 0.5), at[4];

		for (int q = 1; q < 4; q++)
			at[q] = TOP + PLOT_H * (1 - plot_quartile(&p->point[s][i], q) / top);
		fprintf(f,
			"<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n",
			mid, mid, at[1], at[3], color[s]);
		fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", mid, at[2],
			color[s]);
	}
	/* Four names in a line. */
	x = LEFT + s % 4 * 165;
	y = H - 36 + s / 4 * 20;
	fprintf(f,
		"<rect x=\"%u\" y=\"%u\" width=\"12\" height=\"4\" fill=\"%s\"/><text x=\"%u\" y=\"%u\">%s</text>\n",
		x, y - 6, color[s], x + 18, y, p->series[s]);
}

static void svg(const struct plot *p)
{
	FILE *f = plot_file(p, "svg");
	double top = 0, step = (double)PLOT_W / p->nr_points;

	if (!f)
		return;
	for (unsigned int s = 0; s < p->nr_series; s++)
		for (unsigned int i = 0; i < p->nr_points; i++)
			if (plot_quartile(&p->point[s][i], 3) > top)
				top = plot_quartile(&p->point[s][i], 3);
	top = round_up(top);
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
		W, H);
	fprintf(f,
		"<text x=\"%d\" y=\"22\" font-size=\"15\">%s</text>\n<text x=\"%d\" y=\"40\" fill=\"#57606a\">%s; median and quartiles</text>\n",
		LEFT, p->title, LEFT, plot_machine());
	for (int i = 0; i <= 4; i++) {
		double y = TOP + PLOT_H * (1 - i / 4.0);

		fprintf(f,
			"<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#d0d7de\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
			LEFT, LEFT + PLOT_W, y, y, LEFT - 6, y + 4, top * i / 4);
	}
	for (unsigned int i = 0; i < p->nr_points; i++)
		fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
			LEFT + step * (i + 0.5), TOP + PLOT_H + 18, p->label[i]);
	fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", LEFT + PLOT_W / 2,
		TOP + PLOT_H + 38, p->x);
	fprintf(f,
		"<text transform=\"translate(20 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n",
		TOP + PLOT_H / 2, p->y);
	for (unsigned int s = 0; s < p->nr_series; s++)
		svg_series(f, p, s, top);
	fprintf(f, "</svg>\n");
	fclose(f);
}

void plot_write(struct plot *p)
{
	if (p->joins)
		plot_csv_join(p);
	table(p);
	plot_csv_write(p);
	svg(p);
}
