/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs a program under a time limit, and ends all processes that it leaves behind.
 *
 * The program is the child of a keeper: a process that adopts all descendants of the program
 * (PR_SET_CHILD_SUBREAPER), in any session and group, and ends them, also if the caller is killed.
 * Each program has its own keeper, so programs that run at the same time are kept apart.
 */
#ifndef GM_ISOLATE_H
#define GM_ISOLATE_H

#include <stdbool.h>
#include <sys/types.h>

#define GM_ISO_REPORT_FD 3 /* report_fd in the program */
#define GM_ISO_TEXT 8192

struct gm_iso_spec {
	char *const *argv; /* argv[0] is the path that is executed */
	char *const *envp;
	int out_fd;    /* becomes stdout and stderr; the caller's copy stays open */
	int report_fd; /* becomes GM_ISO_REPORT_FD; -1: none */
	/* Then SIGTERM to the program's process group; 0: no limit. Stalls do not count. */
	unsigned int timeout_ms;
	unsigned int grace_ms; /* then SIGKILL to the group and to every descendant */
	unsigned int kill_ms;  /* then a task counts as stuck */
};

struct gm_iso {
	pid_t keeper;
	int fd; /* readable when the program has ended; for poll() */
};

struct gm_iso_end {
	int status; /* as of waitpid(); only if reaped */
	bool reaped;
	bool timed_out;
	bool stopped;		/* gm_iso_stop() was called */
	bool killed;		/* SIGTERM did not end it */
	unsigned int leftovers; /* descendants that outlived the program and were killed */
	unsigned int stuck;	/* tasks that SIGKILL did not end */
	double seconds;		/* from the start to the program's own end */
	char text[GM_ISO_TEXT]; /* lines: the leftovers; the stacks of hung tasks */
};

/* 0 or -errno. If the program cannot be executed, out_fd gets the reason, and the status is 127. */
int gm_iso_spawn(struct gm_iso *iso, const struct gm_iso_spec *spec);

/* Ends the program now, as at the time limit. Does not wait. */
void gm_iso_stop(struct gm_iso *iso);

/*
 * Waits for the end, reaps the keeper and closes iso->fd. 0, or -EPIPE if the keeper itself was
 * killed; then the program is killed, too, but not its descendants.
 */
int gm_iso_wait(struct gm_iso *iso, struct gm_iso_end *end);

#endif
