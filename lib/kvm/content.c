// SPDX-License-Identifier: GPL-2.0-only
/* Writes and checks the content of pages, by the guest and by the host. */
#include "vm.h"

#define WORDS (GM_PAGE_SIZE / 8)

static const char *writer_name(enum gm_writer writer)
{
	return gm_word_str(gm_word(0, writer, 0, 0));
}

/* Checks the result of a check operation of the guest. */
static bool check_result(struct gm_vm *vm, unsigned int v, const struct gm_op *op, const char *when)
{
	struct gm_page page = gm_vm_page(vm, op->bad_addr & ~(GM_PAGE_SIZE - 1));

	return GM_EXPECT_AT(
		&page, !op->bad,
		"%s: vCPU %u read %lu wrong words of %lu, the first at %#lx: expected %s, observed %s",
		when, v, op->bad, op->nr * WORDS, op->bad_addr, gm_word_str(op->expected),
		gm_word_str(op->observed));
}

void gm_guest_fill(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
		   enum gm_writer writer, unsigned int gen)
{
	struct gm_op op = {
		.code = GM_OP_FILL, .addr = gpa, .nr = npages, .writer = writer, .gen = gen
	};

	gm_run(vm, v, &op, 1);
}

bool gm_guest_check(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
		    enum gm_writer writer, unsigned int gen, const char *when)
{
	struct gm_op op = {
		.code = GM_OP_CHECK, .addr = gpa, .nr = npages, .writer = writer, .gen = gen
	};

	gm_run(vm, v, &op, 1);
	return check_result(vm, v, &op, when);
}

bool gm_guest_check_zero(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
			 const char *when)
{
	struct gm_op op = { .code = GM_OP_CHECK_ZERO, .addr = gpa, .nr = npages };

	gm_run(vm, v, &op, 1);
	return check_result(vm, v, &op, when);
}

void gm_guest_touch(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t len, uint64_t stride)
{
	struct gm_op op = {
		.code = GM_OP_TOUCH_R, .addr = gpa, .nr = (len + stride - 1) / stride, .val = stride
	};

	gm_run(vm, v, &op, 1);
}

void gm_guest_convert(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
		      bool to_private)
{
	struct gm_op op = { .code = GM_OP_MAP_GPA,
			    .addr = gpa,
			    .nr = npages,
			    .val = to_private ? GM_MAP_PRIVATE : GM_MAP_SHARED };
	struct gm_page page = gm_vm_page(vm, gpa);

	gm_run(vm, v, &op, 1);
	GM_EXPECT_AT(&page, op.ret == 0,
		     "conversion of %lu pages to %s: the guest got %ld (%s), expected 0", npages,
		     to_private ? "private" : "shared", op.ret,
		     op.ret < 0 ? gm_errno_name(-op.ret) : "");
}

bool gm_guest_expect_fault(struct gm_vm *vm, unsigned int v, uint64_t gpa, bool write,
			   uint64_t flags, uint64_t size, const char *when)
{
	struct gm_op op = { .code = write ? GM_OP_WRITE : GM_OP_READ, .addr = gpa, .val = 1 };
	struct gm_page page = gm_vm_page(vm, gpa & ~(GM_PAGE_SIZE - 1));
	struct gm_exit ex;

	if (!GM_EXPECT_AT(&page, !__gm_run(vm, v, &op, 1, &ex, NULL),
			  "%s: the guest's %s succeeded, expected KVM_EXIT_MEMORY_FAULT", when,
			  write ? "write" : "read"))
		return false;
	return GM_EXPECT_AT(
		&page,
		ex.ret == -1 && ex.err == EFAULT && ex.reason == KVM_EXIT_MEMORY_FAULT &&
			ex.fault.flags == flags && ex.fault.gpa == (gpa & ~(size - 1)) &&
			ex.fault.size == size,
		"%s: expected exit %u (KVM_EXIT_MEMORY_FAULT), KVM_RUN -1 EFAULT, gpa %#lx, size %#lx, flags %#lx, observed %s",
		when, KVM_EXIT_MEMORY_FAULT, gpa & ~(size - 1), size, flags, gm_exit_str(&ex));
}

void gm_host_fill(void *hva, uint64_t gfn, uint64_t npages, enum gm_writer writer, unsigned int gen)
{
	volatile uint64_t *w = hva;

	for (uint64_t i = 0; i < npages * WORDS; i++)
		w[i] = gm_word(gfn + i / WORDS, writer, gen, i % WORDS);
}

/* zero: expects zeros, and writer and gen are not used. */
static bool host_compare(const void *hva, uint64_t gfn, uint64_t npages, bool zero,
			 enum gm_writer writer, unsigned int gen, const char *when)
{
	const volatile uint64_t *w = hva;
	uint64_t bad = 0, first = 0, expected = 0, observed = 0;

	for (uint64_t i = 0; i < npages * WORDS; i++) {
		uint64_t want = zero ? 0 : gm_word(gfn + i / WORDS, writer, gen, i % WORDS);
		uint64_t got = w[i];

		if (got != want && !bad++) {
			first = i;
			expected = want;
			observed = got;
		}
	}
	return GM_EXPECT_AT(
		GM_PAGE(.hva = GM_AT((uintptr_t)hva + first * 8),
			.gpa = { (gfn + first / WORDS) * GM_PAGE_SIZE, !zero }),
		!bad,
		"%s: the host read %lu wrong words of %lu (%s), the first is word %lu: expected %s, observed %s",
		when, bad, npages * WORDS, writer_name(writer), first % WORDS,
		gm_word_str(expected), gm_word_str(observed));
}

bool gm_host_check(const void *hva, uint64_t gfn, uint64_t npages, enum gm_writer writer,
		   unsigned int gen, const char *when)
{
	return host_compare(hva, gfn, npages, false, writer, gen, when);
}

bool gm_host_check_zero(const void *hva, uint64_t npages, const char *when)
{
	return host_compare(hva, 0, npages, true, GM_WRITER_NONE, 0, when);
}

bool gm_prove_same_page(struct gm_vm *vm, unsigned int v, uint64_t gpa, void *hva)
{
	static _Atomic uint64_t fresh = 0x1234567;
	volatile uint64_t *w = hva;
	struct gm_page page = gm_vm_page(vm, gpa);
	uint64_t old = *w, nonce = gm_word(gpa / GM_PAGE_SIZE, GM_WRITER_HOST, ++fresh, 0);
	struct gm_op op[] = {
		{ .code = GM_OP_READ, .addr = gpa },
		{ .code = GM_OP_WRITE, .addr = gpa, .val = ~nonce },
	};
	bool ok;

	page.hva = GM_AT((uintptr_t)hva);
	*w = nonce;
	gm_run(vm, v, op, 2);
	ok = GM_EXPECT_AT(&page, op[0].val == nonce,
			  "not the same page: the host wrote %#lx, the guest read %#lx", nonce,
			  op[0].val);
	ok &= GM_EXPECT_AT(&page, *w == ~nonce,
			   "not the same page: the guest wrote %#lx, the host read %#lx", ~nonce,
			   *w);
	*w = old;
	return ok;
}
