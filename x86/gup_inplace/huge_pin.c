// SPDX-License-Identifier: GPL-2.0-only
/* A pin of a shared page holds that page, and no other one of its huge page: gup.huge_file_pin. */
#include <fcntl.h>
#include <sys/uio.h>

#include "access/matrix.h"
#include "huge.h"

GM_FILE(.clause = "gup.huge_file_pin", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = GH_NEEDS, .huge_2m = 3, .caps = GM_CAPS_ALL, .flags = GM_REFUSAL)

/* debugfs gup_test: the ABI of mm/gup_test.h, which is no exported header. */
struct longterm {
	uint64_t addr, size;
	uint32_t flags;
};

#define HOLD_START _IOW('g', 7, struct longterm)
#define HOLD_STOP _IO('g', 8)
#define HOLD_WRITE 1
#define HOLD_FAST 2

#define ALL (3 * IN_ONE)

struct holder {
	uint32_t flags; /* of gup_test */
	bool pipe;
};

struct hold {
	int fd[2];
};

static void take(struct hold *h, const struct holder *by, uint8_t *hva, uint64_t n)
{
	struct longterm range = { (uintptr_t)hva, n * PG, by->flags };
	struct iovec v = { hva, n * PG };

	/* GUP-fast needs the pages in the page tables. */
	for (uint64_t i = 0; i < n; i++)
		(void)*(volatile uint8_t *)(hva + i * PG);
	if (by->pipe) {
		GM_SETUP_OK(pipe2(h->fd, O_CLOEXEC));
		GM_SETUP(vmsplice(h->fd[1], &v, 1, 0) == (ssize_t)v.iov_len, "vmsplice: %s",
			 gm_errno_name(errno));
		return;
	}
	h->fd[0] = GM_SETUP_OK(open("/sys/kernel/debug/gup_test", O_RDWR | O_CLOEXEC));
	GM_SETUP_OK(ioctl(h->fd[0], HOLD_START, &range));
}

static void drop(struct hold *h, const struct holder *by)
{
	if (by->pipe)
		close(h->fd[1]);
	else
		GM_SETUP_OK(ioctl(h->fd[0], HOLD_STOP));
	close(h->fd[0]);
}

/* Expects EAGAIN at page `held`, and that nothing is converted. */
static void expect_busy(struct gm_fixture *w, uint64_t p, uint64_t n, uint64_t held,
			const char *when)
{
	uint64_t at;
	int ret = __gm_gmem_convert(w->gmem, p * PG, n * PG, true, &at);

	GM_EXPECT_AT(GM_PAGE(.off = GM_AT(held * PG)), ret && errno == EAGAIN && at == held * PG,
		     "%s: pages %lu+%lu to private: expected EAGAIN at %#lx, observed %s at %#lx",
		     when, p, n, held * PG, ret ? gm_errno_name(errno) : "success", at);
}

GM_CASES(pin, struct holder, v)
{
	/* The first page of a huge page, the last, one in the middle, and two over the border. */
	static const struct {
		uint64_t p, n;
	} place[] = { { IN_ONE, 1 }, { 2 * IN_ONE - 1, 1 }, { IN_ONE + 77, 1 }, { IN_ONE - 1, 2 } };
	struct gm_fixture *w = gh_new(3);

	for (size_t i = 0; i < ARRAY_SIZE(place) && !gm_failures(); i++) {
		const uint64_t p = place[i].p, n = place[i].n, last = p + n - 1;
		struct hold h;

		/* The pages and one on either side are shared; the rest is private. */
		gm_fixture_convert(w, gh_gfn(w, p - 1), n + 2, false);
		gm_fixture_host_write(w, gh_gfn(w, p - 1), n + 2);
		gh_need_gup(w, p);
		take(&h, v, w->hva + p * PG, n);
		expect_busy(w, p, n, p, "held");
		expect_busy(w, last, 1, last, "held");
		expect_busy(w, p - 1, n + 2, p, "held");
		expect_busy(w, 0, ALL, p, "held");
		gm_fixture_check_guest(w, 0, gh_gfn(w, 0), ALL, 8, "after the refusals");
		gm_fixture_check_host(w, gh_gfn(w, p - 1), n + 2, 1, "after the refusals");

		/* Right beside, in both directions, and the rest of the huge page. */
		gm_fixture_convert(w, gh_gfn(w, p - 1), 1, true);
		gm_fixture_convert(w, gh_gfn(w, last + 1), 1, true);
		gm_fixture_fill(w, 0, gh_gfn(w, p - 1), 1);
		gm_fixture_convert(w, gh_gfn(w, 0), p, false);
		gm_fixture_convert(w, gh_gfn(w, last + 1), ALL - last - 1, false);
		gm_fixture_host_write(w, gh_gfn(w, 0), ALL);
		gm_fixture_convert(w, gh_gfn(w, 0), p, true);
		gm_fixture_convert(w, gh_gfn(w, last + 1), ALL - last - 1, true);
		gm_fixture_check_guest(w, 0, gh_gfn(w, 0), ALL, 8, "converted beside the pin");
		expect_busy(w, 0, ALL, p, "converted beside");

		drop(&h, v);
		gm_control(!__gm_gmem_convert(w->gmem, 0, ALL * PG, true, NULL), "released: %s",
			   gm_errno_name(errno));
		gm_model_convert(w->model, gh_gfn(w, 0), ALL, true);
		gm_fixture_check_guest(w, 0, gh_gfn(w, 0), ALL, 8, "all private");
	}
	gm_fixture_free(w);
}

GM_ROW(pin, pin_write, .name = "gup.huge_file_pin.write", .needs = GM_NEEDS(GUP_TEST),
       .text = "long-term pins for writing: the conversion of these pages is EAGAIN with the offset, that of their neighbours works") = {
	.flags = HOLD_WRITE
};
GM_ROW(pin, pin_fast, .name = "gup.huge_file_pin.fast", .needs = GM_NEEDS(GUP_TEST),
       .text = "the same with pins by GUP-fast") = { .flags = HOLD_FAST };
GM_ROW(pin, pin_pipe, .name = "gup.huge_file_pin.pipe",
       .text = "the same with references of a pipe") = { .pipe = true };

GM_CASE(nogup, .name = "gup.huge_file.refused", .clause = "gup.huge_file",
	.needs = GM_NEEDS(GUP_TEST),
	.text = "on a kernel that refuses GUP of guest_memfd (P5): loads and stores of a shared page work, pins are EFAULT and leave nothing")
{
	struct gm_fixture *w = gh_new(3);
	struct longterm range = { (uintptr_t)(w->hva + 77 * PG), PG, HOLD_WRITE };
	int fd, fast;

	gm_fixture_convert(w, gh_gfn(w, 77), 1, false);
	if (!gh_refuses_gup(w, 77)) {
		gm_fixture_free(w);
		gm_skip("GUP takes shared pages of guest_memfd here",
			"boot with gup_guest_memfd=0");
	}
	gm_fixture_host_write(w, gh_gfn(w, 77), 1);
	gm_fixture_check_host(w, gh_gfn(w, 77), 1, 1, "what the host stored");
	gm_fixture_check_guest(w, 0, gh_gfn(w, 77), 1, 1, "what the host stored");
	fd = GM_SETUP_OK(open("/sys/kernel/debug/gup_test", O_RDWR | O_CLOEXEC));
	for (fast = 0; fast < 2; fast++) {
		range.flags = HOLD_WRITE | (fast ? HOLD_FAST : 0);
		GM_EXPECT_ERRNO(EFAULT, ioctl(fd, HOLD_START, &range), "fast %d", fast);
	}
	range.addr = (uintptr_t)gm_matrix_buf(PG);
	gm_control(!ioctl(fd, HOLD_START, &range), "ordinary memory: %s", gm_errno_name(errno));
	GM_SETUP_OK(ioctl(fd, HOLD_STOP));
	close(fd);
	gm_fixture_convert(w, gh_gfn(w, 77), 1, true);
	gm_fixture_free(w);
}
