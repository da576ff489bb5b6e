// SPDX-License-Identifier: GPL-2.0-only
/* Private and shared memory keep their own data: conv.data. */
#include <linux/kvm_para.h>

#include "conv.h"
#include "quiet.h"
#include "text.h"

GM_FILE(.clause = "conv.data", .providers = GM_PROVIDERS_HUGE)

/* Expects that no word of [hva, hva + size) has this writer. */
static void expect_absent(const void *hva, uint64_t size, enum gm_writer writer, const char *when)
{
	const volatile uint64_t *w = hva;

	for (uint64_t i = 0; i < size / 8; i++) {
		/* The host reads nothing from pages that it cannot access. */
		if (i % GM_PAGE_WORDS == 0 && !gm_host_sees((const void *)&w[i])) {
			i += GM_PAGE_WORDS - 1;
			continue;
		}
		if (gm_word_ok(w[i]) && gm_word_writer(w[i]) == writer)
			GM_FAIL_AT(GM_PAGE(.hva = GM_AT((uintptr_t)&w[i])),
				   "%s: expected no private word of the guest, observed %s", when,
				   gm_word_str(w[i]));
	}
	gm_checked();
}

GM_CASE(kept, .name = "conv.data.both_halves_kept",
	.text = "six conversions of every page: private and shared memory keep what was last written")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t first = GFN(w->gpa);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	for (int turn = 0; turn < 6; turn++) {
		gm_batch_check(&s, first, 512, 1);
		/* Each turn writes a third, so that old and new generations are adjacent. */
		for (uint64_t i = turn % 3; i < 512; i += 3)
			gm_batch_fill(&s, first + i, 1, 1);
		gm_batch_convert(&s, first, 512, !(turn & 1), turn & 2);
	}
	gm_batch_flush(&s);
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}

GM_CASE(zeroed, .name = "conv.data.fresh_private_is_zero",
	.text = "private pages never used before are zero, although their memory had data")
{
	struct gm_fixture *w;
	struct gm_mem *dirty = gm_mem_new(GM_MEM_ANON, 8 * GM_2M);

	/* Frees written pages, so that the kernel allocates them next. */
	gm_host_fill(dirty->hva, 0, PAGES(dirty->size), GM_WRITER_HOST, 1);
	gm_mem_free(dirty);
	for (int round = 0; round < 2; round++) {
		w = GM_FIXTURE(.size = 2 * GM_2M);
		gm_fixture_convert(w, GFN(w->gpa), 1024, true);
		gm_fixture_check_guest(w, 0, GFN(w->gpa), 1024, 1, "never used before");
		/* The next round gets these pages. */
		gm_guest_fill(w->vm, 0, w->gpa, 1024, GM_WRITER_SECRET, 3);
		gm_fixture_free(w);
	}
}

GM_CASE(hole, .name = "conv.data.hole", .providers = GM_PROVIDERS_X86,
	.text = "a hole removes only private memory, in either state of the page")
{
	struct gm_fixture *w = GM_FIXTURE(.size = 2 * GM_2M);
	uint64_t first = GFN(w->gpa);
	static const struct {
		uint64_t at, n;
	} hole[] = {
		{ 0, 1 }, { 3, 1 }, { 100, 57 }, { 510, 4 }, { 700, 1 }, { 1023, 1 },
	};
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, 1024, 1);
	gm_batch_convert(&s, first, 1024, true, true);
	gm_batch_fill(&s, first, 1024, 1);
	/* The second 512 pages are shared before the holes. */
	gm_batch_convert(&s, first + 512, 512, false, true);
	gm_batch_flush(&s);
	for (size_t i = 0; i < sizeof(hole) / sizeof(hole[0]); i++) {
		gm_fixture_punch(w, first + hole[i].at, hole[i].n);
		gm_fixture_check_guest(w, 0, first, 1024, 8, "after a hole");
		gm_fixture_check_host(w, first, 1024, 8, "after a hole");
	}
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}

GM_CASE(host, .name = "conv.data.host_writes",
	.text = "the host writes shared memory: the guest sees it while the page is shared, never while private")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t first = GFN(w->gpa);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, 512, 1);
	gm_batch_flush(&s);
	gm_prove_same_page(w->vm, 0, w->gpa, w->hva);
	for (uint64_t i = 0; i < 512; i += 2)
		gm_fixture_convert(w, first + i, 1, true);
	gm_batch_fill(&s, first, 512, 1);
	gm_batch_flush(&s);
	gm_fixture_host_write(w, first, 512);
	gm_fixture_check_guest(w, 0, first, 512, 1,
			       "written by the host, every other page private");
	gm_fixture_convert(w, first, 512, false);
	gm_fixture_check_guest(w, 0, first, 512, 1, "all shared again");
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}

GM_CASE(dropped, .name = "conv.data.shared_half_dropped",
	.text = "the host drops shared memory: private memory stays")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t first = GFN(w->gpa);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, 512, 1);
	gm_batch_convert(&s, first + 100, 300, true, true);
	gm_batch_fill(&s, first, 512, 1);
	gm_batch_flush(&s);
	/* For a file this drops the host's mappings, not the content. */
	GM_SETUP_OK(madvise(w->hva, w->size, MADV_DONTNEED));
	if (!w->provider->file_serves_shared)
		gm_model_dropped(w->model, first, 512);
	gm_fixture_check_guest(w, 0, first, 512, 1, "after MADV_DONTNEED");
	GM_SETUP_OK(mprotect(w->hva + GPA(100), GPA(300), PROT_NONE));
	gm_fixture_check_guest(w, 0, first + 100, 300, 1, "without access by the host");
	GM_SETUP_OK(mprotect(w->hva, w->size, PROT_READ | PROT_WRITE));
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}

GM_CASE(search, .name = "conv.data.secret_not_found",
	.text = "no private word is anywhere in the host's mapping")
{
	struct gm_fixture *w = GM_FIXTURE(.size = 2 * GM_2M, .vcpus = 2);
	uint64_t first = GFN(w->gpa);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, 1024, 1);
	gm_batch_flush(&s);
	for (int turn = 0; turn < 3; turn++) {
		gm_fixture_convert(w, first + 13 * turn, 700, true);
		gm_guest_fill(w->vm, turn & 1, GPA(first + 13 * turn), 700, GM_WRITER_SECRET,
			      turn + 1);
		expect_absent(w->hva, w->size, GM_WRITER_SECRET, "while private");
		gm_fixture_check_host(w, first, 1024, 8, "while private");
		/* In place a guest must overwrite secrets before it shares a page. */
		if (gm_fixture_one_memory(w)) {
			gm_batch_fill(&s, first + 13 * turn, 700, 1);
			gm_batch_flush(&s);
		}
		gm_fixture_convert(w, first + 13 * turn + 100, 400, false);
		gm_fixture_check_guest(w, 0, first + 13 * turn + 100, 400, 1, "converted back");
		expect_absent(w->hva, w->size, GM_WRITER_SECRET, "after converting back");
		gm_fixture_convert(w, first, 1024, false);
	}
	/* Control: the search finds words in shared memory. */
	gm_guest_fill(w->vm, 0, w->gpa, 1, GM_WRITER_DEVICE, 1);
	GM_SETUP(gm_word_writer(*(volatile uint64_t *)w->hva) == GM_WRITER_DEVICE,
		 "the host does not see what a guest writes to shared memory");
	gm_fixture_free(w);
}

static uint64_t guest_outs(uint64_t from, uint64_t count, uint64_t unused)
{
	asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(0x99) : "memory");
	return count;
}

static uint64_t guest_ins(uint64_t to, uint64_t count, uint64_t unused)
{
	asm volatile("rep insb" : "+D"(to), "+c"(count) : "d"(0x99) : "memory");
	return count;
}

/* The data of MMIO reads, and the exits of a string operation. */
#define MMIO_BYTE 0x5a
struct string_io {
	uint8_t seen[GM_PAGE_SIZE]; /* bytes of OUTS */
	uint64_t nseen;		    /* bytes of OUTS or INS */
	unsigned int mmio;	    /* number of MMIO exits */
	uint64_t mmio_gpa;	    /* of the first of them */
	bool mmio_write;
};

/* Runs a string operation of n bytes at gpa, and handles its exits. */
static void string_io(struct gm_vm *vm, uint64_t (*fn)(uint64_t, uint64_t, uint64_t), uint64_t gpa,
		      uint64_t n, struct string_io *io)
{
	struct gm_op op = { .code = GM_OP_CALL, .addr = (uintptr_t)fn, .val = gpa, .nr = n };
	struct kvm_run *run = vm->vcpu[0]->run;
	struct gm_exit ex;

	gm_post(vm, 0, &op, 1);
	*io = (struct string_io){};
	/* Each exit transfers at least one byte, by port I/O or MMIO. */
	for (unsigned int i = 0; i <= 3 * n; i++) {
		if (gm_enter(vm, 0, &ex)) {
			gm_note("string I/O on a private page: %s", gm_errno_name(errno));
			return;
		}
		if (run->exit_reason == KVM_EXIT_IO && run->io.port == 0x99) {
			uint8_t *data = (uint8_t *)run + run->io.data_offset;
			uint64_t bytes = run->io.size * run->io.count;

			if (run->io.direction == KVM_EXIT_IO_IN)
				memset(data, 0x42, bytes);
			else if (io->nseen + bytes <= sizeof(io->seen))
				memcpy(io->seen + io->nseen, data, bytes);
			io->nseen += bytes;
		} else if (run->exit_reason == KVM_EXIT_MMIO) {
			if (!io->mmio++) {
				io->mmio_gpa = run->mmio.phys_addr;
				io->mmio_write = run->mmio.is_write;
			}
			memset(run->mmio.data, MMIO_BYTE, sizeof(run->mmio.data));
		} else {
			return;
		}
	}
}

/* In place KVM cannot access a private page, and emulates the access as MMIO. */
static void expect_mmio(const struct string_io *io, uint64_t gpa, bool write)
{
	GM_EXPECT(
		io->mmio && io->mmio_gpa == gpa && io->mmio_write == write,
		"string I/O: expected MMIO exits, the first a %s at %#lx, observed %u, a %s at %#lx",
		write ? "write" : "read", gpa, io->mmio, io->mmio_write ? "write" : "read",
		io->mmio_gpa);
}

static void strings_in_place(struct gm_fixture *w, uint64_t page, struct string_io *io)
{
	struct gm_content c = gm_model_memory(w->model, page, false);
	uint64_t n = 64, wrong = 0;

	string_io(w->vm, guest_outs, GPA(page), n, io);
	expect_mmio(io, GPA(page), false);
	for (uint64_t i = 0; i < n; i++)
		wrong += io->seen[i] != MMIO_BYTE;
	GM_EXPECT(io->nseen == n && !wrong, "OUTS wrote %lu bytes, %lu of them not from MMIO",
		  io->nseen, wrong);
	gm_fixture_check_guest(w, 0, page - 1, 3, 1, "after OUTS");
	string_io(w->vm, guest_ins, GPA(page), n, io);
	expect_mmio(io, GPA(page), true);
	gm_fixture_check_guest(w, 0, page - 1, 3, 1, "after INS");
	/* It reaches the page once that is shared. */
	gm_fixture_convert(w, page, 1, false);
	string_io(w->vm, guest_outs, GPA(page), GM_PAGE_SIZE, io);
	GM_EXPECT_EQ(io->nseen, GM_PAGE_SIZE, "bytes that OUTS wrote from the shared page");
	GM_EXPECT_EQ(io->mmio, 0, "MMIO exits for the shared page");
	gm_host_check(io->seen, page, 1, c.writer, c.gen, "OUTS of the shared page");
}

static void strings_attributes(struct gm_fixture *w, uint64_t page, struct string_io *io)
{
	struct gm_content c = gm_model_memory(w->model, page, false);

	string_io(w->vm, guest_outs, GPA(page), GM_PAGE_SIZE, io);
	expect_absent(io->seen, GM_PAGE_SIZE, GM_WRITER_PRIVATE, "OUTS of a private page");
	if (io->nseen == GM_PAGE_SIZE)
		gm_host_check(io->seen, page, 1, c.writer, c.gen, "OUTS of a private page");
	else
		GM_EXPECT_EQ(io->nseen, 0, "bytes that OUTS wrote before it ended");
	gm_fixture_check_guest(w, 0, page - 9, 16, 1, "after OUTS");
	string_io(w->vm, guest_ins, GPA(page), GM_PAGE_SIZE, io);
	/* INS may have written the shared memory of that page, nothing else. */
	gm_fixture_check_guest(w, 0, page - 9, 16, 1, "after INS");
	gm_fixture_check_host(w, page - 9, 9, 1, "after INS");
	gm_fixture_check_host(w, page + 1, 6, 1, "after INS");
}

GM_CASE(strings, .name = "conv.data.string_io",
	.text = "KVM accesses a private page for string I/O: it reaches shared memory or none")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .uaddr = GM_UADDR_SHARED);
	uint64_t first = GFN(w->gpa), page = first + 9;
	struct string_io *io = calloc(1, sizeof(*io));
	struct gm_batch s;

	GM_SETUP(io, "out of memory");
	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, 16, 1);
	gm_batch_convert(&s, page, 1, true, true);
	gm_batch_fill(&s, page, 1, 1);
	gm_batch_flush(&s);
	if (gm_fixture_one_memory(w))
		strings_in_place(w, page, io);
	else
		strings_attributes(w, page, io);
	free(io);
	gm_fixture_free(w);
}

GM_CASE(pv_clock, .name = "conv.data.pv_clock",
	.text = "KVM writes its clock page to shared memory, never to private memory")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .uaddr = GM_UADDR_SHARED);
	uint64_t first = GFN(w->gpa), page = first + 4, changed = 0;
	volatile uint64_t *word = (volatile uint64_t *)(w->hva + GPA(4));
	unsigned int gen;
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, 8, 1);
	gm_batch_convert(&s, page, 1, true, true);
	gm_batch_fill(&s, page, 1, 1);
	gm_batch_flush(&s);
	gen = gm_model_memory(w->model, page, false).gen;
	vcpu_set_msr(w->vm->vcpu[0], MSR_KVM_SYSTEM_TIME_NEW, (GPA(page) + 64) | 1);
	gm_fixture_check_guest(w, 0, first, 8, 1, "with the clock page on a private page");
	gm_fixture_check_host(w, first, 4, 1, "with the clock page on a private page");
	for (unsigned int i = 0; i < 512 && !gm_fixture_one_memory(w); i++) {
		bool clock = i >= 8 && i < 12; /* struct pvclock_vcpu_time_info: 32 bytes */

		if (word[i] == gm_word(page, GM_WRITER_SHARED, gen, i))
			continue;
		changed++;
		GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(GPA(page))), clock,
			     "word %u of shared memory changed: %s", i, gm_word_str(word[i]));
	}
	/* KVM may write nothing; any write must be here. */
	gm_note("%lu words of shared memory were written", changed);
	vcpu_set_msr(w->vm->vcpu[0], MSR_KVM_SYSTEM_TIME_NEW, 0);
	gm_fixture_check_guest(w, 0, first, 8, 1, "with the clock off");
	gm_fixture_free(w);
}

GM_CASE(straddle, .name = "conv.data.straddle",
	.text = "eight bytes over the border of a private and a shared page: four bytes of each")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t first = GFN(w->gpa), a = w->gpa + GPA(8), b = w->gpa + GPA(9);
	bool one = gm_fixture_one_memory(w);
	/* The last four bytes of page 8 and the first of page 9; [1]: of private memory. */
	uint32_t tail[2] = { 0x11111111, 0x22222222 }, head[2] = { 0x33333333, 0x44444444 };

	gm_fixture_convert(w, first + 8, 2, true);
	for (int private = 1; private >= 0; private --) {
		struct gm_op op[] = {
			{ .code = GM_OP_WRITE,
			  .addr = b - 8,
			  .val = (uint64_t)tail[private] << 32 },
			{ .code = GM_OP_WRITE, .addr = b, .val = head[private] },
		};

		gm_run(w->vm, 0, op, 2);
		if (private)
			gm_fixture_convert(w, first + 8, 2, false);
	}
	for (unsigned int turn = 0; turn < 8; turn++) {
		bool pa = turn & 1, pb = turn >> 1 & 1;
		/* In place there is only one memory, [0], with the last write. */
		bool ma = pa && !one, mb = pb && !one;
		struct gm_op op[] = {
			{ .code = GM_OP_READ, .addr = b - 4 },
			{ .code = GM_OP_ADD, .addr = b - 4, .val = 1UL << 32 | 1 },
		};
		uint64_t want = (uint64_t)head[mb] << 32 | tail[ma];

		gm_convert(w->vm, a, GM_PAGE_SIZE, pa);
		gm_convert(w->vm, b, GM_PAGE_SIZE, pb);
		gm_run(w->vm, 0, op, 2);
		GM_EXPECT_EQ(op[0].val, want, "%s and %s: read", pa ? "private" : "shared",
			     pb ? "private" : "shared");
		GM_EXPECT_EQ(op[1].ret, want, "%s and %s: locked add", pa ? "private" : "shared",
			     pb ? "private" : "shared");
		tail[ma]++;
		head[mb]++;
		if (!one || !pa)
			GM_EXPECT_EQ(*(volatile uint32_t *)gm_hva(w->vm, b - 4), tail[0],
				     "the last four bytes of the first page, shared memory");
		if (!one || !pb)
			GM_EXPECT_EQ(*(volatile uint32_t *)gm_hva(w->vm, b), head[0],
				     "the first four bytes of the second page, shared memory");
	}
	gm_fixture_free(w);
}

static long unevictable(void)
{
	long kb;

	GM_SETUP(gm_read_field("/proc/meminfo", "Unevictable", &kb),
		 "/proc/meminfo has no Unevictable");
	return kb * 1024;
}

GM_CASE(freed, .name = "conv.data.private_freed", .providers = GM_PROVIDERS_X86,
	.text = "private pages are freed when VM and file are closed", .tokens = GM_TOKEN_ALONE)
{
	uint64_t size = 8 * GM_2M;
	long before, during, after;
	struct gm_fixture *w;

	/* Faults on each page; writer of the pages are converted back and forth first. */
	before = unevictable();
	w = GM_FIXTURE(.size = size);
	gm_fixture_convert(w, GFN(w->gpa), PAGES(size), true);
	gm_guest_touch(w->vm, 0, w->gpa, size / 2, GM_PAGE_SIZE);
	gm_fixture_convert(w, GFN(w->gpa), PAGES(size), false);
	gm_guest_touch(w->vm, 0, w->gpa, size / 2, GM_PAGE_SIZE);
	gm_fixture_convert(w, GFN(w->gpa), PAGES(size), true);
	gm_guest_touch(w->vm, 0, w->gpa, size, GM_PAGE_SIZE);
	during = unevictable();
	gm_fixture_free(w);
	after = unevictable();
	/* The per-CPU counter may be off by some pages, but far less than a quarter. */
	if (during - before <= (long)size / 2 || after - before >= (long)size / 4)
		gm_require_quiet(unevictable, size / 8);
	GM_SETUP(during - before > (long)size / 2,
		 "private pages are not counted: %ld bytes, then %ld", before, during);
	GM_EXPECT(
		after - before < (long)size / 4,
		"%ld bytes unevictable before, %ld with %lu private, %ld after: expected about as before",
		before, during, size, after);
}
