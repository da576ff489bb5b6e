/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes HTML in which no text of a case, a kernel or a command line can be markup.
 */
#ifndef GM_RUNNER_HTML_H
#define GM_RUNNER_HTML_H

#include <stdio.h>

/* Escapes for the content of an element and of a quoted attribute. */
void html_text(FILE *f, const char *s);

/* Writes `fmt`; each $ in it is the next argument, a string, escaped. */
void html(FILE *f, const char *fmt, ...);

/* `s` as a part of an id or of a fragment: every byte but letters, digits, "." and "-" becomes "_". */
void html_id(FILE *f, const char *s);

/* The begin of a document with its style sheet, up to <body>; and its end. */
void html_begin(FILE *f, const char *title);
void html_end(FILE *f);

/*
 * A table that scrolls by itself if the screen is too narrow. A keyboard reaches it; `label` names it to a
 * screen reader. Its columns and rows are the caller's.
 */
void html_table_begin(FILE *f, const char *label, const char *class);
void html_table_end(FILE *f);

/* The label of a verdict in its colour. */
void html_verdict(FILE *f, const char *verdict);

#endif
