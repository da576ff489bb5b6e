/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The console log of a machine that died: its last lines, and what the kernel reported in it.
 */
#ifndef GM_RUNNER_CONSOLE_H
#define GM_RUNNER_CONSOLE_H

/* The last lines of the log; "" if it cannot be read. To be freed. */
char *console_tail(const char *file);

/* What the kernel reported in the log. */
struct console_report {
	char *cause; /* the line of the panic, else the first line of the report; NULL: none */
	char *text;  /* its first lines; NULL: none, or of unknown time and without a panic */
};

/* Only lines of a later kernel time than `after` (s) count; lines without a time always do. */
struct console_report console_report(const char *file, double after);
void console_report_free(struct console_report *r);

/* The kernel time in "[   12.345678] text"; -1: the line has none. */
double console_time(const char *line);

#endif
