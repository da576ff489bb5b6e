// SPDX-License-Identifier: GPL-2.0-only
/*
 * The NX huge page workaround splits executed pages to 4 KiB and recovers them later. Both must not
 * map private pages huge, nor split other GiB.
 */
#include "huge.h"
#include "journal.h"
#include "time_factor.h"

GM_FILE(.clause = "huge.interplay", .providers = GM_PROVIDERS(ATTRIBUTES),
	.needs = HUGE_NEEDS | GM_NEEDS(ROOT), .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_HUGE | GM_TOKEN_MODULE)

#define PARAM(name) "/sys/module/kvm/parameters/" name

static struct gm_journal journal;

static void restore(void *arg)
{
	gm_journal_restore(&journal);
}

static void param(const char *path, const char *value)
{
	int err = gm_journal_set(&journal, path, value);

	if (err)
		gm_skip("KVM's NX huge page parameters cannot be written", "%s: %s; as root", path,
			gm_errno_name(-err));
}

/* mov %rdi,%rax; ret */
static const uint8_t code[] = { 0x48, 0x89, 0xf8, 0xc3 };

static void execute(struct huge_vm *r, uint64_t gpa, const char *when)
{
	struct gm_op op = { .code = GM_OP_EXEC, .addr = gpa + 64, .val = 4711 };

	memcpy(gm_hva(r->w->vm, gpa) + 64, code, sizeof(code));
	gm_run(r->w->vm, 0, &op, 1);
	GM_EXPECT_EQ(op.ret, 4711, "%s: code in %s", when, huge_page_name(r, gpa));
}

static void expect_counts(struct huge_vm *r, int64_t n1g, int64_t n2m, const char *when)
{
	struct gm_page_counts now;

	gm_page_counts_read(r->w->vm, &now);
	GM_EXPECT(now.pages[GM_SIZE_1G] - r->start.pages[GM_SIZE_1G] == n1g &&
			  now.pages[GM_SIZE_2M] - r->start.pages[GM_SIZE_2M] == n2m,
		  "%s: expected %ld of 1G and %ld of 2M, observed %ld and %ld", when, n1g, n2m,
		  now.pages[GM_SIZE_1G] - r->start.pages[GM_SIZE_1G],
		  now.pages[GM_SIZE_2M] - r->start.pages[GM_SIZE_2M]);
}

/* Waits, at most 30 seconds, until the kernel's recovery thread is done. */
static void wait_recovered(struct huge_vm *r, uint64_t at)
{
	struct gm_page_counts now;

	for (int i = 0; i < gm_time_limit(600); i++) {
		gm_page_counts_read(r->w->vm, &now);
		if (now.pages[GM_SIZE_1G] - r->start.pages[GM_SIZE_1G] == 2)
			return;
		/* A touch maps again what the thread has unmapped, as large as allowed. */
		gm_guest_touch(r->w->vm, 0, at, 8, 8);
		usleep(50 * 1000);
	}
}

GM_CASE(nx, .name = "huge.interplay.nx_huge_pages",
	.text = "an executed page splits only its GiB, conversions work there, and recovery makes it whole",
	.huge_1g = 2, .timeout = 120)
{
	uint64_t at = huge_gpa(1, 512 * 7 + 3), private = huge_gpa(1, 512 * 7 + 4);
	struct huge_vm *r;

	GM_SETUP(!gm_journal_open(&journal, gm_journal_dir()), "no journal");
	gm_cleanup(restore, NULL);
	param(PARAM("nx_huge_pages_recovery_period_ms"), "0");
	param(PARAM("nx_huge_pages_recovery_ratio"), "0");
	param(PARAM("nx_huge_pages"), "force");
	r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 2 * GM_1G);
	huge_touch_all(r);
	huge_expect(r, "all touched: data is mapped huge");
	execute(r, at, "executed");
	expect_counts(r, 1, 511, "one page executed");
	huge_check_sparse(r, "one page executed");
	expect_counts(r, 1, 511, "one page executed, all read");
	huge_convert(r, private, 1, true);
	huge_check_around(r, private, 3, "the page after it private");
	execute(r, at, "beside a private page");
	expect_counts(r, 1, 511, "beside a private page");
	/* All pages are shared again before the recovery. */
	huge_convert(r, private, 1, false);
	huge_check_around(r, private, 3, "shared again");
	/* Ratio 1 recovers all pages, in a short period. */
	param(PARAM("nx_huge_pages_recovery_ratio"), "1");
	param(PARAM("nx_huge_pages_recovery_period_ms"), "100");
	wait_recovered(r, at);
	expect_counts(r, 2, 0, "recovered");
	huge_check_sparse(r, "recovered");
	expect_counts(r, 2, 0, "recovered and read");
	huge_vm_free(r);
}

/*
 * A page is executed before anything else of its GiB is mapped, so there is nothing to split. Data
 * touched later must not be mapped huge over it, else faults of code and data would undo each
 * other's mapping.
 */
GM_CASE(nx_fresh, .name = "huge.interplay.nx_before_data",
	.text = "code runs first, data next to it is touched later: no huge mapping over the executed page",
	.needs = GM_NEEDS(PREFAULT), .huge_1g = 1)
{
	uint64_t at = huge_gpa(0, 512 * 7 + 3);
	struct gm_page_counts want = { .pages = { [GM_SIZE_4K] = 1 }, .fixed = 1 };
	uint64_t ahead = (at & ~(GM_2M - 1)) + 5 * GM_2M, size = GM_2M;
	struct huge_vm *r;

	GM_SETUP(!gm_journal_open(&journal, gm_journal_dir()), "no journal");
	gm_cleanup(restore, NULL);
	param(PARAM("nx_huge_pages_recovery_ratio"), "0");
	param(PARAM("nx_huge_pages"), "force");
	r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = GM_1G);
	execute(r, at, "executed first");
	gm_page_counts_expect(r->w->vm, &r->start, &want, "one page executed");
	gm_guest_touch(r->w->vm, 0, at + GM_PAGE_SIZE, 8, 8);
	want = (struct gm_page_counts){ .pages = { [GM_SIZE_4K] = 2 }, .fixed = 2 };
	gm_page_counts_expect(r->w->vm, &r->start, &want, "data in the same 2 MiB");
	gm_guest_touch(r->w->vm, 0, at + GM_2M, 8, 8);
	want = (struct gm_page_counts){ .pages = { [GM_SIZE_4K] = 2, [GM_SIZE_2M] = 1 },
					.fixed = 3 };
	gm_page_counts_expect(r->w->vm, &r->start, &want, "data in the next 2 MiB");
	execute(r, at, "executed again");
	gm_page_counts_expect(r->w->vm, &r->start, &want, "executed again: still mapped");
	/* A prefault is a read and not counted: pages not executed are mapped huge. */
	GM_EXPECT_OK(gm_prefault(r->w->vm, 0, &ahead, &size, 0));
	want = (struct gm_page_counts){ .pages = { [GM_SIZE_4K] = 2, [GM_SIZE_2M] = 2 },
					.fixed = 3 };
	gm_page_counts_expect(r->w->vm, &r->start, &want, "prefaulted");
	huge_vm_free(r);
}
