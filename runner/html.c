// SPDX-License-Identifier: GPL-2.0-only
/*
 * Escapes text, and writes what all pages have in common.
 */
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "html.h"

/* runner/page.css, ended by a zero. */
__asm__(".section .rodata\n"
	".type page_css, %object\n"
	"page_css:\n"
	".incbin \"runner/page.css\"\n"
	".byte 0\n"
	".size page_css, . - page_css\n"
	".previous\n");
extern const char page_css[] __attribute__((visibility("hidden")));

void html_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		unsigned char c = *s;

		if (c == '&')
			fputs("&amp;", f);
		else if (c == '<')
			fputs("&lt;", f);
		else if (c == '>')
			fputs("&gt;", f);
		else if (c == '"')
			fputs("&quot;", f);
		else if (c == '\'')
			fputs("&#39;", f);
		else if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
			fputs("\xef\xbf\xbd", f); /* no HTML: U+FFFD */
		else
			fputc(c, f);
	}
}

void html(FILE *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	for (; *fmt; fmt++) {
		if (*fmt == '$')
			html_text(f, va_arg(args, const char *));
		else
			fputc(*fmt, f);
	}
	va_end(args);
}

void html_id(FILE *f, const char *s)
{
	for (; *s; s++)
		fputc(isalnum((unsigned char)*s) || strchr(".-", *s) ? *s : '_', f);
}

void html_begin(FILE *f, const char *title)
{
	html(f,
	     "<!DOCTYPE html>\n"
	     "<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	     "<meta name=\"color-scheme\" content=\"light dark\">\n"
	     "<meta name=\"generator\" content=\"kvm-gmem-tests\">\n"
	     "<link rel=\"icon\" href=\"data:,\">\n" /* or a browser asks for /favicon.ico */
	     "<title>$</title>\n<style>\n",
	     title);
	fputs(page_css, f);
	fputs("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the results</a>\n",
	      f);
}

void html_end(FILE *f)
{
	fputs("</body>\n</html>\n", f);
}

void html_table_begin(FILE *f, const char *label, const char *class)
{
	html(f, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Table: $\">\n",
	     label);
	html(f, "<table class=\"$\">\n", class);
}

void html_table_end(FILE *f)
{
	fputs("</table>\n</div>\n", f);
}

void html_verdict(FILE *f, const char *verdict)
{
	html(f, "<span class=\"verdict $\">$</span>", verdict, verdict);
}
