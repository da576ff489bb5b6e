/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Global state that was changed is put back: at exit, on a signal, at the next start after a crash.
 *
 * Before a value changes, its old value is on disk. Each owner has a file of its own in one
 * directory, and holds a lock on it as long as it lives; a file without a living owner is one to
 * be undone. State of the running kernel is gone with a reboot, hence so may be the directory.
 */
#ifndef GM_JOURNAL_H
#define GM_JOURNAL_H

#include <stddef.h>

#define GM_JOURNAL_DIR "/run/kvm-gmem-tests" /* env GM_JOURNAL_DIR goes before it */
#define GM_JOURNAL_VALUE 4096

struct gm_journal {
	char path[512];
	int fd; /* -1: nothing changed yet */
	int dir;
};

/* Where journals are kept: env GM_JOURNAL_DIR, else GM_JOURNAL_DIR. */
const char *gm_journal_dir(void);

/*
 * Puts back what owners left that are no more. Returns how many values were put back, or -errno
 * when the directory cannot be used; no directory is 0. A value that cannot be put back (the file
 * is gone: a module was unloaded) is reported to `say` and forgotten.
 */
int gm_journal_recover(const char *dir, void (*say)(const char *text));

/*
 * Starts a journal; makes the directory. Nothing is written before the first gm_journal_set().
 * 0 or -errno.
 */
int gm_journal_open(struct gm_journal *j, const char *dir);

/*
 * Writes `value` to the file `path` (of sysfs, procfs) once its old value is safe on disk.
 * Of "always [madvise] never" the chosen word is the old value. Nothing is written or journalled
 * when the file says `value` already. 0; -EBUSY when another living owner has changed this path
 * (unless that owner is the process that env GM_JOURNAL_OWNER names: the runner of this case, who
 * puts it back after us); else -errno.
 */
int gm_journal_set(struct gm_journal *j, const char *path, const char *value);

/* Puts everything back, last change first, and ends the journal. 0, or the last -errno. */
int gm_journal_restore(struct gm_journal *j);

#endif
