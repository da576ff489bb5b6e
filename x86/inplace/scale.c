// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest may convert every second page of all its memory. Calls on so many ranges return in time,
 * and their memory is freed: conv.scale, for every provider whose VMM converts.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "inplace.h"
#include "time_factor.h"

GM_FILE(.clause = "conv.scale", .providers = GM_PROVIDERS_X86)

enum scale_order { IN_ORDER, REVERSE, RANDOM, NR_ORDERS };

static const char *const orders[] = { "in order", "in reverse", "at random" };

enum scale_end { CLOSE, TO_PRIVATE, TO_SHARED, ALL_BUT_FEW, ONE_BY_ONE, FORKED, KILLED, NR_ENDS };

static const char *const ends[] = {
	"close",      "all to private", "all to shared", "all but a few pages",
	"one by one", "fork and exit",	"kill",
};

/* A VM without vCPUs. Its file has no pages, and userspace_addr no memory. */
struct big {
	struct gm_vm *vm;
	uint8_t *uaddr;
	uint64_t pages;
	int gmem;
};

static struct big big_new(uint64_t pages)
{
	struct big b = { .vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED), .pages = pages };

	b.uaddr = mmap(NULL, pages * PG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		       0);
	GM_SETUP(b.uaddr != MAP_FAILED, "mmap of %#lx bytes: %s", pages * PG, gm_errno_name(errno));
	b.gmem = gm_gmem_new(b.vm, pages * PG, b.vm->provider->flags_shared);
	gm_slot_set(b.vm, GM_SLOT, 0, GM_BASE, pages * PG, b.uaddr, b.gmem, 0);
	return b;
}

static void big_free(struct big *b)
{
	gm_vm_free(b->vm);
	close(b->gmem);
	munmap(b->uaddr, b->pages * PG);
}

/* Closes VM and file; a hang is reported with this name. */
static void big_close(struct big *b)
{
	gm_underway("close() of a VM and its guest_memfd");
	big_free(b);
	gm_underway_end();
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* The i-th even page in this order; nr is a power of two. */
static uint64_t page_of(enum scale_order order, uint64_t i, uint64_t nr)
{
	switch (order) {
	case REVERSE:
		i = nr - 1 - i;
		break;
	case RANDOM:
		/* A large odd factor gives a permutation. */
		i = (i * 0x9e3779b1UL + 12345) & (nr - 1);
		break;
	default:
		break;
	}
	return 2 * i;
}

/* Converts every second page. 0, or the errno of the first refusal. */
static int every_second(struct big *b, enum scale_order order, bool to_private)
{
	uint64_t nr = b->pages / 2;

	for (uint64_t i = 0; i < nr; i++)
		if (__gm_convert(b->vm, GM_BASE + page_of(order, i, nr) * PG, PG, to_private))
			return errno;
	return 0;
}

static void convert(struct big *b, uint64_t page, uint64_t n, bool to_private)
{
	GM_EXPECT(!__gm_convert(b->vm, GM_BASE + page * PG, n * PG, to_private),
		  "pages %lu+%lu of %lu to %s: %s", page, n, b->pages,
		  to_private ? "private" : "shared", gm_errno_name(errno));
}

/* In place: the host checks a few pages and their neighbours all over the file. */
static void expect_pattern(struct big *b, int even, int odd)
{
	uint64_t step = b->pages / 16 | 1, word;
	uint8_t *hva;

	if (!b->vm->provider->file_serves_shared)
		return;
	hva = mmap(NULL, b->pages * PG, PROT_READ, MAP_SHARED, b->gmem, 0);
	GM_SETUP(hva != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	for (uint64_t i = 1; i + 2 < b->pages; i += step) {
		for (uint64_t page = i; page < i + 2; page++) {
			bool private = page & 1 ? odd : even;

			GM_EXPECT(ip_load(hva + page * PG, &word) == !private,
				  "page %lu of %lu must be %s", page, b->pages,
				  private ? "private" : "shared");
		}
	}
	munmap(hva, b->pages * PG);
}

/* The exit of a child that inherited the file changes nothing. */
static void fork_and_exit(struct big *b)
{
	int status;

	for (int i = 0; i < 3; i++) {
		pid_t pid = GM_SETUP_OK(fork());

		if (!pid)
			_exit(0);
		GM_SETUP_OK(waitpid(pid, &status, 0));
	}
	expect_pattern(b, true, false);
}

static void end_it(struct big *b, enum scale_end end, enum scale_order order)
{
	uint64_t half = b->pages / 2;

	switch (end) {
	case TO_PRIVATE:
		convert(b, 0, b->pages, true);
		expect_pattern(b, true, true);
		break;
	case TO_SHARED:
		convert(b, 0, b->pages, false);
		expect_pattern(b, false, false);
		break;
	case ALL_BUT_FEW:
		/* Leaves a private and a shared page at both ends and in the middle. */
		convert(b, 2, half - 2, false);
		convert(b, half + 2, b->pages - half - 4, false);
		convert(b, 2, half - 2, true);
		convert(b, half + 2, b->pages - half - 4, true);
		break;
	case ONE_BY_ONE:
		GM_EXPECT(!every_second(b, (order + 1) % NR_ORDERS, false), "page by page back: %s",
			  gm_errno_name(errno));
		expect_pattern(b, false, false);
		break;
	case FORKED:
		fork_and_exit(b);
		break;
	default:
		break;
	}
}

/* A child has the VM and the file, and is killed. */
static double built_and_killed(uint64_t pages, enum scale_order order)
{
	int ready[2], status;
	double start;
	char c = 0;
	pid_t pid;

	GM_SETUP_OK(pipe(ready));
	pid = GM_SETUP_OK(fork());
	if (!pid) {
		struct big b = big_new(pages);

		c = every_second(&b, order, true) ? 'x' : 'y';
		if (write(ready[1], &c, 1) == 1)
			pause();
		_exit(0);
	}
	close(ready[1]);
	GM_SETUP(read(ready[0], &c, 1) == 1, "the child ended early");
	GM_EXPECT(c == 'y', "the child's conversions were refused");
	close(ready[0]);
	start = now();
	gm_underway("the exit of a killed process");
	kill(pid, SIGKILL);
	GM_SETUP_OK(waitpid(pid, &status, 0));
	gm_underway_end();
	return now() - start;
}

/* The memory of the ranges is freed, some of it after an RCU grace period. */
static void expect_freed(long before, long peak)
{
	long grown = peak - before, left = 0;

	/* Too little to tell from other use of memory. */
	if (!before || grown < 8192)
		return;
	for (int i = 0; i < gm_time_limit(300); i++) {
		left = ip_meminfo_kb("Slab") - before;
		if (left < grown / 4)
			break;
		usleep(100000);
	}
	GM_EXPECT(left < grown / 4, "of %ld KiB for the ranges %ld KiB are still in use", grown,
		  left);
	gm_note("the ranges used %ld KiB, %ld KiB of it are not freed", grown, left);
}

static void scale(uint64_t nr, enum scale_order order, enum scale_end end)
{
	double start = now(), built, took;
	long before = ip_meminfo_kb("Slab"), peak;
	struct big b;
	int err;

	if (end == KILLED) {
		took = built_and_killed(2 * nr, order);
		built = now() - start - took;
		peak = before;
	} else {
		b = big_new(2 * nr);
		err = every_second(&b, order, true);
		GM_EXPECT(!err, "%lu ranges %s: %s", nr, orders[order], gm_errno_name(err));
		built = now() - start;
		peak = ip_meminfo_kb("Slab");
		expect_pattern(&b, true, false);
		start = now();
		end_it(&b, end, order);
		big_close(&b);
		took = now() - start;
	}
	gm_note("%lu ranges %s: %.2f s; %s, and the close: %.2f s", nr, orders[order], built,
		ends[end], took);
	/* One call and the close may not take longer than all the calls that made the ranges. */
	GM_EXPECT(took < 10 + 3 * built,
		  "%lu ranges %s took %.2f s to make, %s and the close %.2f s", nr, orders[order],
		  built, ends[end], took);
	expect_freed(before, peak);
}

struct small {
	uint64_t nr; /* ranges */
};

GM_CASES(small, struct small, v)
{
	for (enum scale_end end = 0; end < NR_ENDS; end++)
		scale(v->nr, (enum scale_order)(end % NR_ORDERS), end);
}

struct ending {
	enum scale_end end;
};

GM_CASES(middling, struct ending, v)
{
	for (enum scale_order order = 0; order < NR_ORDERS; order++)
		scale(1UL << 13, order, v->end);
}

GM_CASES(large, struct ending, v)
{
	scale(1UL << 20, (enum scale_order)(v->end % NR_ORDERS), v->end);
}

struct order {
	enum scale_order order;
};

/* The same order for every end, at each size between. */
GM_CASES(sizes, struct order, v)
{
	for (int bits = 10; bits <= 17; bits++)
		for (enum scale_end end = 0; end < NR_ENDS; end++)
			scale(1UL << bits, v->order, end);
}

/*
 * The close of a file frees its record. One record is too small to measure, so many files are
 * created and closed; only growth in each of several rounds is a leak.
 */
GM_CASE(given_back, .name = "conv.scale.given_back",
	.text = "files with 2^15 ranges each are created and closed: their records are freed",
	.tokens = GM_TOKEN_ALONE, .timeout = 180)
{
	enum { ROUNDS = 3, FILES = 16, LEAK_KB = 4096 };
	long grown[ROUNDS];
	int leaks = 0;

	for (int round = 0; round < ROUNDS; round++) {
		long before = ip_meminfo_kb("Slab");

		GM_SETUP(before, "/proc/meminfo has no Slab");
		for (int i = 0; i < FILES; i++) {
			struct big b = big_new(1UL << 16);
			int err = every_second(&b, IN_ORDER, true);

			GM_EXPECT(!err, "2^15 ranges: %s", gm_errno_name(err));
			big_close(&b);
		}
		for (int i = 0; i < gm_time_limit(100) && ip_meminfo_kb("Slab") - before > LEAK_KB;
		     i++)
			usleep(100000);
		grown[round] = ip_meminfo_kb("Slab") - before;
		leaks += grown[round] > LEAK_KB;
		if (!leaks)
			break;
	}
	GM_EXPECT(leaks < ROUNDS,
		  "%d files of 2^15 ranges leaked %ld, %ld, %ld KiB in three rounds", FILES,
		  grown[0], grown[1], grown[2]);
}

GM_ROW(small, small_10, .name = "conv.scale.ranges_1k",
       .text = "2^10 separate ranges, then each way to end them") = { .nr = 1UL << 10 };
GM_ROW(small, small_12, .name = "conv.scale.ranges_4k",
       .text = "2^12 separate ranges, then each way to end them") = { .nr = 1UL << 12 };
GM_ROW(middling, middling_private, .name = "conv.scale.ranges_8k.to_private",
       .text = "2^13 ranges in order, in reverse, at random; then all to private") = {
	.end = TO_PRIVATE,
};
GM_ROW(middling, middling_close, .name = "conv.scale.ranges_8k.close",
       .text = "2^13 ranges in each order, then the last close") = { .end = CLOSE };
GM_ROW(sizes, sizes_order, .name = "conv.scale.sizes.in_order",
       .text = "2^10 to 2^17 ranges made in order, each way to end them", .flags = GM_FULL_ONLY,
       .timeout = 900) = { .order = IN_ORDER };
GM_ROW(sizes, sizes_reverse, .name = "conv.scale.sizes.reverse",
       .text = "2^10 to 2^17 ranges made in reverse, each way to end them", .flags = GM_FULL_ONLY,
       .timeout = 900) = { .order = REVERSE };
GM_ROW(sizes, sizes_random, .name = "conv.scale.sizes.random",
       .text = "2^10 to 2^17 ranges made at random, each way to end them", .flags = GM_FULL_ONLY,
       .timeout = 900) = { .order = RANDOM };
GM_ROW(large, large_close, .name = "conv.scale.ranges_1m.close",
       .text = "2^20 ranges, then the last close", .flags = GM_FULL_ONLY, .tokens = GM_TOKEN_ALONE,
       .timeout = 900) = { .end = CLOSE };
GM_ROW(large, large_private, .name = "conv.scale.ranges_1m.to_private",
       .text = "2^20 ranges, then all to private", .flags = GM_FULL_ONLY, .tokens = GM_TOKEN_ALONE,
       .timeout = 900) = { .end = TO_PRIVATE };
GM_ROW(large, large_shared, .name = "conv.scale.ranges_1m.to_shared",
       .text = "2^20 ranges, then all to shared", .flags = GM_FULL_ONLY, .tokens = GM_TOKEN_ALONE,
       .timeout = 900) = { .end = TO_SHARED };
GM_ROW(large, large_few, .name = "conv.scale.ranges_1m.all_but_few",
       .text = "2^20 ranges, then all but a few pages back and forth", .flags = GM_FULL_ONLY,
       .tokens = GM_TOKEN_ALONE, .timeout = 900) = { .end = ALL_BUT_FEW };
GM_ROW(large, large_one, .name = "conv.scale.ranges_1m.one_by_one",
       .text = "2^20 ranges, then each range back by itself", .flags = GM_FULL_ONLY,
       .tokens = GM_TOKEN_ALONE, .timeout = 900) = { .end = ONE_BY_ONE };
GM_ROW(large, large_fork, .name = "conv.scale.ranges_1m.fork",
       .text = "2^20 ranges, then three children fork and exit", .flags = GM_FULL_ONLY,
       .tokens = GM_TOKEN_ALONE, .timeout = 900) = { .end = FORKED };
GM_ROW(large, large_kill, .name = "conv.scale.ranges_1m.kill",
       .text = "2^20 ranges, then the process that made them is killed", .flags = GM_FULL_ONLY,
       .tokens = GM_TOKEN_ALONE, .timeout = 900) = { .end = KILLED };

/* Ranges with allocated pages, which the host has mapped. */
GM_CASE(populated, .name = "conv.inplace_scale_mapped.populated",
	.clause = "conv.inplace_scale_mapped",
	.text = "2^11 ranges whose pages guest and host have mapped, then all to private and back",
	.profile = "P3", .provider = GM_PROVIDER_INPLACE, .needs = IP_NEEDS, .timeout = 120)
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = 2 * PG << 11);
	uint64_t n = PAGES(w->size), word;
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, GFN(w->gpa), n, 128);
	gm_batch_flush(&s);
	for (int turn = 0; turn < 2; turn++) {
		for (uint64_t i = 0; i < n; i++)
			GM_SETUP(ip_load(w->hva + i * PG, &word), "page %lu is not shared", i);
		for (uint64_t i = 0; i < n / 2; i++)
			if (!ip_convert(w, page_of(turn ? RANDOM : REVERSE, i, n / 2), 1, true,
					"every second page"))
				gm_end();
		GM_EXPECT_EQ(ip_nr_present(w, 0, n), n / 2, "pages that the host has mapped");
		ip_expect_state(w, 0, n, "every second page");
		gm_fixture_check_guest(w, 0, GFN(w->gpa), n, 128, "every second page");
		ip_convert(w, 0, n, true, "all");
		GM_EXPECT_EQ(ip_nr_present(w, 0, n), 0, "pages that the host has mapped");
		gm_fixture_check_guest(w, 0, GFN(w->gpa), n, 128, "all private");
		ip_convert(w, 0, n, false, "all");
	}
	gm_fixture_check_host(w, GFN(w->gpa), n, 128, "at the end");
	gm_fixture_free(w);
}
