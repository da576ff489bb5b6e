// SPDX-License-Identifier: GPL-2.0-only
/* Probes: each variant of GUP and PIN, by debugfs gup_test. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <linux/ioctl.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "access.h"
#include "check.h"

/* The ABI of mm/gup_test.h, which is not exported. */
struct flavour {
	__u64 get_usec, put_usec, addr, size;
	__u32 nr_pages_per_call, gup_flags, test_flags, which_pages[8];
};

struct longterm {
	__u64 addr, size;
	__u32 flags;
};

#define TEST_GET_FAST _IOWR('g', 1, struct flavour)
#define TEST_PIN_FAST _IOWR('g', 2, struct flavour)
#define TEST_LONGTERM _IOWR('g', 3, struct flavour)
#define TEST_GET _IOWR('g', 4, struct flavour)
#define TEST_PIN _IOWR('g', 5, struct flavour)
#define TEST_DUMP _IOWR('g', 6, struct flavour)
#define HOLD_START _IOW('g', 7, struct longterm)
#define HOLD_STOP _IO('g', 8)
#define HOLD_READ _IOW('g', 9, __u64)
#define FOLL_WRITE 1 /* include/linux/mm_types.h */
#define HOLD_WRITE 1
#define HOLD_FAST 2

/* The probe's val: the variant, and whether for writing. */
enum { GET_FAST, GET, PIN_FAST, PIN, LONG_SLOW, DUMP, WRITE = 16, DUMP_PIN = 32 };

static int open_test(void)
{
	return GM_SETUP_OK(open("/sys/kernel/debug/gup_test", O_RDWR | O_CLOEXEC));
}

/* Runs the variant with `per_call` pages per call; returns the number of bytes of its pages. */
static long flavour(const struct gm_access *a, int fd, unsigned int per_call)
{
	static const unsigned long cmd[] = { TEST_GET_FAST, TEST_GET,	   TEST_PIN_FAST,
					     TEST_PIN,	    TEST_LONGTERM, TEST_DUMP };
	struct flavour f = { .addr = (uintptr_t)a->hva,
			     .size = a->len,
			     .nr_pages_per_call = per_call,
			     .gup_flags = a->probe->val & WRITE ? FOLL_WRITE : 0,
			     /* No page is named, so that none is printed to the log. */
			     .test_flags = a->probe->val & DUMP_PIN ? 1 : 0 };

	return ioctl(fd, cmd[a->probe->val & 15], &f) ? -1 : (long)f.size;
}

static long p_flavour(const struct gm_access *a)
{
	int fd = open_test(), err;
	long one = flavour(a, fd, 1), all = flavour(a, fd, a->len / GM_ACC_PAGE);

	err = errno;
	close(fd);
	errno = err;
	/* One page per call and all pages in one call must both get pages, or both none. */
	if (one >= 0 && all >= 0 && !one != !all) {
		gm_note("pages one by one: %ld bytes; in one call: %ld", one, all);
		errno = EILSEQ;
		return -1;
	}
	return one;
}

/* A long-term pin, by which the pages are read. */
static long p_hold(const struct gm_access *a)
{
	struct longterm l = { (uintptr_t)a->hva, a->len, a->probe->val };
	__u64 to = (uintptr_t)a->buf;
	int fd = open_test(), err;
	long r = ioctl(fd, HOLD_START, &l);

	err = errno;
	if (!r) {
		r = ioctl(fd, HOLD_READ, &to);
		err = errno;
		ioctl(fd, HOLD_STOP);
	}
	close(fd);
	errno = err;
	return r ? -1 : (long)a->len;
}

/* gup_test returns the number of bytes, and no errno if it is short. */
#define NONE "mm/gup_test.c:__gup_test_ioctl() stops at the page that fails"
#define RO "mm/gup.c:check_vma_flags() needs VM_WRITE"
#define COUNTS(n, t, p, v)                                                                         \
	{                                                                                          \
		.name = n, .text = t, .path = p, .needs = GM_NEEDS(GUP_TEST),                      \
		.flags = GM_ACC_COUNT | GM_ACC_ROOT | ((v)&WRITE ? 0 : GM_ACC_SAME_PATH),          \
		.run = p_flavour, .val = v, .want = {                                              \
			[GM_CLASS_PRIVATE] = GM_NOTHING(NONE),                                     \
			[GM_CLASS_SECRETMEM] = GM_NOTHING(NONE),                                   \
			[GM_CLASS_SHARED_NOGUP] = GM_NOTHING(NONE),                                \
			[GM_CLASS_NO_ACCESS] = GM_NOTHING(NONE),                                   \
			[GM_CLASS_READ_ONLY] = { (v)&WRITE ? GM_WANT_NOTHING : GM_WANT_ABSENT, 0,  \
						 0, RO }                                           \
		}                                                                                  \
	}
#define HOLDS(n, t, v)                                                                             \
	{                                                                                          \
		.name = n, .text = t, .path = GM_PATH_LONGTERM, .needs = GM_NEEDS(GUP_TEST),       \
		.flags = GM_ACC_READ | GM_ACC_ROOT | ((v)&HOLD_WRITE ? 0 : GM_ACC_SAME_PATH),      \
		.run = p_hold, .val = v, .mix = GM_MIX_WHOLE, .want = {                            \
			[GM_CLASS_READ_ONLY] = { (v)&HOLD_WRITE ? GM_WANT_ERRNO : GM_WANT_ABSENT,  \
						 EFAULT, 0, RO }                                   \
		}                                                                                  \
	}

const struct gm_probe gm_probes_gup[] = {
	COUNTS("gup_get_fast", "get_user_pages_fast()", GM_PATH_GUP, GET_FAST),
	COUNTS("gup_get_fast_write", "get_user_pages_fast() for writing", GM_PATH_GUP,
	       GET_FAST | WRITE),
	COUNTS("gup_get", "get_user_pages()", GM_PATH_GUP, GET),
	COUNTS("gup_get_write", "get_user_pages() for writing", GM_PATH_GUP, GET | WRITE),
	COUNTS("gup_pin_fast", "pin_user_pages_fast()", GM_PATH_PIN, PIN_FAST),
	COUNTS("gup_pin_fast_write", "pin_user_pages_fast() for writing", GM_PATH_PIN,
	       PIN_FAST | WRITE),
	COUNTS("gup_pin", "pin_user_pages()", GM_PATH_PIN, PIN),
	COUNTS("gup_pin_write", "pin_user_pages() for writing", GM_PATH_PIN, PIN | WRITE),
	COUNTS("gup_longterm", "pin_user_pages() with FOLL_LONGTERM", GM_PATH_LONGTERM, LONG_SLOW),
	COUNTS("gup_longterm_write", "pin_user_pages() with FOLL_LONGTERM for writing",
	       GM_PATH_LONGTERM, LONG_SLOW | WRITE),
	COUNTS("gup_dump", "get_user_pages() to show the pages", GM_PATH_GUP, DUMP),
	COUNTS("gup_dump_pin", "pin_user_pages() to show the pages", GM_PATH_PIN, DUMP | DUMP_PIN),
	HOLDS("gup_hold", "a long-term pin, held and read through", 0),
	HOLDS("gup_hold_write", "a long-term pin for writing, held and read through", HOLD_WRITE),
	HOLDS("gup_hold_fast", "a long-term pin by GUP-fast, held and read through", HOLD_FAST),
	HOLDS("gup_hold_fast_write",
	      "a long-term pin for writing by GUP-fast, held and read through",
	      HOLD_FAST | HOLD_WRITE),
	{ 0 }
};
