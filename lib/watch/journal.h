/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Restores global state that was changed: at exit, on a signal, at the next start after a crash.
 *
 * The old value is on disk before a value changes. Each owner has a file of its own in one
 * directory and holds a lock on it while it lives; the values of an unlocked file must be restored.
 * A reboot resets the state of the kernel, so the directory need not survive it.
 */
#ifndef GM_JOURNAL_H
#define GM_JOURNAL_H

#include <stddef.h>

#define GM_JOURNAL_DIR "/run/kvm-gmem-tests" /* env GM_JOURNAL_DIR overrides it */
#define GM_JOURNAL_VALUE 4096

struct gm_journal {
	char path[512];
	int fd; /* -1: nothing changed yet */
	int dir;
};

/* Where journals are kept: env GM_JOURNAL_DIR, else GM_JOURNAL_DIR. */
const char *gm_journal_dir(void);

/*
 * Restores the values of owners that died. Returns how many values were restored, or -errno if the
 * directory cannot be used; no directory is 0. A value that cannot be restored (its file is gone: a
 * module was unloaded) is reported to `report` and dropped.
 */
int gm_journal_recover(const char *dir, void (*report)(const char *text));

/* Starts a journal and creates the directory. The first change creates the file. 0 or -errno. */
int gm_journal_open(struct gm_journal *j, const char *dir);

/*
 * Writes `value` to the file `path` (of sysfs, procfs) after its old value is on disk. In
 * "always [madvise] never" the old value is the word in brackets. Writes nothing if the file has
 * `value` already. 0; -EBUSY if another living owner has changed this path (except the process that
 * env GM_JOURNAL_OWNER names: the case's runner, which restores its value later); else -errno.
 */
int gm_journal_set(struct gm_journal *j, const char *path, const char *value);

/* Restores all values, last change first, and closes the journal. 0, or the last -errno. */
int gm_journal_restore(struct gm_journal *j);

#endif
