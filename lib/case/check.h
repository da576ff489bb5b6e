/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks and verdicts.
 *
 *   GM_EXPECT*	checks the clause: a miss makes the case FAIL, and the case goes on
 *   GM_ASSERT*	the same, but a miss ends the case
 *   GM_SETUP*	checks the set-up: a miss ends the case with ERROR
 *   gm_control	the positive control of a refusal: a miss ends the case with ERROR; or with FAIL, if
 *		a check missed before, because a missing refusal can break the control
 *   gm_promise	a control that the kernel promises, as most are: KVM or iommufd accepts a legal call. A
 *		miss ends the case with FAIL; for lack of memory or files, with ERROR
 *   gm_skip	the platform lacks something; reason is a constant string, the remedy one line
 *
 * A case passes when its function returns, at least one check was made, none missed, and a
 * refusal (GM_REFUSAL) has at least one control that held. Any thread of the case's own process may
 * call all of these. Does not use KVM.
 */
#ifndef GM_CHECK_H
#define GM_CHECK_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "need.h"

/* One of the addresses of a page. Zero is a valid address, hence `known`. */
struct gm_name {
	uint64_t at;
	bool known;
};

/* A page by all its known addresses: GM_PAGE(.gpa = GM_AT(gpa), .off = GM_AT(off)). */
struct gm_page {
	struct gm_name off; /* byte offset in the guest_memfd */
	struct gm_name gpa, gva, hva, iova, pfn;
};

#define GM_AT(name) ((struct gm_name){ .at = (name), .known = true })
#define GM_PAGE(...) (&(const struct gm_page){ __VA_ARGS__ })

/*
 * Records a miss of the clause. `page` may be NULL. The text has the expected and observed results.
 */
void gm_fail(const struct gm_page *page, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Ends the case at once: with FAIL if anything missed, else with PASS. */
void gm_end(void) __attribute__((noreturn));
/* Ends the case with ERROR (or with FAIL, if something missed before). */
void gm_error(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
/* Ends the case with SKIP (or with FAIL, if something missed before). */
void gm_skip(const char *reason, const char *remedy, ...)
	__attribute__((noreturn, format(printf, 2, 3)));
/* Ends the case with SKIP if this need is missing: for one that only some rows or providers have. */
void gm_need(enum gm_need n);
/* A diagnostic line in the case's log and, if it fails, in the report. */
void gm_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void __gm_control(bool held, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void __gm_promise(bool held, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void gm_checked(void);		 /* counts one check */
unsigned long gm_failures(void); /* misses so far */
bool gm_skipped(void);		 /* gm_skip() was called, and clean-ups run */

/* Registers fn for any end of the case but a signal; last registered, first called. */
void gm_cleanup(void (*fn)(void *arg), void *arg);

/* "EINVAL" for 22; "errno 512" without a name. Valid until four more calls in this thread. */
const char *gm_errno_name(int err);

#define gm_control(held, ...) __gm_control(held, __FILE__, __LINE__, __VA_ARGS__)
#define gm_promise(held, ...) __gm_promise(held, __FILE__, __LINE__, __VA_ARGS__)

#define GM_FAIL(...) gm_fail(NULL, __FILE__, __LINE__, __VA_ARGS__)
#define GM_FAIL_AT(page, ...) gm_fail(page, __FILE__, __LINE__, __VA_ARGS__)
#define GM_ERROR(...) gm_error(__FILE__, __LINE__, __VA_ARGS__)

#define GM_EXPECT_AT(page, cond, ...)                                                              \
	({                                                                                         \
		bool __ok = (cond);                                                                \
		gm_checked();                                                                      \
		if (!__ok)                                                                         \
			gm_fail(page, __FILE__, __LINE__, __VA_ARGS__);                            \
		__ok;                                                                              \
	})
#define GM_EXPECT(cond, ...) GM_EXPECT_AT(NULL, cond, __VA_ARGS__)
#define GM_ASSERT(cond, ...)                                                                       \
	do {                                                                                       \
		if (!GM_EXPECT(cond, __VA_ARGS__))                                                 \
			gm_end();                                                                  \
	} while (0)
/*
 * For a call that must succeed before the case can test its clause: a failure is a miss and ends
 * the case, but success does not count as a check. ENOMEM is an ERROR.
 */
#define GM_GRANTED(cond, ...)                                                                      \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			if (errno == ENOMEM)                                                       \
				GM_ERROR(__VA_ARGS__);                                             \
			gm_checked();                                                              \
			GM_FAIL(__VA_ARGS__);                                                      \
			gm_end();                                                                  \
		}                                                                                  \
	} while (0)
#define GM_SETUP(cond, ...)                                                                        \
	do {                                                                                       \
		if (!(cond))                                                                       \
			GM_ERROR(__VA_ARGS__);                                                     \
	} while (0)

/* Both are printed in decimal and hex; a printf format and its arguments follow. */
#define GM_EXPECT_EQ(observed, expected, ...)                                                      \
	({                                                                                         \
		uint64_t __o = (uint64_t)(observed), __e = (uint64_t)(expected);                   \
		__gm_expect_eq(__o, __e, __FILE__, __LINE__, __VA_ARGS__);                         \
	})
bool __gm_expect_eq(uint64_t observed, uint64_t expected, const char *file, int line,
		    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/*
 * GM_EXPECT_ERRNO(EINVAL, ioctl(...)): expects -1 and exactly that errno. The message has the text
 * of the call; it can be extended: GM_EXPECT_ERRNO(EINVAL, call, "with size %d", n).
 */
#define GM_EXPECT_ERRNO(err, call, ...)                                                            \
	({                                                                                         \
		errno = 0;                                                                         \
		long __r = (long)(call);                                                           \
		__gm_expect_errno(__r, errno, err, __FILE__, __LINE__, #call, "" __VA_ARGS__);     \
	})
bool __gm_expect_errno(long ret, int observed, int expected, const char *file, int line,
		       const char *call, const char *fmt, ...)
	__attribute__((format(printf, 7, 8)));

/* Expects any value but -1; returns the value. */
#define GM_EXPECT_OK(call, ...)                                                                    \
	({                                                                                         \
		errno = 0;                                                                         \
		long __r = (long)(call);                                                           \
		__gm_expect_ok(__r, errno, __FILE__, __LINE__, #call, "" __VA_ARGS__);             \
		__r;                                                                               \
	})
bool __gm_expect_ok(long ret, int observed, const char *file, int line, const char *call,
		    const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* A call of the set-up: -1 ends the case with ERROR. Returns the value. */
#define GM_SETUP_OK(call)                                                                          \
	({                                                                                         \
		errno = 0;                                                                         \
		long __r = (long)(call);                                                           \
		if (__r == -1)                                                                     \
			GM_ERROR("%s: %s", #call, gm_errno_name(errno));                           \
		__r;                                                                               \
	})

#endif
