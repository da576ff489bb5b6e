// SPDX-License-Identifier: GPL-2.0-only
/* A guest converts the page that it stands on, and goes on in the other half: conv.own_stack. */
#include <linux/kvm_para.h>

#include "conv.h"
#include "guest/guest.h"

#define OWN_CASE(fn, what, about, ...)                                                             \
	GM_CASE(fn, .name = "conv.own_stack." what, .clause = "conv.own_stack", .text = about,     \
		.profile = "P0", .needs = GM_NEEDS(ATTRIBUTES, HYPERCALL_EXIT), __VA_ARGS__)

#define FROM_SHARED 0x1111aaaaUL
#define FROM_PRIVATE 0x2222bbbbUL

/* What is popped after the conversion; all ones: it was refused. */
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

OWN_CASE(stack, "stack",
	 "the page under its stack: what it pushed stays behind, what it pops is the other half's")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);

	for (uint64_t at = 3; at < 512; at += 101) {
		uint64_t page = w->gpa + GPA(at), sp = page + 2048;

		gm_convert(w->vm, page, GM_PAGE_SIZE, true);
		put(w->vm, sp - 8, FROM_PRIVATE);
		gm_convert(w->vm, page, GM_PAGE_SIZE, false);
		for (int turn = 0; turn < 4; turn++) {
			GM_EXPECT_EQ(
				call(w->vm, guest_stack, sp, GM_MAP_PRIVATE, FROM_SHARED + turn),
				FROM_PRIVATE + turn, "popped after converting to private, turn %d",
				turn);
			GM_EXPECT_EQ(call(w->vm, guest_stack, sp, GM_MAP_SHARED,
					  FROM_PRIVATE + turn + 1),
				     FROM_SHARED + turn,
				     "popped after converting to shared, turn %d", turn);
			GM_EXPECT_EQ(*(volatile uint64_t *)gm_hva(w->vm, sp - 8),
				     FROM_SHARED + turn, "the shared half of the stack");
		}
	}
	gm_fixture_free(w);
}

/* gpa of its own page, attributes: converts itself and gives the constant that comes next. */
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

static void make_code(uint8_t *to, uint32_t constant)
{
	memcpy(to, conv_own_code, conv_own_end - conv_own_code);
	if (host_cpu_is_amd_compatible)
		to[conv_own_call - conv_own_code + 2] = 0xd9;
	memcpy(to + (conv_own_imm - conv_own_code) - 4, &constant, 4);
}

/* The guest writes the code into the half that it sees. */
static void guest_put_code(struct gm_vm *vm, uint64_t gpa, uint32_t constant)
{
	uint8_t code[256] = {};
	uint64_t word;

	make_code(code, constant);
	for (unsigned int i = 0; i < sizeof(code); i += 8) {
		memcpy(&word, code + i, 8);
		put(vm, gpa + i, word);
	}
}

OWN_CASE(code, "next_instruction", "the page of its code: the next instruction is the other half's")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .mem = GM_MEM_THP);

	for (uint64_t at = 0; at < 512; at += 73) {
		uint64_t page = w->gpa + GPA(at), code = page + 1024;

		gm_convert(w->vm, page, GM_PAGE_SIZE, true);
		guest_put_code(w->vm, code, FROM_PRIVATE);
		gm_convert(w->vm, page, GM_PAGE_SIZE, false);
		guest_put_code(w->vm, code, FROM_SHARED);
		for (int turn = 0; turn < 4; turn++) {
			GM_EXPECT_EQ(
				call(w->vm, guest_code, code, GM_MAP_PRIVATE, 0), FROM_PRIVATE,
				"page %lu to private, turn %d: the next instruction's constant", at,
				turn);
			GM_EXPECT_EQ(call(w->vm, guest_code, code, GM_MAP_SHARED, 0), FROM_SHARED,
				     "page %lu to shared, turn %d: the next instruction's constant",
				     at, turn);
		}
	}
	gm_fixture_free(w);
}

/* Where the window is: 1 GiB above everything else, its last page table inside the world. */
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

OWN_CASE(table, "page_table", "the page table under its stack: the stack is another page after")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .extra_pages = 8);
	uint64_t table = w->gpa + GPA(17), a = w->gpa + GPA(100), b = w->gpa + GPA(200), pte;

	virt_pg_map(w->vm->kvm, WINDOW, a);
	pte = *entry(w->vm->kvm, WINDOW, 1) & ~0xffffffffff000UL;
	/* The same entries, but the last table is the world's: page a when shared, b when private. */
	*entry(w->vm->kvm, WINDOW, 2) =
		(*entry(w->vm->kvm, WINDOW, 2) & ~0xffffffffff000UL) | table;
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
