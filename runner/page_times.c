// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long the cases took.
 */
#include <stdlib.h>

#include "html.h"
#include "page.h"

#define NR_SLOWEST 20

static const struct {
	double below; /* seconds */
	const char *text;
} classes[] = {
	{ 0.01, "below 10 ms" }, { 0.1, "10 to 100 ms" }, { 1, "100 ms to 1 s" },
	{ 10, "1 to 10 s" },	 { 60, "10 to 60 s" },	  { 1e300, "a minute or more" },
};

static int slower_first(const void *a, const void *b)
{
	double x = jnum(*(json_t *const *)a, "time"), y = jnum(*(json_t *const *)b, "time");

	return (x < y) - (x > y);
}

static void distribution(FILE *f, json_t *const *cases, size_t n)
{
	unsigned int nr[ARRAY_SIZE(classes)] = { 0 }, most = 1;
	double sum[ARRAY_SIZE(classes)] = { 0 };

	for (size_t i = 0; i < n; i++) {
		double time = jnum(cases[i], "time");
		size_t k = 0;

		while (time >= classes[k].below)
			k++;
		nr[k]++;
		sum[k] += time;
		most = nr[k] > most ? nr[k] : most;
	}
	html_table_begin(f, "Distribution of the times", "bars");
	fputs("<thead><tr><th scope=\"col\">Time of a case</th><th scope=\"col\" class=\"number\">Cases</th>"
	      "<th scope=\"col\" class=\"number\">Together</th><th scope=\"col\">Share of the cases</th></tr></thead>\n"
	      "<tbody>\n",
	      f);
	for (size_t k = 0; k < ARRAY_SIZE(classes); k++) {
		html(f, "<tr><th scope=\"row\">$</th>", classes[k].text);
		fprintf(f, "<td class=\"number\">%u</td><td class=\"number\">", nr[k]);
		page_seconds(f, sum[k]);
		fprintf(f,
			"</td><td><span class=\"bar\" style=\"width:%.1f%%\"></span></td></tr>\n",
			100.0 * nr[k] / most);
	}
	fputs("</tbody>\n", f);
	html_table_end(f);
}

static void slowest(FILE *f, json_t *const *cases, size_t n)
{
	html_table_begin(f, "Slowest cases", "wide");
	fputs("<thead><tr><th scope=\"col\">Slowest cases</th><th scope=\"col\" class=\"number\">Time</th>"
	      "<th scope=\"col\">Verdict</th></tr></thead>\n<tbody>\n",
	      f);
	for (size_t i = 0; i < n && i < NR_SLOWEST; i++) {
		html(f, "<tr><th scope=\"row\" class=\"name\">$</th><td class=\"number\">",
		     jstr(cases[i], "name"));
		page_seconds(f, jnum(cases[i], "time"));
		fputs("</td><td>", f);
		html_verdict(f, jstr(cases[i], "verdict"));
		fputs("</td></tr>\n", f);
	}
	fputs("</tbody>\n", f);
	html_table_end(f);
}

void page_times(FILE *f, const json_t *run)
{
	const json_t *list = json_object_get(run, "cases"), *c;
	json_t **cases = xalloc((json_array_size(list) + 1) * sizeof(*cases));
	double sum = 0;
	size_t i, n = 0;

	json_array_foreach(list, i, c) {
		if (json_is_false(json_object_get(c, "ran")))
			continue;
		cases[n++] = (json_t *)c;
		sum += jnum(c, "time");
	}
	if (n) {
		qsort(cases, n, sizeof(*cases), slower_first);
		fprintf(f, "<p>%zu cases ran for ", n);
		page_seconds(f, sum);
		fputs(" in a run of ", f);
		page_seconds(f, jnum(run, "duration"));
		fputs(".</p>\n", f);
		distribution(f, cases, n);
		slowest(f, cases, n);
	} else {
		fputs("<p>No case ran.</p>\n", f);
	}
	free(cases);
}
