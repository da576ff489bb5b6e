// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads and renders an event stream. A stream without run_end means that the machine died, which is
 * never a pass.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "attach.h"
#include "console.h"
#include "engine.h"
#include "events.h"

#define CONNECT_SECONDS 30.0 /* for the writer to create its FIFO or socket */

static int try_open(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int fd, err;

	if (stat(path, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISSOCK(st.st_mode)) {
		/* A blocking open() would wait for a writer, and a signal could not end it. */
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int open_stream(const char *path)
{
	double until = now() + CONNECT_SECONDS;
	struct pollfd p = { .fd = stop_fd(), .events = POLLIN };
	int fd;

	for (;;) {
		fd = try_open(path);
		if (fd >= 0 || (fd != -ENOENT && fd != -ECONNREFUSED && fd != -EINTR))
			return fd;
		if (now() >= until || stop_signal())
			return fd;
		poll(&p, 1, 100);
	}
}

/* Why the stream ended. NULL: by its run_end, or by a signal to this process. */
static const char *read_stream(struct render *r, const struct options *opt, int fd)
{
	static char silence[64];
	struct event_reader reader = { 0 };
	double last = now(), limit;
	char buf[65536];
	const char *why = NULL;
	bool fifo_open = false;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) || !S_ISFIFO(st.st_mode))
		fifo_open = true;
	while (!stop_signal() && !render_broken(r)) {
		struct pollfd p[2] = {
			{ .fd = fd, .events = POLLIN },
			{ .fd = stop_fd(), .events = POLLIN },
		};

		/* Before its first writer a FIFO is neither readable nor hung up. */
		poll(p, 2, 200);
		render_tick(r);
		if (p[0].revents || fifo_open) {
			n = read(fd, buf, sizeof(buf));
			if (n > 0) {
				fifo_open = true;
				last = now();
				events_feed(&reader, buf, n, render_event, r);
				if (r->st.interrupted || r->st.broken)
					break;
				continue;
			}
			if (!n && fifo_open) {
				why = "its event stream ended early";
				break;
			}
			if (n < 0 && errno != EAGAIN && errno != EINTR) {
				why = "its event stream broke";
				break;
			}
			/* A writer came and wrote nothing: poll() returns at once, so wait here. */
			if (!n)
				poll(p + 1, 1, 100);
		}
		limit = opt->silence * (r->st.start ? fmax(state_time_scale(&r->st), 1) : 1);
		if (now() > last + limit) {
			snprintf(silence, sizeof(silence), "its event stream was silent for %g s",
				 limit);
			why = silence;
			break;
		}
	}
	events_end(&reader, render_event, r);
	if (reader.garbage && !r->tty)
		printf("# %lu line(s) of the event stream are not events\n", reader.garbage);
	return r->st.interrupted ? NULL : r->st.broken ?: why;
}

static int write_remaining(const struct state *st, const char *file, size_t *left)
{
	char *tmp = file ? xprintf("%s.new", file) : NULL;
	FILE *f = file ? fopen(tmp, "we") : NULL;
	int err = file && !f ? -errno : 0;

	*left = 0;
	for (size_t i = 0; i < st->n; i++) {
		if (st->v[i].end)
			continue;
		++*left;
		if (f)
			fprintf(f, "%s\n", st->v[i].name);
	}
	if (f && (fclose(f) || rename(tmp, file)))
		err = -errno;
	if (err) {
		complain("--remaining %s: %s", file, strerror(-err));
		if (tmp)
			unlink(tmp);
	}
	free(tmp);
	return err;
}

/* The machine died while no case ran: that is a finding of the run. */
static void add_finding(struct render *r, const struct console_report *rep, const char *reason)
{
	json_t *ev = event_new("finding", r->st.t);
	const char *last = r->st.last ? r->st.last->name : NULL;
	char *text = xprintf("%s%s: %s", last ? "after the end of " : "before the first case",
			     last ?: "", rep->text ?: reason);

	json_object_set_new(ev, "clause", json_string(rep->text ? "leak.kernel_log" : "run"));
	json_object_set_new(ev, "text", jtext(text));
	render_event(r, ev);
	free(text);
}

/*
 * The machine died, or its kernel is broken. Each case that ran when the kernel reported a defect
 * FAILs for it; without a report it is an ERROR. Cases that did not run are left for the next boot.
 */
static int lost(struct render *r, const struct options *opt, const char *why)
{
	/* The case of an older report has its verdict already. */
	struct console_report rep = console_report(opt->console, r->st.klog_time);
	char *tail = console_tail(opt->console);
	char *reason =
		rep.cause && !r->st.broken ? xprintf("%s: %s", why, rep.cause) : xstrdup(why);
	char *text = xprintf("the machine was lost while it ran: %s", reason);
	json_t *ev, *killers = json_array();
	size_t left;
	int ret;

	for (size_t i = 0; i < r->st.n; i++) {
		if (!r->st.v[i].running)
			continue;
		json_array_append_new(killers, json_string(r->st.v[i].name));
		ev = state_verdict_for(&r->st, &r->st.v[i], text, rep.text);
		json_object_set_new(ev, "tail", jtext(tail));
		render_event(r, ev);
	}
	if (r->st.broken)
		json_array_append_new(killers, json_string(r->st.last ? r->st.last->name : ""));
	else if (!json_array_size(killers))
		add_finding(r, &rep, reason);
	ev = event_new("stream_end", r->st.t);
	json_object_set_new(ev, "reason", jtext(reason));
	json_object_set_new(ev, "console", jtext(tail));
	json_object_set_new(ev, "cases", killers);
	render_event(r, ev);
	free(text);
	free(reason);
	free(tail);
	console_report_free(&rep);

	ret = write_remaining(&r->st, opt->remaining, &left);
	if (!left)
		return render_finish(r, NULL);
	results_write(&r->res, &r->st, true);
	if (r->tty)
		fputs("\r\033[K", stdout);
	fflush(stdout);
	complain("the machine was lost (%s); %zu case(s) have no verdict yet", r->st.lost, left);
	return ret ? EXIT_USAGE : EXIT_LOST;
}

int attach(struct render *r, const struct options *opt)
{
	unsigned int boots = r->st.boots;
	int fd = open_stream(opt->attach);
	const char *why;

	if (fd < 0 && !stop_signal()) {
		complain("--attach %s: %s; it takes the file, FIFO or socket that --events writes",
			 opt->attach, strerror(-fd));
		return EXIT_USAGE;
	}
	why = fd < 0 ? NULL : read_stream(r, opt, fd);
	if (fd >= 0)
		close(fd);

	if (stop_signal() && !r->st.interrupted) {
		json_t *ev = event_new("run_end", r->st.t);

		json_object_set_new(ev, "interrupted", json_string(signal_name(stop_signal())));
		render_event(r, ev);
		if (!r->st.start)
			return 128 + stop_signal();
	}
	if (r->st.start && r->st.boots > boots && !why) {
		char *reason = r->st.interrupted && *r->st.interrupted
				       ? xprintf("not run: interrupted by %s", r->st.interrupted)
				       : xstrdup("not run: the run ended before its turn");
		int ret = render_finish(r, reason);

		free(reason);
		return ret;
	}
	if (r->st.boots > boots)
		return lost(r, opt, why);
	if (stop_signal())
		return render_finish(r, "not run: interrupted");
	if (!r->err) {
		struct console_report rep = console_report(opt->console, -1);

		complain("%s: no run started there (%s%s%s)", opt->attach, why,
			 rep.cause ? ": " : "", rep.cause ?: "");
		console_report_free(&rep);
	}
	return r->err ?: EXIT_LOST;
}
