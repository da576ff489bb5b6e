/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live update: sessions whose files a kexec preserves (Documentation/userspace-api/liveupdate.rst).
 * Needs GM_NEED_LIVEUPDATE. Nothing here starts a kexec.
 */
#ifndef GM_LIVEUPDATE_H
#define GM_LIVEUPDATE_H

#include <stdint.h>

/*
 * A new session; the caller closes the descriptor, which releases the session's files. SKIP while
 * another program has /dev/liveupdate open: only one can.
 */
int gm_liveupdate_session(void);
/* Preserves the file under this token. 0, or -1 and errno. */
int __gm_liveupdate_preserve(int session, int fd, uint64_t token);

#endif
