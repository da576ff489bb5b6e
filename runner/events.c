// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes and parses events. The reader accepts any bytes: what is not an event is counted as
 * garbage.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "events.h"

/* A longer line is garbage, not an event. */
#define LINE_LIMIT (32 << 20)

json_t *event_new(const char *name, double t)
{
	json_t *ev = json_object();

	json_object_set_new(ev, "ev", json_string(name));
	json_object_set_new(ev, "t", json_real(t));
	return ev;
}

int event_write(int fd, const json_t *event)
{
	char *text = json_dumps(event, JSON_COMPACT);
	size_t len, done = 0;

	if (!text)
		return -ENOMEM;
	len = strlen(text);
	text[len++] = '\n';
	while (done < len) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(text);
			return n ? -errno : -EIO;
		}
		done += n;
	}
	free(text);
	return 0;
}

static void take_line(struct event_reader *r, const char *line, size_t len, emit_fn emit, void *arg)
{
	json_t *ev;

	while (len && (line[len - 1] == '\r' || line[len - 1] == '\0'))
		len--;
	if (!len)
		return;
	ev = json_loadb(line, len, 0, NULL);
	if (json_is_object(ev) && *jstr(ev, "ev")) {
		emit(arg, ev);
	} else {
		json_decref(ev);
		r->garbage++;
	}
}

void events_feed(struct event_reader *r, const char *data, size_t len, emit_fn emit, void *arg)
{
	while (len) {
		const char *nl = memchr(data, '\n', len);
		size_t part = nl ? (size_t)(nl - data) : len;

		if (r->len + part > LINE_LIMIT) {
			r->len = 0;
			r->garbage++;
		} else {
			if (r->len + part > r->room) {
				r->room = 2 * (r->len + part);
				r->buf = xgrow(r->buf, r->room);
			}
			memcpy(r->buf + r->len, data, part);
			r->len += part;
		}
		if (nl) {
			take_line(r, r->buf, r->len, emit, arg);
			r->len = 0;
		}
		data += part + !!nl;
		len -= part + !!nl;
	}
}

void events_end(struct event_reader *r, emit_fn emit, void *arg)
{
	if (r->len)
		take_line(r, r->buf, r->len, emit, arg);
	free(r->buf);
	r->buf = NULL;
	r->len = r->room = 0;
}
