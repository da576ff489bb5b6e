// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest converts the page of its own stack, code or page table, and continues with the new memory
 * or, in place, with the same: conv.own_stack.
 */
#include <linux/kvm_para.h>

#include "conv.h"
#include "guest/guest.h"

GM_FILE(.clause = "conv.own_stack", .providers = GM_PROVIDERS_HUGE,
	.needs = GM_NEEDS(HYPERCALL_EXIT))

#define FROM_SHARED 0x1111aaaaUL
#define FROM_PRIVATE 0x2222bbbbUL

/* Returns the word popped after the conversion; all ones: the conversion was refused. */
static uint64_t push_convert_pop(uint64_t sp, uint64_t gpa, uint64_t attrs, uint64_t word)
{
	return gm_arch_guest_stack(sp, gpa, attrs, &word) ? ~0UL : word;
}

static uint64_t guest_stack(uint64_t sp, uint64_t attrs, uint64_t pushed)
{
	return push_convert_pop(sp, sp & ~4095UL, attrs, pushed);
}

static uint64_t call(struct gm_vm *vm, uint64_t (*fn)(uint64_t, uint64_t, uint64_t), uint64_t a,
		     uint64_t b, uint32_t c)
{
	struct gm_op op = {
		.code = GM_OP_CALL, .addr = (uintptr_t)fn, .val = a, .nr = b, .stride = c
	};

	gm_run(vm, 0, &op, 1);
	return op.ret;
}

static void put(struct gm_vm *vm, uint64_t gpa, uint64_t val)
{
	struct gm_op op = { .code = GM_OP_WRITE, .addr = gpa, .val = val };

	gm_run(vm, 0, &op, 1);
}

/* The last write to each memory of a page. */
struct held {
	bool one;
	uint64_t val[2]; /* [1]: private */
};

static uint64_t expected_after(const struct held *h, bool was_private)
{
	return h->val[h->one ? was_private : !was_private];
}

static void expect_host(struct gm_fixture *w, uint64_t gpa, bool private, uint64_t want)
{
	volatile uint64_t *word = (volatile uint64_t *)gm_hva(w->vm, gpa);

	if (w->provider->file_serves_shared)
		GM_EXPECT_EQ(gm_host_sees((void *)word), !private, "the host sees the page");
	if (!private)
		GM_EXPECT_EQ(*word, want, "what the host reads of the page");
}

GM_CASE(stack, .name = "conv.own_stack.stack",
	.text = "the page of its stack: the push goes to the old memory, the pop reads the new one")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	struct held h = { .one = gm_fixture_one_memory(w) };

	for (uint64_t at = 3; at < 512; at += 101) {
		uint64_t page = w->gpa + GPA(at), sp = page + 2048;

		gm_convert(w->vm, page, GM_PAGE_SIZE, true);
		h.val[1] = FROM_PRIVATE;
		put(w->vm, sp - 8, h.val[1]);
		gm_convert(w->vm, page, GM_PAGE_SIZE, false);
		for (int turn = 0; turn < 8; turn++) {
			bool private = turn & 1;

			h.val[private] = (private ? FROM_PRIVATE : FROM_SHARED) + turn;
			GM_EXPECT_EQ(call(w->vm, guest_stack, sp,
					  private ? GM_MAP_SHARED : GM_MAP_PRIVATE, h.val[private]),
				     expected_after(&h, private),
				     "popped after converting to %s, turn %d",
				     private ? "shared" : "private", turn);
			expect_host(w, sp - 8, !private, expected_after(&h, private));
		}
	}
	gm_fixture_free(w);
}

/* Takes its own gpa and attributes: converts itself and returns the constant after that. */
extern const uint8_t conv_own_code[], conv_own_call[], conv_own_imm[], conv_own_end[];
asm(".pushsection .rodata\n"
    "conv_own_code:\n\t"
    "push %rbx\n\t"
    "mov %rdi, %rbx\n\t"
    "mov %rsi, %rdx\n\t"
    "mov $1, %ecx\n\t"
    "mov $12, %eax\n" /* KVM_HC_MAP_GPA_RANGE */
    "conv_own_call:\n\t"
    "vmcall\n\t"
    "mov $0x77777777, %eax\n"
    "conv_own_imm:\n\t"
    "pop %rbx\n\t"
    "ret\n"
    "conv_own_end:\n"
    ".popsection");

static uint64_t guest_code(uint64_t code, uint64_t attrs, uint64_t unused)
{
	return ((uint64_t(*)(uint64_t, uint64_t))code)(code & ~4095UL, attrs);
}

/*
 * In place the request is out %al, $PORT; nop. To skip a hypercall KVM may have to read it again,
 * and cannot if the page is private (svm_skip_emulated_instruction() in arch/x86/kvm/svm/svm.c, on
 * processors without NRIPS).
 */
#define PORT 0x98

static void make_code(uint8_t *to, uint32_t constant, bool one)
{
	static const uint8_t out[] = { 0xe6, PORT, 0x90 };

	memcpy(to, conv_own_code, conv_own_end - conv_own_code);
	if (one)
		memcpy(to + (conv_own_call - conv_own_code), out, sizeof(out));
	else if (host_cpu_is_amd_compatible)
		to[conv_own_call - conv_own_code + 2] = 0xd9;
	memcpy(to + (conv_own_imm - conv_own_code) - 4, &constant, 4);
}

/* The guest writes the code to the memory that it sees. */
static void guest_put_code(struct gm_vm *vm, uint64_t gpa, uint32_t constant, bool one)
{
	struct gm_op op[16] = {};
	uint8_t code[8 * 16] = {};

	make_code(code, constant, one);
	for (unsigned int i = 0; i < 16; i++) {
		op[i].code = GM_OP_WRITE;
		op[i].addr = gpa + 8 * i;
		memcpy(&op[i].val, code + 8 * i, 8);
	}
	gm_run(vm, 0, op, 16);
}

static uint64_t run_code(struct gm_vm *vm, uint64_t code, bool to_private, bool one)
{
	uint64_t attrs = to_private ? GM_MAP_PRIVATE : GM_MAP_SHARED;
	struct gm_op op = {
		.code = GM_OP_CALL, .addr = (uintptr_t)guest_code, .val = code, .nr = attrs
	};
	struct gm_exit ex;

	if (!one)
		return call(vm, guest_code, code, attrs, 0);
	gm_post(vm, 0, &op, 1);
	GM_ASSERT(!gm_enter(vm, 0, &ex) && ex.reason == KVM_EXIT_IO &&
			  vm->vcpu[0]->run->io.port == PORT,
		  "expected an output to port %#x, observed %s", PORT, gm_exit_str(&ex));
	gm_convert(vm, code & -GM_PAGE_SIZE, GM_PAGE_SIZE, to_private);
	GM_ASSERT(!gm_enter(vm, 0, &ex) && gm_arch_is_yield(vm->vcpu[0]),
		  "after the conversion: %s", gm_exit_str(&ex));
	return vm->mbox[0].op[0].ret;
}

GM_CASE(code, .name = "conv.own_stack.next_instruction",
	.text = "the page of its code: the next instruction comes from the new memory")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .mem = GM_MEM_THP);
	struct held h = { .one = gm_fixture_one_memory(w) };

	for (uint64_t at = 0; at < 512; at += 73) {
		uint64_t page = w->gpa + GPA(at), code = page + 1024;

		gm_convert(w->vm, page, GM_PAGE_SIZE, true);
		h.val[1] = FROM_PRIVATE;
		guest_put_code(w->vm, code, h.val[1], h.one);
		gm_convert(w->vm, page, GM_PAGE_SIZE, false);
		for (int turn = 0; turn < 8; turn++) {
			bool private = turn & 1;

			h.val[private] = (private ? FROM_PRIVATE : FROM_SHARED) + turn;
			guest_put_code(w->vm, code, h.val[private], h.one);
			GM_EXPECT_EQ(run_code(w->vm, code, !private, h.one),
				     expected_after(&h, private),
				     "page %lu to %s, turn %d: the next instruction's constant", at,
				     private ? "shared" : "private", turn);
			if (h.one)
				GM_EXPECT_EQ(gm_host_sees(gm_hva(w->vm, page)), private,
					     "page %lu, turn %d: the host sees it", at, turn);
		}
	}
	gm_fixture_free(w);
}

/* A mapping above all other memory, whose last page table is in the fixture. */
#define WINDOW (GM_BASE + 64 * GM_1G)

static uint64_t *entry(struct kvm_vm *kvm, uint64_t gva, int wanted)
{
	uint64_t table = kvm->mmu.pgd, *pte = NULL;

	for (int level = kvm->mmu.pgtable_levels; level >= wanted; level--) {
		pte = (uint64_t *)addr_gpa2hva(kvm, table) + (gva >> (12 + 9 * (level - 1)) & 511);
		table = *pte & 0xffffffffff000UL;
	}
	return pte;
}

static uint64_t guest_table(uint64_t table, uint64_t attrs, uint64_t pushed)
{
	return push_convert_pop(WINDOW + 2048, table, attrs, pushed);
}

/* In place the table keeps its content, so the stack stays at the same page. */
static void same_table(struct gm_fixture *w, uint64_t table, uint64_t pte, uint64_t page[2])
{
	for (int turn = 0; turn < 8; turn++) {
		uint64_t at = page[turn >> 1 & 1], pushed = FROM_SHARED + turn;
		struct gm_op op[] = {
			{ .code = GM_OP_WRITE, .addr = table, .val = pte | at },
			{ .code = GM_OP_FLUSH_TLB, .addr = WINDOW },
		};

		gm_run(w->vm, 0, op, 2);
		GM_EXPECT_EQ(call(w->vm, guest_table, table,
				  turn & 1 ? GM_MAP_SHARED : GM_MAP_PRIVATE, pushed),
			     pushed, "popped after the table became %s, turn %d",
			     turn & 1 ? "shared" : "private", turn);
		/* The guest's processor set Accessed and Dirty. */
		expect_host(w, table, !(turn & 1), pte | at | 0x60);
		expect_host(w, at + 2040, false, pushed);
	}
}

GM_CASE(table, .name = "conv.own_stack.page_table",
	.text = "the page table of its stack: the stack is another page after the conversion")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .extra_pages = 8);
	uint64_t table = w->gpa + GPA(17), a = w->gpa + GPA(100), b = w->gpa + GPA(200), pte;

	virt_pg_map(w->vm->kvm, WINDOW, a);
	pte = *entry(w->vm->kvm, WINDOW, 1) & ~0xffffffffff000UL;
	/* The last table is in the fixture: it maps page a while shared, b while private. */
	*entry(w->vm->kvm, WINDOW, 2) =
		(*entry(w->vm->kvm, WINDOW, 2) & ~0xffffffffff000UL) | table;
	if (gm_fixture_one_memory(w)) {
		same_table(w, table, pte, (uint64_t[]){ a, b });
		gm_fixture_free(w);
		return;
	}
	put(w->vm, table, pte | a);
	gm_convert(w->vm, table, GM_PAGE_SIZE, true);
	put(w->vm, table, pte | b);
	gm_convert(w->vm, table, GM_PAGE_SIZE, false);
	put(w->vm, b + 2040, FROM_PRIVATE);
	for (int turn = 0; turn < 8; turn++) {
		GM_EXPECT_EQ(call(w->vm, guest_table, table, GM_MAP_PRIVATE, FROM_SHARED + turn),
			     FROM_PRIVATE + turn, "popped after the table became private, turn %d",
			     turn);
		GM_EXPECT_EQ(
			call(w->vm, guest_table, table, GM_MAP_SHARED, FROM_PRIVATE + turn + 1),
			FROM_SHARED + turn, "popped after the table became shared, turn %d", turn);
	}
	GM_EXPECT_EQ(*(volatile uint64_t *)gm_hva(w->vm, a + 2040), FROM_SHARED + 7, "page a");
	GM_EXPECT_EQ(*(volatile uint64_t *)gm_hva(w->vm, b + 2040), FROM_PRIVATE + 8, "page b");
	gm_fixture_free(w);
}
