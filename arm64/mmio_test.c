// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an arm64 guest gets back from accesses beside memory: every width, zero- and sign-extended,
 * into W and X registers and the zero register. Forms without a valid syndrome (pairs, and those
 * that change their address) are for user space: conv.mmio.
 */
#include "gm.h"

GM_FILE(.clause = "conv.mmio", .profile = "P1", .needs = GM_NEEDS(GMEM_MMAP))

#define SEED 0xa5c3f10e9687b42dUL
#define DEVICE 64U /* bytes of the device at each place */

/* --- guest code --- */

/* A load into register `n`, which held SEED; r is W or X. */
#define LOAD(n, tag, insn, r)                                                                      \
	static uint64_t load_##n##_##tag(uint64_t at, uint64_t unused, uint64_t nr)                \
	{                                                                                          \
		uint64_t val;                                                                      \
		asm volatile("mov x" #n ", %[seed]\n\t" insn " " r #n ", [%[at]]\n\t"              \
			     "mov %[val], x" #n                                                    \
			     : [val] "=&r"(val)                                                    \
			     : [at] "r"(at), [seed] "r"(SEED)                                      \
			     : "x" #n, "memory");                                                  \
		return val;                                                                        \
	}
#define STORE(n, tag, insn, r)                                                                     \
	static uint64_t store_##n##_##tag(uint64_t at, uint64_t unused, uint64_t nr)               \
	{                                                                                          \
		asm volatile("mov x" #n ", %[seed]\n\t" insn " " r #n ", [%[at]]"                  \
			     :                                                                     \
			     : [at] "r"(at), [seed] "r"(SEED)                                      \
			     : "x" #n, "memory");                                                  \
		return 0;                                                                          \
	}
#define CODE(n)                                                                                    \
	LOAD(n, b4, "ldrb", "w")                                                                   \
	LOAD(n, h4, "ldrh", "w")                                                                   \
	LOAD(n, w4, "ldr", "w")                                                                    \
	LOAD(n, x8, "ldr", "x")                                                                    \
	LOAD(n, sb4, "ldrsb", "w")                                                                 \
	LOAD(n, sb8, "ldrsb", "x")                                                                 \
	LOAD(n, sh4, "ldrsh", "w")                                                                 \
	LOAD(n, sh8, "ldrsh", "x")                                                                 \
	LOAD(n, sw8, "ldrsw", "x")                                                                 \
	LOAD(n, ub4, "ldurb", "w")                                                                 \
	LOAD(n, ar4, "ldar", "w")                                                                  \
	LOAD(n, ar8, "ldar", "x")                                                                  \
	STORE(n, b, "strb", "w")                                                                   \
	STORE(n, h, "strh", "w")                                                                   \
	STORE(n, w, "str", "w")                                                                    \
	STORE(n, x, "str", "x")                                                                    \
	STORE(n, lr, "stlr", "x")

#define REGISTERS(X) X(0) X(1) X(7) X(8) X(16) X(17) X(20) X(28) X(30)

REGISTERS(CODE)

/* X30 has SEED, so that it shows if it is taken for the zero register. */
#define ZERO(name, insn, r)                                                                        \
	static uint64_t zero_##name(uint64_t at, uint64_t unused, uint64_t nr)                     \
	{                                                                                          \
		uint64_t val;                                                                      \
		asm volatile("mov x30, %[seed]\n\t" insn " " r "zr, [%[at]]\n\t"                   \
			     "eor %[val], x30, %[seed]"                                            \
			     : [val] "=&r"(val)                                                    \
			     : [at] "r"(at), [seed] "r"(SEED)                                      \
			     : "x30", "memory");                                                   \
		return val;                                                                        \
	}
ZERO(load_b, "ldrb", "w")
ZERO(load_w, "ldr", "w")
ZERO(load_x, "ldr", "x")
ZERO(load_sw, "ldrsw", "x")
ZERO(store_b, "strb", "w")
ZERO(store_h, "strh", "w")
ZERO(store_w, "str", "w")
ZERO(store_x, "str", "x")

/* --- the table --- */

struct access {
	const char *name;
	uint64_t (*fn)(uint64_t at, uint64_t unused, uint64_t nr);
	unsigned int width;
	bool write, zero;
	unsigned int into; /* bytes of the register that a load sets: 4 clears the others */
	bool sign;
};

#define LOAD_ROW(n, tag, size, reg, is_signed)                                                     \
	{ .name = "load " #tag " " #n,                                                             \
	  .fn = load_##n##_##tag,                                                                  \
	  .width = (size),                                                                         \
	  .into = (reg),                                                                           \
	  .sign = (is_signed) },
#define STORE_ROW(n, tag, size)                                                                    \
	{ .name = "store " #tag " " #n, .fn = store_##n##_##tag, .width = (size), .write = true },
#define ROWS(n)                                                                                    \
	LOAD_ROW(n, b4, 1, 4, false)                                                               \
	LOAD_ROW(n, h4, 2, 4, false)                                                               \
	LOAD_ROW(n, w4, 4, 4, false)                                                               \
	LOAD_ROW(n, x8, 8, 8, false)                                                               \
	LOAD_ROW(n, sb4, 1, 4, true)                                                               \
	LOAD_ROW(n, sb8, 1, 8, true)                                                               \
	LOAD_ROW(n, sh4, 2, 4, true)                                                               \
	LOAD_ROW(n, sh8, 2, 8, true)                                                               \
	LOAD_ROW(n, sw8, 4, 8, true)                                                               \
	LOAD_ROW(n, ub4, 1, 4, false)                                                              \
	LOAD_ROW(n, ar4, 4, 4, false)                                                              \
	LOAD_ROW(n, ar8, 8, 8, false)                                                              \
	STORE_ROW(n, b, 1)                                                                         \
	STORE_ROW(n, h, 2)                                                                         \
	STORE_ROW(n, w, 4)                                                                         \
	STORE_ROW(n, x, 8)                                                                         \
	STORE_ROW(n, lr, 8)
#define ZERO_ROW(insn, size, is_write)                                                             \
	{ .name = #insn " zr",                                                                     \
	  .fn = zero_##insn,                                                                       \
	  .width = (size),                                                                         \
	  .write = (is_write),                                                                     \
	  .zero = true },

static const struct access accesses[] = {
	/* clang-format off */
	REGISTERS(ROWS)
	ZERO_ROW(load_b, 1, false)
	ZERO_ROW(load_w, 4, false)
	ZERO_ROW(load_x, 8, false)
	ZERO_ROW(load_sw, 4, false)
	ZERO_ROW(store_b, 1, true)
	ZERO_ROW(store_h, 2, true)
	ZERO_ROW(store_w, 4, true)
	ZERO_ROW(store_x, 8, true)
	/* clang-format on */
};

struct device {
	uint64_t gpa;
	uint8_t data[DEVICE];
	unsigned int exits, len;
	uint64_t at;
	bool write;
};

static bool on_exit_device(struct gm_vm *vm, unsigned int vcpu, const struct gm_exit *ex)
{
	struct device *d = vm->user;
	struct kvm_run *run = vm->vcpu[vcpu]->run;
	uint64_t off = run->mmio.phys_addr - d->gpa;

	if (ex->ret || ex->reason != KVM_EXIT_MMIO || off >= DEVICE || run->mmio.len > DEVICE - off)
		return false;
	d->exits++;
	d->at = run->mmio.phys_addr;
	d->len = run->mmio.len;
	d->write = run->mmio.is_write;
	if (d->write)
		memcpy(d->data + off, run->mmio.data, d->len);
	else
		memcpy(run->mmio.data, d->data + off, d->len);
	return true;
}

static uint64_t loaded(const struct access *a, const uint8_t *from)
{
	uint64_t val = 0;

	memcpy(&val, from, a->width);
	if (a->sign && val >> (8 * a->width - 1))
		val |= ~0UL << 8 * a->width;
	return a->into == 4 ? (uint32_t)val : val;
}

static void try(struct gm_vm *vm, struct device *d, struct gm_rng *rng, const struct access *a,
		uint64_t off, const char *place)
{
	struct gm_op op = { .code = GM_OP_CALL, .addr = (uintptr_t)a->fn, .val = d->gpa + off };
	uint64_t stored = a->zero ? 0 : SEED, want = 0;
	uint8_t before[DEVICE];
	struct gm_exit ex;

	for (unsigned int i = 0; i < DEVICE; i++)
		d->data[i] = before[i] = gm_rng_below(rng, 256);
	d->exits = 0;
	if (!__gm_run(vm, 0, &op, 1, &ex, NULL)) {
		GM_FAIL("%s, %s: %s", a->name, place, gm_exit_str(&ex));
		return;
	}
	GM_EXPECT(d->exits == 1 && d->at == d->gpa + off && d->len == a->width &&
			  d->write == a->write,
		  "%s, %s: %u exits, the last a %s of %u bytes at %#lx", a->name, place, d->exits,
		  d->write ? "write" : "read", d->len, d->at);
	if (a->write)
		memcpy(before + off, &stored, a->width);
	else if (!a->zero)
		want = loaded(a, before + off);
	GM_EXPECT(!memcmp(before, d->data, DEVICE), "%s, %s: the device has other bytes", a->name,
		  place);
	GM_EXPECT((uint64_t)op.ret == want, "%s, %s: expected %#lx, observed %#lx", a->name, place,
		  want, (uint64_t)op.ret);
}

/* A VM with a slot on a file at GM_BASE, and guest mappings of the pages around it. */
static struct gm_vm *vm_beside(int *gmem, struct device *d)
{
	struct gm_vm *vm = GM_VM_NEW(.vcpus = 1, .extra_pages = 16, .on_exit = on_exit_device);

	vm->user = d;
	*gmem = gm_gmem_new(vm, 2 * GM_PAGE_SIZE, GUEST_MEMFD_FLAG_MMAP);
	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, 2 * GM_PAGE_SIZE, NULL, *gmem, 0);
	gm_vm_map(vm, GM_BASE - GM_PAGE_SIZE, 8 * GM_PAGE_SIZE, GM_PAGE_SIZE);
	gm_vm_map(vm, GM_BASE + GM_1G, GM_PAGE_SIZE, GM_PAGE_SIZE);
	return vm;
}

GM_CASE(registers, .name = "conv.mmio.registers",
	.text = "loads and stores of every width into W, X and zero registers: below, above and far from a slot, and where one was")
{
	const struct {
		const char *name;
		uint64_t gpa;
	} place[] = {
		{ "below the slot", GM_BASE - DEVICE },
		{ "above the slot", GM_BASE + 2 * GM_PAGE_SIZE },
		{ "far from the slot", GM_BASE + GM_1G },
		{ "where the slot was", GM_BASE },
	};
	struct device d = { .exits = 0 };
	struct gm_rng rng;
	struct gm_vm *vm;
	int gmem;

	vm = vm_beside(&gmem, &d);
	gm_rng_init(&rng, gm_seed());
	gm_guest_touch(vm, 0, GM_BASE, 2 * GM_PAGE_SIZE, GM_PAGE_SIZE);
	for (unsigned int p = 0; p < ARRAY_SIZE(place) && !gm_failures(); p++) {
		if (p == 3)
			gm_slot_delete(vm, GM_SLOT);
		d.gpa = place[p].gpa;
		for (unsigned int i = 0; i < ARRAY_SIZE(accesses); i++) {
			/* The first and the last bytes of the device's page. */
			try(vm, &d, &rng, &accesses[i], 0, place[p].name);
			try(vm, &d, &rng, &accesses[i], DEVICE - accesses[i].width, place[p].name);
		}
	}
	/* The slot comes back: memory again. */
	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, 2 * GM_PAGE_SIZE, NULL, gmem, 0);
	d.exits = 0;
	gm_guest_fill(vm, 0, GM_BASE, 2, GM_WRITER_SHARED, 1);
	gm_guest_check(vm, 0, GM_BASE, 2, GM_WRITER_SHARED, 1, "the slot came back");
	GM_EXPECT_EQ(d.exits, 0, "MMIO exits with the slot");
	gm_vm_free(vm);
	close(gmem);
}

/* --- forms without a valid syndrome --- */

#define ODD(name, text)                                                                            \
	static uint64_t odd_##name(uint64_t at, uint64_t unused, uint64_t nr)                      \
	{                                                                                          \
		uint64_t p = at;                                                                   \
		asm volatile(text : "+r"(p) : : "x3", "x4", "memory");                             \
		return p - at;                                                                     \
	}
ODD(pair_load, "ldp x3, x4, [%0]")
ODD(pair_store, "stp x3, x4, [%0]")
ODD(pair_words, "ldp w3, w4, [%0]")
ODD(post_load, "ldr x3, [%0], #8")
ODD(post_store, "str x3, [%0], #8")
ODD(pre_load, "ldr x3, [%0, #8]!")
ODD(pre_store, "strb w3, [%0, #1]!")

static const struct {
	const char *name;
	uint64_t (*fn)(uint64_t at, uint64_t unused, uint64_t nr);
	uint64_t off; /* of the access */
	bool write;
} odd[] = {
	{ "LDP", odd_pair_load, 0, false },
	{ "STP", odd_pair_store, 0, true },
	{ "LDP of words", odd_pair_words, 0, false },
	{ "LDR post-index", odd_post_load, 0, false },
	{ "STR post-index", odd_post_store, 0, true },
	{ "LDR pre-index", odd_pre_load, 8, false },
	{ "STRB pre-index", odd_pre_store, 1, true },
};

#define ISS_WNR (1UL << 6)

static bool no_exit(struct gm_vm *vm, unsigned int vcpu, const struct gm_exit *ex)
{
	return false;
}

GM_CASE(no_syndrome, .name = "conv.mmio.no_syndrome", .flags = GM_REFUSAL,
	.text = "pairs, pre- and post-index forms beside memory: ENOSYS, and KVM_EXIT_ARM_NISV with the address once user space asks for it")
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_NISV_TO_USER };

	for (int asked = 0; asked < 2; asked++) {
		struct device d = { .gpa = GM_BASE + 2 * GM_PAGE_SIZE };
		struct gm_exit ex;
		struct gm_vm *vm;
		int gmem;

		vm = vm_beside(&gmem, &d);
		if (asked)
			GM_SETUP_OK(ioctl(vm->kvm->fd, KVM_ENABLE_CAP, &cap));
		for (unsigned int i = 0; i < ARRAY_SIZE(odd); i++) {
			uint64_t at = d.gpa + 16;
			struct gm_op op = { .code = GM_OP_CALL,
					    .addr = (uintptr_t)odd[i].fn,
					    .val = at };
			struct kvm_run *run = vm->vcpu[0]->run;
			bool whole;

			vm->args.on_exit = no_exit;
			whole = __gm_run(vm, 0, &op, 1, &ex, NULL);
			vm->args.on_exit = on_exit_device;
			if (!asked) {
				GM_EXPECT(!whole && ex.ret && ex.err == ENOSYS,
					  "%s: expected ENOSYS, observed %s", odd[i].name,
					  gm_exit_str(&ex));
				continue;
			}
			GM_EXPECT(!whole && !ex.ret && ex.reason == KVM_EXIT_ARM_NISV,
				  "%s: expected KVM_EXIT_ARM_NISV, observed %s", odd[i].name,
				  gm_exit_str(&ex));
			GM_EXPECT((run->arm_nisv.fault_ipa & ~0xfffULL) == (at & ~0xfffUL),
				  "%s: fault_ipa %#llx, expected the page of %#lx", odd[i].name,
				  run->arm_nisv.fault_ipa, at + odd[i].off);
			GM_EXPECT(!!(run->arm_nisv.esr_iss & ISS_WNR) == odd[i].write,
				  "%s: ESR_ISS %#llx: the direction", odd[i].name,
				  run->arm_nisv.esr_iss);
		}
		/* In memory the same forms are no exit. */
		for (unsigned int i = 0; i < ARRAY_SIZE(odd); i++) {
			struct gm_op op = { .code = GM_OP_CALL,
					    .addr = (uintptr_t)odd[i].fn,
					    .val = GM_BASE + 16 };

			gm_control(__gm_run(vm, 0, &op, 1, &ex, NULL), "%s in memory: %s",
				   odd[i].name, gm_exit_str(&ex));
		}
		gm_vm_free(vm);
		close(gmem);
	}
}
