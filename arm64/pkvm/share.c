// SPDX-License-Identifier: GPL-2.0-only
/* pkvm.share*: a share or unshare changes only its page, and keeps the content. */
#include "pkvm.h"

GM_FILE(.clause = "pkvm.share", .profile = "P2", .needs = GM_NEEDS(PROTECTED))

#define SPAN 512UL /* every page of 2 MiB */

struct memory {
	enum gm_mem_kind mem;
};

/* Each page, in a mixed order: shared, read by the host, written by the host, unshared. */
GM_CASES(every_offset, struct memory, v)
{
	/* Fewer pages if they are larger: they count against RLIMIT_MEMLOCK, usually 8 MiB. */
	const uint64_t span = GM_2M / PG;
	struct pvm *p = pvm_new(1, v->mem, span);
	uint64_t order[SPAN], page;

	for (uint64_t i = 0; i < span; i++)
		order[i] = i * 2 % (span - 1); /* first the even pages, then the odd ones */
	order[span - 1] = span - 1;
	gm_guest_fill(p->vm, 0, GM_BASE, span, GM_WRITER_PRIVATE, 1);
	for (uint64_t i = 0; i < span; i++) {
		page = order[i];
		pvm_expect_ret(pvm_share(p, 0, page), 0, page, "MEM_SHARE");
		pvm_expect_host(p, page, GM_WRITER_PRIVATE, 1, "after MEM_SHARE");
		if (page)
			pvm_expect_hidden(p, page - 1, "the page below a shared one");
		if (page + 1 < span)
			pvm_expect_hidden(p, page + 1, "the page above a shared one");
		gm_host_fill(pvm_hva(p, page), pvm_gpa(page) / PG, 1, GM_WRITER_HOST, 2);
		pvm_expect_ret(pvm_unshare(p, 0, page), 0, page, "MEM_UNSHARE");
		pvm_expect_hidden(p, page, "after MEM_UNSHARE");
		if (gm_failures() > 8)
			break;
	}
	gm_guest_check(p->vm, 0, GM_BASE, span, GM_WRITER_HOST, 2,
		       "words of the host from while the page was shared");
	pvm_free(p);
}

GM_ROW(every_offset, every_anon, .name = "pkvm.share.every_offset", .timeout = 120,
       .text = "each page of 2 MiB shared alone: the host can read it and not the pages next to it; unshared: hidden, content kept") = {
	.mem = GM_MEM_ANON,
};
GM_ROW(every_offset, every_thp, .name = "pkvm.page_4k.thp", .clause = "pkvm.page_4k",
       .needs = GM_NEEDS(THP), .timeout = 120, .flags = GM_FULL_ONLY,
       .text = "the same with a 2 MiB page of the host: its pages are donated and shared one by one") = {
	.mem = GM_MEM_THP,
};

GM_CASE(share_bulk, .name = "pkvm.share.bulk",
	.text = "ranges shared and unshared in bulk by two vCPUs: exactly these pages, also across their common border")
{
	struct pvm *p = pvm_new(2, GM_MEM_SHMEM, 64);

	gm_guest_fill(p->vm, 0, GM_BASE, 64, GM_WRITER_PRIVATE, 1);
	pvm_share_all(p, 0, 3, 30);
	pvm_share_all(p, 1, 33, 7);
	/* Backwards: shows a lookup that always finds the first page. */
	for (int page = 63; page >= 0; page--) {
		if (page >= 3 && page < 40)
			pvm_expect_host(p, page, GM_WRITER_PRIVATE, 1, "shared in bulk");
		else
			pvm_expect_hidden(p, page, "outside the shared ranges");
	}
	pvm_unshare_all(p, 1, 20, 20);
	for (int page = 63; page >= 0; page--) {
		if (page >= 3 && page < 20)
			pvm_expect_host(p, page, GM_WRITER_PRIVATE, 1, "still shared");
		else
			pvm_expect_hidden(p, page, "unshared by the other vCPU");
	}
	gm_guest_check(p->vm, 1, GM_BASE, 64, GM_WRITER_PRIVATE, 1,
		       "content after sharing in bulk");
	pvm_free(p);
}

GM_CASE(share_unmapped, .name = "pkvm.share_unmapped.first_touch", .clause = "pkvm.share_unmapped",
	.text = "MEM_SHARE of a page that the guest never accessed: 0, and it has what the host wrote")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 16);

	gm_host_fill(p->mem->hva, GM_BASE / PG, 16, GM_WRITER_HOST, 1);
	pvm_expect_ret(pvm_share(p, 0, 7), 0, 7, "MEM_SHARE of a page never touched");
	pvm_expect_host(p, 7, GM_WRITER_HOST, 1, "shared before its first touch");
	GM_EXPECT(gm_prove_same_page(p->vm, 0, pvm_gpa(7), pvm_hva(p, 7)), "one page");
	pvm_expect_ret(pvm_unshare(p, 0, 7), 0, 7, "MEM_UNSHARE");
	pvm_expect_hidden(p, 7, "after MEM_UNSHARE");
	/* No other page was donated. */
	pvm_expect_host(p, 6, GM_WRITER_HOST, 1, "the page below, which the guest never touched");
	pvm_expect_host(p, 8, GM_WRITER_HOST, 1, "the page above, which the guest never touched");
	gm_guest_check(p->vm, 0, GM_BASE, 16, GM_WRITER_HOST, 1, "the host's first words");
	pvm_free(p);
}

GM_CASE(share_same, .name = "pkvm.share.same_page",
	.text = "a shared page is the same page for both: each side reads the other's stores, word by word")
{
	struct pvm *p = pvm_new(2, GM_MEM_ANON, 8);

	pvm_share_all(p, 0, 0, 8);
	for (uint64_t page = 0; page < 8; page++)
		gm_prove_same_page(p->vm, page % 2, pvm_gpa(page), pvm_hva(p, page));
	gm_guest_fill(p->vm, 0, GM_BASE, 8, GM_WRITER_SHARED, 3);
	gm_host_check(p->mem->hva, GM_BASE / PG, 8, GM_WRITER_SHARED, 3, "the guest's words");
	gm_host_fill(p->mem->hva, GM_BASE / PG, 8, GM_WRITER_HOST, 4);
	gm_guest_check(p->vm, 1, GM_BASE, 8, GM_WRITER_HOST, 4, "the host's words");
	pvm_free(p);
}

/* Writes guest code that returns val to the page: movz x0, #val; ret */
static void put_code(struct pvm *p, uint64_t page, uint16_t val)
{
	uint32_t code[2] = { 0xd2800000 | (uint32_t)val << 5, 0xd65f03c0 };

	memcpy(pvm_hva(p, page), code, sizeof(code));
	__builtin___clear_cache((char *)pvm_hva(p, page), (char *)pvm_hva(p, page) + 8);
}

static void expect_code_returns(struct pvm *p, uint64_t page, uint16_t val, const char *when)
{
	struct gm_op op = { .code = GM_OP_EXEC, .addr = pvm_gpa(page) };
	struct gm_page at = gm_vm_page(p->vm, pvm_gpa(page));
	struct gm_exit ex = {};
	bool whole = __gm_run(p->vm, page % p->vm->vcpus, &op, 1, &ex, NULL);

	GM_EXPECT_AT(&at, whole && op.ret == val,
		     "%s: the guest calls its code: expected %u, observed %ld: %s", when, val,
		     op.ret, whole ? "" : gm_exit_str(&ex));
}

GM_CASE(share_exec, .name = "pkvm.share.code",
	.text = "code in a page runs before the page is shared, while it is (also new code of the host) and after")
{
	struct pvm *p = pvm_new(2, GM_MEM_ANON, 4);

	for (uint64_t page = 0; page < 4; page++) {
		put_code(p, page, 7 + page);
		expect_code_returns(p, page, 7 + page, "the guest's own page");
		pvm_expect_ret(pvm_share(p, 0, page), 0, page, "MEM_SHARE");
		expect_code_returns(p, page, 7 + page, "shared");
		put_code(p, page, 0x100 + page);
		expect_code_returns(p, page, 0x100 + page, "shared, with new code");
		pvm_expect_ret(pvm_unshare(p, 0, page), 0, page, "MEM_UNSHARE");
		expect_code_returns(p, page, 0x100 + page, "unshared");
	}
	pvm_free(p);
}

/* Calls with invalid arguments, and one that repeats the page's state (`shared`): all -3. */
static void bad_calls(struct pvm *p, uint64_t page, bool shared)
{
	uint64_t gpa = pvm_gpa(page);
	const struct {
		uint64_t nr;
		const char *name;
	} call[] = {
		{ GM_SMCCC_MEM_SHARE, "MEM_SHARE" },
		{ GM_SMCCC_MEM_UNSHARE, "MEM_UNSHARE" },
	};

	/* All in one run, as exits are slow. */
	for (unsigned int c = 0; c < 2; c++) {
		struct gm_op op[GM_MBOX_OPS] = {};
		unsigned int nr = 0;

		for (uint64_t off = 1; off < PG; off *= 2)
			op[nr++].addr = gpa + off;
		op[nr++].addr = gpa + PG - 1;
		for (unsigned int bit = 0; bit < 64; bit += 9) {
			op[nr].addr = gpa;
			op[nr++].nr = 1UL << bit;
			op[nr].addr = gpa;
			op[nr++].stride = 1U << bit / 2;
		}
		for (unsigned int i = 0; i < nr; i++) {
			op[i].code = GM_OP_HYPERCALL;
			op[i].val = call[c].nr;
		}
		gm_run(p->vm, 0, op, nr);
		for (unsigned int i = 0; i < nr; i++)
			GM_EXPECT_EQ(op[i].ret, INVALID_PARAMETER,
				     "%s at offset %#lx of a page, X2 = %#lx, X3 = %#x",
				     call[c].name, op[i].addr - gpa, op[i].nr, op[i].stride);
	}
	GM_EXPECT_EQ(pvm_call(p, 0, shared ? GM_SMCCC_MEM_SHARE : GM_SMCCC_MEM_UNSHARE, gpa, 0, 0),
		     INVALID_PARAMETER, "%s again", shared ? "MEM_SHARE" : "MEM_UNSHARE");
}

GM_CASE(share_args, .name = "pkvm.share_args.refused", .clause = "pkvm.share_args",
	.flags = GM_REFUSAL,
	.text = "unaligned addresses, reserved arguments, share twice, unshare of a page that is not shared: -3, state unchanged")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 8);

	gm_guest_fill(p->vm, 0, GM_BASE, 4, GM_WRITER_PRIVATE, 1);
	bad_calls(p, 2, false);
	pvm_expect_hidden(p, 2, "after refused calls");
	gm_promise(!pvm_share(p, 0, 2), "the page can be shared");
	bad_calls(p, 2, true);
	pvm_expect_host(p, 2, GM_WRITER_PRIVATE, 1, "after refused calls");
	gm_promise(!pvm_unshare(p, 0, 2), "the page can be unshared");
	bad_calls(p, 2, false);
	pvm_expect_hidden(p, 2, "after refused calls");
	/* The guest never accessed this page: it cannot be unshared, and must not be donated. */
	pvm_expect_ret(pvm_unshare(p, 0, 6), INVALID_PARAMETER, 6,
		       "MEM_UNSHARE of a page that was never accessed");
	GM_EXPECT(!pkvm_load(pvm_hva(p, 6)).signo, "the refused MEM_UNSHARE has donated the page");
	gm_guest_check(p->vm, 0, GM_BASE, 4, GM_WRITER_PRIVATE, 1, "after refused calls");
	pvm_free(p);
}

GM_CASE(no_exit, .name = "pkvm.no_exit.one_run", .clause = "pkvm.no_exit",
	.text = "shares and unshares do not exit to user space, also for a page that was never accessed")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 32);
	struct gm_op op[3] = {};
	unsigned int done;
	struct gm_exit ex;
	bool whole;

	gm_run(p->vm, 0, op, 1);
	for (int i = 0; i < 3; i++)
		op[i] = (struct gm_op){ .code = GM_OP_HYPERCALL,
					.addr = pvm_gpa(5),
					.val = i == 1 ? GM_SMCCC_MEM_UNSHARE : GM_SMCCC_MEM_SHARE };
	whole = __gm_run(p->vm, 0, op, 3, &ex, &done);
	GM_EXPECT(whole && done == 3,
		  "expected the first exit after 3 calls, observed it after %u: %s", done,
		  gm_exit_str(&ex));
	for (int i = 0; i < 3; i++)
		pvm_expect_ret(op[i].ret, 0, 5, i == 1 ? "MEM_UNSHARE" : "MEM_SHARE");
	pvm_free(p);
}
