// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of all cases.
 */
#include "html.h"
#include "page.h"

void page_cases(FILE *f, const json_t *run)
{
	const json_t *cases = json_object_get(run, "cases"), *c;
	size_t i;

	fprintf(f, "<details><summary>%zu cases</summary>\n", json_array_size(cases));
	html_table_begin(f, "All cases", "wide");
	fputs("<thead><tr><th scope=\"col\">Verdict</th><th scope=\"col\">Case</th>"
	      "<th scope=\"col\" class=\"number\">Checks</th><th scope=\"col\" class=\"number\">Time</th></tr></thead>\n"
	      "<tbody>\n",
	      f);
	json_array_foreach(cases, i, c) {
		fputs("<tr><td>", f);
		html_verdict(f, jstr(c, "verdict"));
		html(f, "</td><th scope=\"row\" class=\"name\">$</th>", jstr(c, "name"));
		fprintf(f, "<td class=\"number\">%lld</td><td class=\"number\">",
			jint(c, "checks"));
		page_seconds(f, jnum(c, "time"));
		fputs("</td></tr>\n", f);
	}
	fputs("</tbody>\n", f);
	html_table_end(f);
	fputs("</details>\n", f);
}
