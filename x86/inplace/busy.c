// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conversion to private of a page in use: EAGAIN with its offset, all or nothing; the range is
 * unmapped from the host also then. conv.inplace_busy, conv.inplace_error_offset,
 * conv.inplace_unmaps.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "inplace.h"
#include "iommu.h"

GM_FILE(.provider = GM_PROVIDER_INPLACE, .profile = "P3", .needs = IP_NEEDS)

#define NPAGES 256UL
#define SIZE (NPAGES * PG)

/* Pages in use, and the ranges to convert meanwhile. */
struct plan {
	const char *name;
	uint64_t held[5];
	size_t nr;
	struct {
		uint64_t page, n;
		long busy; /* the page in error_offset; -1: the range is free */
	} range[8];
};

static const struct plan first_page = {
	.name = "first",
	.held = { 0 },
	.nr = 1,
	.range = { { 0, NPAGES, 0 }, { 0, 1, 0 }, { 0, 2, 0 }, { 1, NPAGES - 1, -1 } },
};

static const struct plan last_page = {
	.name = "last",
	.held = { NPAGES - 1 },
	.nr = 1,
	.range = { { 0, NPAGES, NPAGES - 1 },
		   { NPAGES - 1, 1, NPAGES - 1 },
		   { NPAGES - 2, 2, NPAGES - 1 },
		   { 0, NPAGES - 1, -1 } },
};

static const struct plan middle = {
	.name = "middle",
	.held = { 100 },
	.nr = 1,
	.range = { { 0, NPAGES, 100 },
		   { 100, 1, 100 },
		   { 100, 2, 100 },
		   { 99, 2, 100 },
		   { 37, 64, 100 },
		   { 100, NPAGES - 100, 100 },
		   { 0, 100, -1 },
		   { 101, NPAGES - 101, -1 } },
};

static const struct plan several = {
	.name = "several",
	.held = { 200, 7, 64, 65, 255 },
	.nr = 5,
	.range = { { 0, NPAGES, 7 },
		   { 8, NPAGES - 8, 64 },
		   { 65, NPAGES - 65, 65 },
		   { 66, NPAGES - 66, 200 },
		   { 201, NPAGES - 201, 255 },
		   { 8, 56, -1 },
		   { 66, 134, -1 } },
};

/* An XArray node has 64 slots, so page 64 is the first of the second node. */
static const struct plan node_border = {
	.name = "node_border",
	.held = { 63, 64, 127, 128 },
	.nr = 4,
	.range = { { 0, NPAGES, 63 },
		   { 64, 64, 64 },
		   { 65, 100, 127 },
		   { 128, 1, 128 },
		   { 129, 127, -1 },
		   { 0, 63, -1 } },
};

/* Maps every shared page in the host's page tables. Returns their number. */
static uint64_t map_all(struct gm_fixture *w)
{
	uint64_t word, mapped = 0;

	for (uint64_t i = 0; i < NPAGES; i++)
		mapped += ip_load(w->hva + i * PG, &word);
	return mapped;
}

static void expect_unmapped(struct gm_fixture *w, uint64_t page, uint64_t n, uint64_t others)
{
	GM_EXPECT_EQ(ip_nr_present(w, page, n), 0,
		     "pages of %lu+%lu, refused to private, in the host's page tables", page, n);
	GM_EXPECT_EQ(ip_nr_present(w, 0, page) + ip_nr_present(w, page + n, NPAGES - page - n),
		     others, "pages outside %lu+%lu in the host's page tables", page, n);
}

/* Number of shared pages outside the range, which the host has mapped. */
static uint64_t outside(struct gm_fixture *w, uint64_t page, uint64_t n)
{
	uint64_t shared = 0;

	for (uint64_t i = 0; i < NPAGES; i++)
		shared += (i < page || i >= page + n) && !gm_model_private(w->model, ip_gfn(w, i));
	return shared;
}

/* Makes every third page private, except pages in use, which must be shared. */
static void stripes(struct gm_fixture *w, const struct plan *p)
{
	ip_all_shared(w);
	for (uint64_t i = 1; i < NPAGES; i += 3) {
		bool held = false;

		for (size_t k = 0; k < p->nr; k++)
			held |= p->held[k] == i;
		if (!held)
			gm_fixture_convert(w, ip_gfn(w, i), 1, true);
	}
}

struct busy_case {
	const struct plan *plan;
	bool mixed; /* every third page is private already */
	bool private_first;
};

GM_CASES(where, struct busy_case, v)
{
	const struct plan *p = v->plan;
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	struct ip_hold h;

	if (v->mixed)
		stripes(w, p);
	else
		ip_all_shared(w);
	ip_take(&h, &ip_gup_write, w, p->held, p->nr);
	for (int i = 0; i < 8 && p->range[i].n; i++) {
		uint64_t page = p->range[i].page, n = p->range[i].n;

		map_all(w);
		if (p->range[i].busy < 0) {
			if (ip_convert(w, page, n, true, "without the page in use"))
				ip_convert(w, page, n, false, "without the page in use");
			/* The next range works in any state. */
			continue;
		}
		ip_expect_busy(w, page, n, p->range[i].busy, p->name);
		expect_unmapped(w, page, n, outside(w, page, n));
		ip_expect_state(w, 0, NPAGES, "after EAGAIN");
	}
	ip_expect_all(w, "pages in use");
	ip_drop(&h);
	ip_convert(w, 0, NPAGES, true, "after the release");
	ip_expect_all(w, "private");
	ip_convert(w, 0, NPAGES, false, "back");
	ip_expect_all(w, "shared again");
	gm_fixture_free(w);
}
GM_ROW(where, where_first, .name = "conv.inplace_error_offset.first_page",
       .clause = "conv.inplace_error_offset", .text = "the first page of the file in use",
       .needs = GM_NEEDS(GUP_TEST)) = { .plan = &first_page };
GM_ROW(where, where_last, .name = "conv.inplace_error_offset.last_page",
       .clause = "conv.inplace_error_offset", .text = "the last page of the file in use",
       .needs = GM_NEEDS(GUP_TEST)) = { .plan = &last_page };
GM_ROW(where, where_middle, .name = "conv.inplace_error_offset.middle",
       .clause = "conv.inplace_error_offset",
       .text = "a page in use, ranges that begin before, at and after it",
       .needs = GM_NEEDS(GUP_TEST)) = { .plan = &middle };
GM_ROW(where, where_middle_mixed, .name = "conv.inplace_error_offset.middle.mixed",
       .clause = "conv.inplace_error_offset", .text = "the same, every third page private already",
       .needs = GM_NEEDS(GUP_TEST)) = { .plan = &middle, .mixed = true };
GM_ROW(where, where_several, .name = "conv.inplace_error_offset.several",
       .clause = "conv.inplace_error_offset",
       .text = "five pages in use: error_offset is the first in the range",
       .needs = GM_NEEDS(GUP_TEST)) = { .plan = &several };
GM_ROW(where, where_several_mixed, .name = "conv.inplace_error_offset.several.mixed",
       .clause = "conv.inplace_error_offset", .text = "the same, every third page private already",
       .needs = GM_NEEDS(GUP_TEST)) = { .plan = &several, .mixed = true };
GM_ROW(where, where_several_private, .name = "conv.inplace_error_offset.several.private_first",
       .clause = "conv.inplace_error_offset",
       .text = "five pages in use in a file that started private",
       .needs = GM_NEEDS(GUP_TEST)) = { .plan = &several, .private_first = true };
GM_ROW(where, where_node, .name = "conv.inplace_error_offset.node_borders",
       .clause = "conv.inplace_error_offset",
       .text = "pages in use on both sides of multiples of 64",
       .needs = GM_NEEDS(GUP_TEST)) = { .plan = &node_border };

struct held_by {
	const struct ip_holder *holder;
};

GM_CASES(holder, struct held_by, v)
{
	static const uint64_t page[] = { 9, 10, 77 };
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct ip_hold h;

	ip_all_shared(w);
	for (int turn = 0; turn < 2; turn++) {
		ip_take(&h, v->holder, w, page, 3);
		map_all(w);
		ip_expect_busy(w, 0, NPAGES, 9, h.by->name);
		ip_expect_busy(w, 10, 1, 10, h.by->name);
		ip_expect_busy(w, 11, NPAGES - 11, 77, h.by->name);
		ip_convert(w, 11, 66, true, "between the pages in use");
		ip_expect_busy(w, 10, 90, 10, h.by->name);
		ip_expect_all(w, "while they are in use");
		ip_drop(&h);
		ip_convert(w, 0, NPAGES, true, "after the release");
		ip_expect_all(w, "private");
		ip_convert(w, 0, NPAGES, false, "back");
	}
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}
GM_ROW(holder, holder_gup_read, .name = "conv.inplace_busy.pin_read", .clause = "conv.inplace_busy",
       .text = "a long-term pin for reading",
       .needs = GM_NEEDS(GUP_TEST)) = { .holder = &ip_gup_read };
GM_ROW(holder, holder_gup_write, .name = "conv.inplace_busy.pin_write",
       .clause = "conv.inplace_busy", .text = "a long-term pin for writing",
       .needs = GM_NEEDS(GUP_TEST)) = { .holder = &ip_gup_write };
GM_ROW(holder, holder_gup_fast, .name = "conv.inplace_busy.pin_fast", .clause = "conv.inplace_busy",
       .text = "a long-term pin by GUP-fast",
       .needs = GM_NEEDS(GUP_TEST)) = { .holder = &ip_gup_fast };
GM_ROW(holder, holder_io_uring, .name = "conv.inplace_busy.io_uring", .clause = "conv.inplace_busy",
       .text = "a registered buffer of io_uring", .needs = GM_NEEDS(IO_URING),
       .caps = GM_CAPS(CAP_IPC_LOCK)) = { .holder = &ip_io_uring };
GM_ROW(holder, holder_iommufd, .name = "conv.inplace_busy.iommufd", .clause = "conv.inplace_busy",
       .text = "a device's page table, mapped by address", .needs = GM_NEEDS(IOMMUFD, IOMMUFD_TEST),
       .caps = GM_CAPS(CAP_IPC_LOCK), .tokens = GM_TOKEN_IOMMU) = { .holder = &ip_iommufd };

GM_CASE(piped, .name = "conv.inplace_busy.pipe", .clause = "conv.inplace_busy",
	.text = "a page in a pipe: in use if the pipe has the page itself, not a copy")
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	uint64_t page = 33, word = 0, written;
	struct ip_hold h;
	int ret, err;

	ip_all_shared(w);
	for (int turn = 0; turn < 2; turn++) {
		struct gm_memory_attributes2 arg = ip_arg(0, SIZE, true);

		ip_take(&h, &ip_vmsplice, w, &page, 1);
		/* A pipe with a copy does not get this word. */
		gm_fixture_host_write(w, ip_gfn(w, page), 1);
		written = *(volatile uint64_t *)(w->hva + page * PG);
		ret = ip_set(w->gmem, &arg);
		err = errno;
		GM_SETUP(read(h.fd[0], &word, 8) == 8, "the pipe is empty");
		if (word == written)
			GM_EXPECT(ret && err == EAGAIN && arg.error_offset == page * PG,
				  "a page in a pipe: expected EAGAIN at %#lx, observed %s at %#lx",
				  page * PG, ret ? gm_errno_name(err) : "success",
				  arg.error_offset);
		else
			GM_EXPECT(!ret, "the pipe has a copy: expected success, observed %s",
				  gm_errno_name(err));
		if (!ret)
			gm_model_convert(w->model, GFN(w->gpa), NPAGES, true);
		ip_expect_all(w, "with the pipe");
		ip_drop(&h);
		ip_convert(w, 0, NPAGES, true, "without the pipe");
		ip_convert(w, 0, NPAGES, false, "back");
	}
	gm_fixture_free(w);
}

IP_CASES(again, v, "conv.inplace_busy.retry",
	 "refused twenty times, released, then the retry succeeds", .clause = "conv.inplace_busy",
	 .needs = GM_NEEDS(GUP_TEST))
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	uint64_t page = 200;
	struct ip_hold h;

	ip_striped(w);
	for (int turn = 0; turn < 3; turn++) {
		page = turn * 99;
		gm_fixture_convert(w, ip_gfn(w, page), 1, false);
		ip_take(&h, &ip_gup_read, w, &page, 1);
		for (int i = 0; i < 20; i++)
			if (!ip_expect_busy(w, 0, NPAGES, page, "repeatedly"))
				break;
		ip_expect_all(w, "after the refusals");
		ip_drop(&h);
		ip_convert(w, 0, NPAGES, true, "released");
		ip_expect_all(w, "private");
		ip_convert(w, turn * 40, 100, false, "a part back");
	}
	gm_fixture_free(w);
}

GM_CASE(writes, .name = "conv.inplace_busy.holder_writes", .clause = "conv.inplace_busy",
	.text = "a device writes its page while the conversion is refused: the content stays after the conversion",
	.needs = GM_NEEDS(GMEM_GUP, IOMMUFD, IOMMUFD_TEST), .caps = GM_CAPS(CAP_IPC_LOCK),
	.tokens = GM_TOKEN_IOMMU)
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct gm_iommu *iommu = gm_iommu_new(GM_IOMMU_MOCK);
	uint32_t ioas = gm_ioas_new(iommu);
	struct gm_iodev *dev = gm_iodev_new(iommu, ioas);
	uint64_t iova = GM_ANY_IOVA, page = 17, words[GM_PAGE_WORDS];

	ip_all_shared(w);
	GM_GRANTED(!__gm_map_hva(iommu, ioas, w->hva + page * PG, 2 * PG, &iova, GM_RW),
		   "IOMMU_IOAS_MAP: %s", gm_errno_name(errno));
	ip_expect_busy(w, 0, NPAGES, page, "mapped for a device");
	for (unsigned int i = 0; i < GM_PAGE_WORDS; i++)
		words[i] = gm_word(ip_gfn(w, page), GM_WRITER_DEVICE, 99, i);
	GM_EXPECT_OK(__gm_dma_write(dev, iova, words, PG));
	gm_model_host_wrote(w->model, ip_gfn(w, page), 1, GM_WRITER_DEVICE, 99);
	ip_expect_all(w, "written by the device");
	ip_expect_busy(w, page, 1, page, "written by the device");
	gm_unmap(iommu, ioas, iova, 2 * PG);
	ip_convert(w, 0, NPAGES, true, "unmapped");
	ip_expect_all(w, "private");
	gm_iodev_free(dev);
	gm_iommu_free(iommu);
	gm_fixture_free(w);
}

/* --- conv.inplace_argument --- */

GM_CASE(read_only, .name = "conv.inplace_argument.read_only", .clause = "conv.inplace_argument",
	.text = "an argument that cannot be written: 0 on success, EFAULT instead of EAGAIN",
	.needs = GM_NEEDS(GUP_TEST), .flags = GM_REFUSAL)
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct gm_memory_attributes2 *arg =
		mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct gm_memory_attributes2 was;
	uint64_t page = 50;
	struct ip_hold h;

	GM_SETUP(arg != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	ip_all_shared(w);
	*arg = was = ip_arg(0, SIZE, true);
	GM_SETUP_OK(mprotect(arg, PG, PROT_READ));
	ip_take(&h, &ip_gup_read, w, &page, 1);
	map_all(w);
	GM_EXPECT_ERRNO(EFAULT, ip_set(w->gmem, arg), "a page in use");
	expect_unmapped(w, 0, NPAGES, 0);
	ip_expect_all(w, "after the refusal");
	ip_drop(&h);
	gm_promise(!ip_set(w->gmem, arg), "after the release: %s", gm_errno_name(errno));
	gm_model_convert(w->model, GFN(w->gpa), NPAGES, true);
	GM_EXPECT(!memcmp(arg, &was, sizeof(was)), "a read-only argument changed");
	ip_expect_all(w, "private");
	gm_promise(!ip_set(w->gmem, arg), "private pages to private: %s", gm_errno_name(errno));
	gm_fixture_free(w);
	munmap(arg, PG);
}

GM_CASE(unwritten, .name = "conv.inplace_argument.unwritten", .clause = "conv.inplace_argument",
	.text = "success writes no field of the argument")
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);

	ip_all_shared(w);
	for (int i = 0; i < 8; i++) {
		/* Some conversions have no effect, since the pages have that state already. */
		struct gm_memory_attributes2 was = ip_arg(i * PG, PG * (i + 1), !(i & 2)), arg;

		was.error_offset = 0x5a5a5a5a5a5a5a5aUL + i;
		arg = was;
		GM_EXPECT_OK(ip_set(w->gmem, &arg));
		GM_EXPECT(!memcmp(&arg, &was, sizeof(was)), "conversion %d wrote the argument", i);
	}
	gm_fixture_free(w);
}

/* --- conv.inplace_unmaps --- */

/* A mapping of a part of the file in this process. */
struct view {
	uint8_t *at;
	uint64_t first, n; /* pages */
	int prot;
};

static void view_open(struct gm_fixture *w, struct view *v)
{
	uint64_t word;

	v->at = mmap(NULL, v->n * PG, v->prot, MAP_SHARED, w->gmem, v->first * PG);
	GM_SETUP(v->at != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	for (uint64_t i = 0; i < v->n; i++)
		GM_SETUP(ip_load(v->at + i * PG, &word), "page %lu is not shared", v->first + i);
}

static uint64_t view_present(const struct view *v, uint64_t page, uint64_t n, bool inside)
{
	uint64_t present = 0;

	for (uint64_t i = 0; i < v->n; i++) {
		bool in = v->first + i >= page && v->first + i < page + n;

		if (in == inside)
			present += ip_present(v->at + i * PG);
	}
	return present;
}

GM_CASE(all_views, .name = "conv.inplace_unmaps.each_mapping", .clause = "conv.inplace_unmaps",
	.text = "mappings of the whole file, of parts, read-only and in a child: all lose exactly the range")
{
	struct view view[] = {
		{ .first = 0, .n = NPAGES, .prot = PROT_READ },
		{ .first = 100, .n = 8, .prot = PROT_READ | PROT_WRITE },
		{ .first = 90, .n = 20, .prot = PROT_READ },
		{ .first = 103, .n = 1, .prot = PROT_READ | PROT_WRITE },
		{ .first = 120, .n = 50, .prot = PROT_READ | PROT_WRITE },
	};
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	uint64_t page = 101, n = 7, word, left = 0;
	int go[2], ready[2], status;
	char c;
	pid_t pid;

	ip_all_shared(w);
	map_all(w);
	for (size_t i = 0; i < sizeof(view) / sizeof(view[0]); i++)
		view_open(w, &view[i]);
	GM_SETUP_OK(pipe(go));
	GM_SETUP_OK(pipe(ready));
	pid = GM_SETUP_OK(fork());
	if (!pid) {
		bool all = map_all(w) == NPAGES && write(ready[1], "x", 1) == 1 &&
			   read(go[0], &c, 1) == 1;

		_exit(!all					  ? 99
		      : ip_nr_present(w, page, n)		  ? 1
		      : ip_load(w->hva + page * PG, &word)	  ? 2
		      : ip_nr_present(w, 0, NPAGES) != NPAGES - n ? 3
								  : 0);
	}
	GM_SETUP(read(ready[0], &c, 1) == 1, "the child ended early");
	ip_convert(w, page, n, true, "mapped six times");
	expect_unmapped(w, page, n, NPAGES - n);
	for (size_t i = 0; i < sizeof(view) / sizeof(view[0]); i++) {
		const struct view *v = &view[i];
		uint64_t from = v->first > page ? v->first : page;
		uint64_t to = v->first + v->n < page + n ? v->first + v->n : page + n;

		left = v->n - (to > from ? to - from : 0);
		GM_EXPECT_EQ(view_present(v, page, n, true), 0,
			     "pages of the range still in mapping %zu", i);
		GM_EXPECT_EQ(view_present(v, page, n, false), left,
			     "pages outside the range in mapping %zu", i);
		munmap(v->at, v->n * PG);
	}
	GM_SETUP(write(go[1], "x", 1) == 1, "the child has exited");
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_SETUP(!WIFEXITED(status) || WEXITSTATUS(status) != 99, "the child could not map it");
	GM_EXPECT(
		WIFEXITED(status) && !WEXITSTATUS(status),
		"a child that had the range mapped: status %#x (1: still in page tables, 2: a load succeeds, 3: other pages are unmapped)",
		status);
	for (int i = 0; i < 2; i++) {
		close(go[i]);
		close(ready[i]);
	}
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}

/* The mapping is also memory of an ordinary VM, where KVM follows the host's page tables. */
GM_CASE(other_vm, .name = "conv.inplace_unmaps.guest_of_a_mapping", .clause = "conv.inplace_unmaps",
	.needs = GM_NEEDS(GMEM_GUP),
	.text = "another VM has the mapping as its memory: private pages are unmapped from it, too")
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1, .extra_pages = 4);
	uint64_t page = 40, gpa = GM_BASE + page * PG;
	struct gm_op op;
	struct gm_exit ex;

	ip_all_shared(w);
	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, SIZE, w->hva, -1, 0);
	gm_vm_map(vm, GM_BASE, GM_2M, PG);
	gm_guest_touch(vm, 0, GM_BASE, SIZE, PG);
	gm_prove_same_page(w->vm, 0, w->gpa + page * PG, w->hva + page * PG);
	ip_convert(w, page, 1, true, "mapped in another VM");
	for (int write = 0; write < 2; write++) {
		op = (struct gm_op){ .code = write ? GM_OP_WRITE : GM_OP_READ, .addr = gpa };
		GM_EXPECT(!__gm_run(vm, 0, &op, 1, &ex, NULL) && ex.ret && ex.err == EFAULT,
			  "another VM's %s: expected EFAULT, observed %s", write ? "write" : "read",
			  ex.ret ? gm_exit_str(&ex) : gm_word_str(op.val));
	}
	ip_expect_all(w, "after the other VM's accesses");
	/* The other pages stay, and the page is back when it is shared. */
	gm_guest_touch(vm, 0, GM_BASE, page * PG, PG);
	gm_guest_touch(vm, 0, gpa + PG, SIZE - (page + 1) * PG, PG);
	ip_convert(w, page, 1, false, "back");
	gm_guest_touch(vm, 0, gpa, PG, PG);
	gm_vm_free(vm);
	gm_fixture_free(w);
}

GM_CASE(mlocked, .name = "conv.inplace_mlocked.locked", .clause = "conv.inplace_mlocked",
	.needs = GM_NEEDS(GMEM_GUP),
	.text = "shared pages in an mlock()ed mapping can be converted",
	.caps = GM_CAPS(CAP_IPC_LOCK))
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);

	ip_all_shared(w);
	GM_SETUP_OK(mlock(w->hva, SIZE));
	ip_convert(w, 100, 1, true, "locked");
	ip_convert(w, 0, NPAGES / 2, true, "locked");
	expect_unmapped(w, 0, NPAGES / 2, NPAGES / 2);
	ip_expect_all(w, "half private");
	GM_EXPECT_ERRNO(ENOMEM, mlock(w->hva, SIZE), "with private pages in it");
	ip_convert(w, 0, NPAGES, true, "all of it");
	GM_EXPECT_ERRNO(ENOMEM, mlock(w->hva, PG), "a private page");
	ip_convert(w, 0, NPAGES, false, "back");
	ip_expect_all(w, "shared again");
	GM_SETUP_OK(munlock(w->hva, SIZE));
	ip_convert(w, 0, NPAGES, true, "unlocked");
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}
