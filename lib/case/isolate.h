/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs a program so that it can neither outlive its time nor leave a process behind.
 *
 * Between the caller and the program stands a keeper: a process that adopts whatever the program
 * leaves (PR_SET_CHILD_SUBREAPER), knows all descendants whatever their session or group, ends
 * them, and does so too when the caller itself is killed. One keeper has one program, so what it
 * adopts is that program's own, also when several run at once.
 */
#ifndef GM_ISOLATE_H
#define GM_ISOLATE_H

#include <stdbool.h>
#include <sys/types.h>

#define GM_ISO_REPORT_FD 3 /* where the program finds report_fd */
#define GM_ISO_TEXT 8192

struct gm_iso_spec {
	char *const *argv; /* argv[0] is the path that is executed */
	char *const *envp;
	int out_fd;    /* becomes stdout and stderr; the caller's copy stays open */
	int report_fd; /* becomes GM_ISO_REPORT_FD; -1: none */
	/* Then SIGTERM to the program's process group; 0: no limit. Standstills do not count. */
	unsigned int timeout_ms;
	unsigned int grace_ms; /* then SIGKILL to the group and to every descendant */
	unsigned int kill_ms;  /* then the task counts as one that cannot be killed */
};

struct gm_iso {
	pid_t keeper;
	int fd; /* readable when the end is known; poll it */
};

struct gm_iso_end {
	int status; /* as of waitpid(); only if reaped */
	bool reaped;
	bool timed_out;
	bool stopped;		/* ended because of gm_iso_stop() */
	bool killed;		/* SIGTERM was not enough */
	unsigned int leftovers; /* descendants that outlived the program and were killed */
	unsigned int stuck;	/* tasks that SIGKILL did not end */
	double seconds;		/* from the start to the program's own end */
	char text[GM_ISO_TEXT]; /* lines: the left-over processes; the stacks of hung tasks */
};

/* 0 or -errno. A program that cannot be executed says so on out_fd and exits with 127. */
int gm_iso_spawn(struct gm_iso *iso, const struct gm_iso_spec *spec);

/* Asks for the end now, as if the time were up. Does not wait. */
void gm_iso_stop(struct gm_iso *iso);

/*
 * Waits for the end, reaps the keeper and closes iso->fd. 0, or -EPIPE when the keeper itself was
 * killed; what it kept is then gone as well, save what had left the program's own process.
 */
int gm_iso_wait(struct gm_iso *iso, struct gm_iso_end *end);

#endif
