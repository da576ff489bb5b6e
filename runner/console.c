// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the end of a console log.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "klog.h"
#include "console.h"
#include "util.h"

#define CONSOLE_BYTES 65536
#define CONSOLE_LINES 40
#define REPORT_LINES 40

static char *read_end(const char *file)
{
	char *text = xalloc(CONSOLE_BYTES + 1), *clean;
	struct stat st;
	ssize_t n = 0;
	int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;

	if (fd >= 0 && !fstat(fd, &st))
		n = pread(fd, text, CONSOLE_BYTES,
			  st.st_size > CONSOLE_BYTES ? st.st_size - CONSOLE_BYTES : 0);
	if (fd >= 0)
		close(fd);
	clean = clean_text(text, n > 0 ? n : 0);
	free(text);
	return clean;
}

char *console_tail(const char *file)
{
	char *text = read_end(file), *at = text + strlen(text), *tail;
	int lines = CONSOLE_LINES;

	while (at > text) {
		if (at[-1] == '\n' && *at && !--lines)
			break;
		at--;
	}
	tail = xstrdup(at);
	free(text);
	return tail;
}

double console_time(const char *line)
{
	double t;

	return sscanf(line, "[%lf]", &t) == 1 ? t : -1;
}

struct scan {
	double after;
	char *panic, *splat;
	bool timed;	   /* the splat has a time, so it is none of an earlier case */
	struct strv lines; /* from the first splat on */
};

static void scan_line(void *arg, const char *line)
{
	struct scan *s = arg;
	double t = console_time(line);
	bool panic = strstr(line, "Kernel panic") && !s->panic;

	if (t >= 0 && t <= s->after)
		return;
	/* The first report is the cause, later ones are consequences. */
	if (!s->splat && gm_klog_is_splat(line)) {
		s->splat = xstrdup(line);
		s->timed = t >= 0;
	}
	if (panic)
		s->panic = xstrdup(line);
	if (s->splat && (s->lines.n < REPORT_LINES || panic))
		strv_add(&s->lines, line);
}

struct console_report console_report(const char *file, double after)
{
	struct scan s = { .after = after };
	struct console_report r = { 0 };
	char *text = read_end(file);

	each_line(text, scan_line, &s);
	free(text);
	r.cause = s.panic ?: s.splat;
	if (s.panic)
		free(s.splat);
	if (s.lines.n && (s.panic || s.timed))
		r.text = strv_join(&s.lines, "\n");
	strv_free(&s.lines);
	return r;
}

void console_report_free(struct console_report *r)
{
	free(r->cause);
	free(r->text);
	r->cause = r->text = NULL;
}
