// SPDX-License-Identifier: GPL-2.0-only
/* Loads, stores, read-modify-writes and string instructions of every width. Runs inside the VM. */
#include "insn.h"

/* --- into and from every register --- */

#define LOAD(reg, tag, insn, dst)                                                                  \
	static uint64_t load_##reg##_##tag(uint64_t at, uint64_t out, uint64_t n)                  \
	{                                                                                          \
		uint64_t r;                                                                        \
		asm volatile("mov %[seed], %%" #reg "\n\t" insn " (%[at]), %%" dst "\n\t"          \
			     "mov %%" #reg ", %[r]"                                                \
			     : [r] "=&r"(r)                                                        \
			     : [at] "r"(at), [seed] "r"(INSN_SEED)                                 \
			     : #reg, "memory");                                                    \
		*(volatile uint64_t *)out = r;                                                     \
		return r;                                                                          \
	}

#define STORE(reg, tag, insn, src)                                                                 \
	static uint64_t store_##reg##_##tag(uint64_t at, uint64_t out, uint64_t n)                 \
	{                                                                                          \
		asm volatile("mov %[seed], %%" #reg "\n\t" insn " %%" src ", (%[at])"              \
			     :                                                                     \
			     : [at] "r"(at), [seed] "r"(INSN_SEED)                                 \
			     : #reg, "memory");                                                    \
		return 0;                                                                          \
	}

#define CODE(r, e, w, b)                                                                           \
	LOAD(r, b1, "movb", b)                                                                     \
	LOAD(r, w2, "movw", w)                                                                     \
	LOAD(r, l4, "movl", e)                                                                     \
	LOAD(r, q8, "movq", #r)                                                                    \
	LOAD(r, zb2, "movzbw", w)                                                                  \
	LOAD(r, zb4, "movzbl", e)                                                                  \
	LOAD(r, zb8, "movzbq", #r)                                                                 \
	LOAD(r, zw4, "movzwl", e)                                                                  \
	LOAD(r, zw8, "movzwq", #r)                                                                 \
	LOAD(r, sb2, "movsbw", w)                                                                  \
	LOAD(r, sb4, "movsbl", e)                                                                  \
	LOAD(r, sb8, "movsbq", #r)                                                                 \
	LOAD(r, sw4, "movswl", e)                                                                  \
	LOAD(r, sw8, "movswq", #r)                                                                 \
	LOAD(r, sl8, "movslq", #r)                                                                 \
	STORE(r, b1, "movb", b)                                                                    \
	STORE(r, w2, "movw", w)                                                                    \
	STORE(r, l4, "movl", e)                                                                    \
	STORE(r, q8, "movq", #r)

#define REGISTERS(X)                                                                               \
	X(rax, "eax", "ax", "al")                                                                  \
	X(rbx, "ebx", "bx", "bl")                                                                  \
	X(rcx, "ecx", "cx", "cl")                                                                  \
	X(rdx, "edx", "dx", "dl")                                                                  \
	X(rsi, "esi", "si", "sil")                                                                 \
	X(rdi, "edi", "di", "dil")                                                                 \
	X(r8, "r8d", "r8w", "r8b")                                                                 \
	X(r9, "r9d", "r9w", "r9b")                                                                 \
	X(r10, "r10d", "r10w", "r10b")                                                             \
	X(r11, "r11d", "r11w", "r11b")                                                             \
	X(r12, "r12d", "r12w", "r12b")                                                             \
	X(r13, "r13d", "r13w", "r13b")                                                             \
	X(r14, "r14d", "r14w", "r14b")                                                             \
	X(r15, "r15d", "r15w", "r15b")

REGISTERS(CODE)

/* --- one instruction each; the flags that all of them define are a result, too --- */

/* CF, ZF, SF, OF. */
#define FLAGS 0x8c1UL

#define PLAIN(name, text, ...)                                                                     \
	static uint64_t plain_##name(uint64_t at, uint64_t out, uint64_t n)                        \
	{                                                                                          \
		uint64_t a = INSN_SEED, d = ~INSN_SEED, flags;                                     \
		asm volatile("test %%rcx, %%rcx\n\t" text "\n\t"                                   \
			     "pushfq\n\t"                                                          \
			     "pop %[flags]"                                                        \
			     : "+a"(a), "+d"(d), [flags] "=&r"(flags)                              \
			     : "S"(at), "c"(out)                                                   \
			     : "memory", "cc", ##__VA_ARGS__);                                     \
		((volatile uint64_t *)out)[0] = a;                                                 \
		((volatile uint64_t *)out)[1] = d;                                                 \
		((volatile uint64_t *)out)[2] = flags & FLAGS;                                     \
		return 0;                                                                          \
	}

PLAIN(load_ah, "movb (%%rsi), %%ah")
PLAIN(load_dh, "movb (%%rsi), %%dh")
PLAIN(store_ah, "movb %%ah, (%%rsi)")
PLAIN(imm1, "movb $0x85, (%%rsi)")
PLAIN(imm2, "movw $0x8365, (%%rsi)")
PLAIN(imm4, "movl $0x81234567, (%%rsi)")
PLAIN(imm8, "movq $-0x7edcba99, (%%rsi)")
PLAIN(movnti4, "movnti %%eax, (%%rsi)")
PLAIN(movnti8, "movnti %%rax, (%%rsi)")
PLAIN(xchg1, "xchgb %%al, (%%rsi)")
PLAIN(xchg2, "xchgw %%ax, (%%rsi)")
PLAIN(xchg4, "xchgl %%eax, (%%rsi)")
PLAIN(xchg8, "xchgq %%rax, (%%rsi)")
PLAIN(add1, "addb %%al, (%%rsi)")
PLAIN(add2, "addw %%ax, (%%rsi)")
PLAIN(add4, "addl %%eax, (%%rsi)")
PLAIN(add8, "addq %%rax, (%%rsi)")
PLAIN(sub8, "subq %%rax, (%%rsi)")
PLAIN(and4, "andl %%eax, (%%rsi)")
PLAIN(or2, "orw %%ax, (%%rsi)")
PLAIN(xor1, "xorb %%al, (%%rsi)")
PLAIN(not8, "notq (%%rsi)")
PLAIN(neg4, "negl (%%rsi)")
PLAIN(inc2, "clc\n\tincw (%%rsi)")
PLAIN(dec1, "clc\n\tdecb (%%rsi)")
PLAIN(lock_add4, "lock addl %%eax, (%%rsi)")
PLAIN(lock_inc8, "clc\n\tlock incq (%%rsi)")
PLAIN(xadd4, "xaddl %%eax, (%%rsi)")
PLAIN(xadd8, "lock xaddq %%rax, (%%rsi)")
PLAIN(cmpxchg4, "cmpxchgl %%edx, (%%rsi)")
PLAIN(cmpxchg8, "lock cmpxchgq %%rdx, (%%rsi)")
PLAIN(add_to1, "addb (%%rsi), %%al")
PLAIN(add_to2, "addw (%%rsi), %%ax")
PLAIN(add_to4, "addl (%%rsi), %%eax")
PLAIN(add_to8, "addq (%%rsi), %%rax")
PLAIN(cmp1, "cmpb $0x80, (%%rsi)")
PLAIN(cmp4, "cmpl %%eax, (%%rsi)")
PLAIN(cmp8, "cmpq (%%rsi), %%rax")
PLAIN(test4, "testl %%eax, (%%rsi)")
PLAIN(imul8, "imulq (%%rsi), %%rax\n\ttest %%rax, %%rax")
PLAIN(push8, "pushq (%%rsi)\n\tpop %%rax")
PLAIN(pop8, "push %%rax\n\tpopq (%%rsi)")
PLAIN(shl4, "movl (%%rsi), %%eax\n\tsarl $1, %%eax")
PLAIN(cmov8, "cmp %%eax, %%eax\n\tcmovzq (%%rsi), %%rax")
PLAIN(setc1, "stc\n\tsetc (%%rsi)")
PLAIN(movdqu, "movdqu (%%rsi), %%xmm1\n\tmovdqu %%xmm1, 0x200(%%rcx)", "xmm1")
PLAIN(movups_to, "movups 0x240(%%rcx), %%xmm2\n\tmovups %%xmm2, (%%rsi)", "xmm2")

/* --- string instructions between memory and the buffer, up and down --- */

#define STRING(name, from, to, dir, text)                                                          \
	static uint64_t string_##name(uint64_t at, uint64_t out, uint64_t n)                       \
	{                                                                                          \
		uint64_t src = (from), dst = (to), count = n, a = INSN_SEED, flags;                \
		asm volatile(dir "\n\t" text "\n\t"                                                \
				 "pushfq\n\t"                                                      \
				 "pop %[flags]\n\t"                                                \
				 "cld"                                                             \
			     : "+S"(src), "+D"(dst), "+c"(count), "+a"(a), [flags] "=&r"(flags)    \
			     :                                                                     \
			     : "memory", "cc");                                                    \
		((volatile uint64_t *)out)[0] = a;                                                 \
		((volatile uint64_t *)out)[1] = src - (from);                                      \
		((volatile uint64_t *)out)[2] = dst - (to);                                        \
		((volatile uint64_t *)out)[3] = count;                                             \
		return 0;                                                                          \
	}

#define BUF (out + INSN_BUF)
/* The middle of the buffer, for the ways down. */
#define MID (out + INSN_BUF + INSN_BUF_SIZE / 2)

STRING(movsb_in, at, BUF, "cld", "rep movsb")
STRING(movsw_in, at, BUF, "cld", "rep movsw")
STRING(movsl_in, at, BUF, "cld", "rep movsl")
STRING(movsq_in, at, BUF, "cld", "rep movsq")
STRING(movsb_out, BUF, at, "cld", "rep movsb")
STRING(movsw_out, BUF, at, "cld", "rep movsw")
STRING(movsl_out, BUF, at, "cld", "rep movsl")
STRING(movsq_out, BUF, at, "cld", "rep movsq")
STRING(movsb_down, at, MID, "std", "rep movsb")
STRING(movsl_down, MID, at, "std", "rep movsl")
STRING(movsw_both, at, at + INSN_SECOND, "cld", "rep movsw")
STRING(movsq_both, at, at + INSN_SECOND, "cld", "rep movsq")
STRING(stosb, BUF, at, "cld", "rep stosb")
STRING(stosw, BUF, at, "cld", "rep stosw")
STRING(stosl, BUF, at, "cld", "rep stosl")
STRING(stosq, BUF, at, "std", "rep stosq")
STRING(lodsb, at, BUF, "cld", "lodsb")
STRING(lodsw, at, BUF, "cld", "lodsw")
STRING(lodsl, at, BUF, "cld", "lodsl")
STRING(lodsq, at, BUF, "std", "lodsq")

/* --- the table --- */

#define LOAD_ROW(r, tag, size, dst, is_signed)                                                     \
	{ .name = "load " #tag " " #r,                                                             \
	  .fn = load_##r##_##tag,                                                                  \
	  .width = (size),                                                                         \
	  .access = INSN_READS,                                                                    \
	  .into = (dst),                                                                           \
	  .sign = (is_signed) },
#define STORE_ROW(r, tag, size)                                                                    \
	{ .name = "store " #tag " " #r,                                                            \
	  .fn = store_##r##_##tag,                                                                 \
	  .width = (size),                                                                         \
	  .access = INSN_WRITES },
#define REGISTER_ROWS(r, e, w, b)                                                                  \
	LOAD_ROW(r, b1, 1, 1, false)                                                               \
	LOAD_ROW(r, w2, 2, 2, false)                                                               \
	LOAD_ROW(r, l4, 4, 4, false)                                                               \
	LOAD_ROW(r, q8, 8, 8, false)                                                               \
	LOAD_ROW(r, zb2, 1, 2, false)                                                              \
	LOAD_ROW(r, zb4, 1, 4, false)                                                              \
	LOAD_ROW(r, zb8, 1, 8, false)                                                              \
	LOAD_ROW(r, zw4, 2, 4, false)                                                              \
	LOAD_ROW(r, zw8, 2, 8, false)                                                              \
	LOAD_ROW(r, sb2, 1, 2, true)                                                               \
	LOAD_ROW(r, sb4, 1, 4, true)                                                               \
	LOAD_ROW(r, sb8, 1, 8, true)                                                               \
	LOAD_ROW(r, sw4, 2, 4, true)                                                               \
	LOAD_ROW(r, sw8, 2, 8, true)                                                               \
	LOAD_ROW(r, sl8, 4, 8, true)                                                               \
	STORE_ROW(r, b1, 1)                                                                        \
	STORE_ROW(r, w2, 2)                                                                        \
	STORE_ROW(r, l4, 4)                                                                        \
	STORE_ROW(r, q8, 8)

#define PLAIN_ROW(insn, size, how)                                                                 \
	{                                                                                          \
		.name = #insn, .fn = plain_##insn, .width = (size), .access = (how)                \
	}
#define STRING_ROW(insn, size, how, n, ...)                                                        \
	{                                                                                          \
		.name = #insn, .fn = string_##insn, .width = (size), .access = (how), .nr = (n),   \
		##__VA_ARGS__                                                                      \
	}

const struct insn conv_insns[] = {
	/* clang-format off */
	REGISTERS(REGISTER_ROWS)
	/* clang-format on */
	PLAIN_ROW(load_ah, 1, INSN_READS),
	PLAIN_ROW(load_dh, 1, INSN_READS),
	PLAIN_ROW(store_ah, 1, INSN_WRITES),
	PLAIN_ROW(imm1, 1, INSN_WRITES),
	PLAIN_ROW(imm2, 2, INSN_WRITES),
	PLAIN_ROW(imm4, 4, INSN_WRITES),
	PLAIN_ROW(imm8, 8, INSN_WRITES),
	PLAIN_ROW(movnti4, 4, INSN_WRITES),
	PLAIN_ROW(movnti8, 8, INSN_WRITES),
	PLAIN_ROW(xchg1, 1, INSN_BOTH),
	PLAIN_ROW(xchg2, 2, INSN_BOTH),
	PLAIN_ROW(xchg4, 4, INSN_BOTH),
	PLAIN_ROW(xchg8, 8, INSN_BOTH),
	PLAIN_ROW(add1, 1, INSN_BOTH),
	PLAIN_ROW(add2, 2, INSN_BOTH),
	PLAIN_ROW(add4, 4, INSN_BOTH),
	PLAIN_ROW(add8, 8, INSN_BOTH),
	PLAIN_ROW(sub8, 8, INSN_BOTH),
	PLAIN_ROW(and4, 4, INSN_BOTH),
	PLAIN_ROW(or2, 2, INSN_BOTH),
	PLAIN_ROW(xor1, 1, INSN_BOTH),
	PLAIN_ROW(not8, 8, INSN_BOTH),
	PLAIN_ROW(neg4, 4, INSN_BOTH),
	PLAIN_ROW(inc2, 2, INSN_BOTH),
	PLAIN_ROW(dec1, 1, INSN_BOTH),
	PLAIN_ROW(lock_add4, 4, INSN_BOTH),
	PLAIN_ROW(lock_inc8, 8, INSN_BOTH),
	PLAIN_ROW(xadd4, 4, INSN_BOTH),
	PLAIN_ROW(xadd8, 8, INSN_BOTH),
	PLAIN_ROW(cmpxchg4, 4, INSN_BOTH),
	PLAIN_ROW(cmpxchg8, 8, INSN_BOTH),
	PLAIN_ROW(add_to1, 1, INSN_READS),
	PLAIN_ROW(add_to2, 2, INSN_READS),
	PLAIN_ROW(add_to4, 4, INSN_READS),
	PLAIN_ROW(add_to8, 8, INSN_READS),
	PLAIN_ROW(cmp1, 1, INSN_READS),
	PLAIN_ROW(cmp4, 4, INSN_READS),
	PLAIN_ROW(cmp8, 8, INSN_READS),
	PLAIN_ROW(test4, 4, INSN_READS),
	PLAIN_ROW(imul8, 8, INSN_READS),
	PLAIN_ROW(push8, 8, INSN_READS),
	PLAIN_ROW(pop8, 8, INSN_WRITES),
	PLAIN_ROW(shl4, 4, INSN_READS),
	PLAIN_ROW(cmov8, 8, INSN_READS),
	PLAIN_ROW(setc1, 1, INSN_WRITES),
	PLAIN_ROW(movdqu, 16, INSN_READS),
	PLAIN_ROW(movups_to, 16, INSN_WRITES),
	STRING_ROW(movsb_in, 1, INSN_READS, 9),
	STRING_ROW(movsw_in, 2, INSN_READS, 5),
	STRING_ROW(movsl_in, 4, INSN_READS, 4),
	STRING_ROW(movsq_in, 8, INSN_READS, 3),
	STRING_ROW(movsb_out, 1, INSN_WRITES, 9),
	STRING_ROW(movsw_out, 2, INSN_WRITES, 5),
	STRING_ROW(movsl_out, 4, INSN_WRITES, 4),
	STRING_ROW(movsq_out, 8, INSN_WRITES, 3),
	STRING_ROW(movsb_down, 1, INSN_READS, 7, .down = true),
	STRING_ROW(movsl_down, 4, INSN_WRITES, 4, .down = true),
	STRING_ROW(movsw_both, 2, INSN_BOTH, 5, .two = true),
	STRING_ROW(movsq_both, 8, INSN_BOTH, 3, .two = true),
	STRING_ROW(stosb, 1, INSN_WRITES, 9),
	STRING_ROW(stosw, 2, INSN_WRITES, 5),
	STRING_ROW(stosl, 4, INSN_WRITES, 4),
	STRING_ROW(stosq, 8, INSN_WRITES, 3, .down = true),
	STRING_ROW(lodsb, 1, INSN_READS, 1),
	STRING_ROW(lodsw, 2, INSN_READS, 1),
	STRING_ROW(lodsl, 4, INSN_READS, 1),
	STRING_ROW(lodsq, 8, INSN_READS, 1, .down = true),
};

const size_t conv_insns_nr = sizeof(conv_insns) / sizeof(conv_insns[0]);
