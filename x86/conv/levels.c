// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots of one page as far apart as each level of page tables spans, at the very top of the guest's
 * physical addresses: made, touched, converted, holed, prefaulted and torn down in every order. Each
 * page keeps its own data and mapping, and without a slot its MMIO exit has all bits of its gpa:
 * conv.top.
 */
#include "conv.h"

GM_FILE(.clause = "conv.top", .providers = GM_PROVIDERS_X86,
	.needs = GM_NEEDS(TDP, PAGE_STATS, PREFAULT))

#define PG GM_PAGE_SIZE
#define MAX_PLACES 16
/* The guest's virtual addresses of the places: gpa may be no canonical address. */
#define GVA (1UL << 38)

struct top {
	struct gm_vm *vm;
	int gmem;
	uint8_t *map; /* of the file in place, else of the memory at userspace_addr */
	struct gm_mem *mem;
	uint64_t end; /* the first gpa that no slot can have */
	uint64_t gpa[MAX_PLACES];
	unsigned int nr;
	uint64_t val[2][MAX_PLACES]; /* shared and private content, see one_memory */
	bool private[MAX_PLACES], slot[MAX_PLACES];
	bool one_memory;
	struct gm_rng rng;
	unsigned int counter;
	uint64_t mmio_gpa, mmio_val;
	unsigned int mmio;
};

static uint64_t gva(unsigned int i)
{
	return GVA + i * GM_2M;
}

static bool on_exit_top(struct gm_vm *vm, unsigned int vcpu, const struct gm_exit *ex)
{
	struct top *t = vm->user;
	struct kvm_run *run = vm->vcpu[vcpu]->run;

	if (ex->ret || ex->reason != KVM_EXIT_MMIO)
		return false;
	t->mmio++;
	t->mmio_gpa = run->mmio.phys_addr;
	if (!run->mmio.is_write)
		memcpy(run->mmio.data, &t->mmio_val, 8);
	else
		memcpy(&t->mmio_val, run->mmio.data, 8);
	return true;
}

static uint64_t *content(struct top *t, unsigned int i)
{
	return &t->val[t->private[i] && !t->one_memory][i];
}

static void add_place(struct top *t, uint64_t gpa)
{
	/* Below are the framework's slots; one page of distance, so that slots do not touch. */
	if (gpa < GM_BASE || gpa >= t->end || t->nr == MAX_PLACES)
		return;
	for (unsigned int i = 0; i < t->nr; i++)
		if (t->gpa[i] == gpa)
			return;
	t->gpa[t->nr++] = gpa;
}

/* The order of this step. */
static const unsigned int *shuffled(struct top *t)
{
	static unsigned int order[MAX_PLACES];

	for (unsigned int i = 0; i < t->nr; i++) {
		unsigned int j = gm_rng_below(&t->rng, i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	return order;
}

static void set_slot(struct top *t, unsigned int i, bool there)
{
	if (there)
		gm_slot_set(t->vm, GM_SLOT + i, 0, t->gpa[i], PG, t->mem->hva + i * PG, t->gmem,
			    i * PG);
	else
		gm_slot_delete(t->vm, GM_SLOT + i);
	t->slot[i] = there;
}

static void read_one(struct top *t, unsigned int i, const char *when)
{
	struct gm_op op = { .code = GM_OP_READ, .addr = gva(i) + 8 * i };

	gm_run(t->vm, 0, &op, 1);
	GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(t->gpa[i]), .gva = GM_AT(gva(i))),
		     op.val == *content(t, i), "%s: %s page: expected %#lx, observed %#lx", when,
		     t->private[i] ? "private" : "shared", *content(t, i), op.val);
}

static void write_one(struct top *t, unsigned int i)
{
	struct gm_op op = { .code = GM_OP_WRITE, .addr = gva(i) + 8 * i };

	*content(t, i) = op.val = t->gpa[i] << 16 | ++t->counter;
	gm_run(t->vm, 0, &op, 1);
}

static void read_all(struct top *t, const char *when)
{
	for (unsigned int i = 0; i < t->nr; i++)
		if (t->slot[i])
			read_one(t, i, when);
	GM_EXPECT_EQ(t->mmio, 0, "%s: MMIO exits where there is memory, the last at %#lx", when,
		     t->mmio_gpa);
}

static uint64_t mapped(struct top *t)
{
	return gm_vm_stat(t->vm, "pages_4k");
}

/* Without a slot: an exit with exactly this gpa, again and again. */
static void expect_mmio(struct top *t, unsigned int i, const char *when)
{
	for (int write = 0; write < 3; write++) {
		struct gm_op op = { .code = write == 1 ? GM_OP_WRITE : GM_OP_READ,
				    .addr = gva(i) + 8 * i,
				    .val = t->gpa[i] + 5 };

		t->mmio = 0;
		t->mmio_val = ~t->gpa[i];
		gm_run(t->vm, 0, &op, 1);
		GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(t->gpa[i])),
			     t->mmio == 1 && t->mmio_gpa == t->gpa[i] + 8 * i &&
				     t->mmio_val == (write == 1 ? t->gpa[i] + 5 : ~t->gpa[i]) &&
				     (write == 1 || op.val == ~t->gpa[i]),
			     "%s: %u MMIO exits, the last at %#lx with %#lx, the guest has %#lx",
			     when, t->mmio, t->mmio_gpa, t->mmio_val, op.val);
	}
	t->mmio = 0;
}

static void convert_one(struct top *t, unsigned int i, bool private)
{
	gm_convert(t->vm, t->gpa[i], PG, private);
	t->private[i] = private;
}

/* All pages of the last 2 MiB in one call, up to the last legal page. */
static void convert_last(struct top *t, bool private)
{
	struct kvm_memory_attributes arg = { .address = t->end - GM_2M,
					     .size = GM_2M,
					     .attributes =
						     private ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0 };

	if (t->vm->provider->id != GM_PROVIDER_ATTRIBUTES)
		return;
	GM_EXPECT_OK(ioctl(t->vm->kvm->fd, KVM_SET_MEMORY_ATTRIBUTES, &arg), "the last 2 MiB");
	for (unsigned int i = 0; i < t->nr; i++)
		if (t->gpa[i] >= arg.address)
			t->private[i] = private;
}

static void round_trip(struct top *t)
{
	const unsigned int *order = shuffled(t);
	uint64_t base = mapped(t), gpa, size;

	for (unsigned int k = 0; k < t->nr; k++) {
		set_slot(t, order[k], true);
		write_one(t, order[k]);
		GM_EXPECT_EQ(mapped(t), base + k + 1, "pages mapped after %u slots", k + 1);
	}
	read_all(t, "all made");
	for (int private = 1; private >= 0; private --) {
		order = shuffled(t);
		for (unsigned int k = 0; k < t->nr; k++) {
			convert_one(t, order[k], private);
			GM_EXPECT_EQ(mapped(t), base + t->nr - 1,
				     "pages mapped after a conversion");
			if (!private || t->one_memory)
				read_one(t, order[k], "converted");
			write_one(t, order[k]);
			read_all(t, "one page converted");
		}
	}
	convert_last(t, true);
	for (unsigned int i = 0; i < t->nr; i++)
		write_one(t, i);
	read_all(t, "the last 2 MiB private");
	convert_last(t, false);
	read_all(t, "the last 2 MiB shared");
	/* Holes, while all is private. */
	for (unsigned int i = 0; i < t->nr; i++) {
		convert_one(t, i, true);
		write_one(t, i);
	}
	order = shuffled(t);
	for (unsigned int k = 0; k < t->nr; k++) {
		gm_gmem_punch(t->gmem, order[k] * PG, PG);
		*content(t, order[k]) = 0;
		GM_EXPECT_EQ(mapped(t), base + t->nr - 1, "pages mapped after a hole");
		gpa = t->gpa[order[k]];
		size = PG;
		GM_EXPECT_OK(gm_prefault(t->vm, 0, &gpa, &size, 0), "prefault of %#lx",
			     t->gpa[order[k]]);
		GM_EXPECT_EQ(mapped(t), base + t->nr, "pages mapped after the prefault");
		read_all(t, "a hole");
	}
	for (unsigned int i = 0; i < t->nr; i++)
		convert_one(t, i, false);
	for (unsigned int i = 0; i < t->nr; i++)
		write_one(t, i);
	order = shuffled(t);
	for (unsigned int k = 0; k < t->nr; k++) {
		set_slot(t, order[k], false);
		expect_mmio(t, order[k], "its slot is gone");
		read_all(t, "one slot gone");
	}
	GM_EXPECT_EQ(mapped(t), base, "pages mapped without slots");
	for (unsigned int i = 0; i < t->nr; i++)
		expect_mmio(t, i, "all slots are gone");
}

static uint64_t find_end(struct top *t)
{
	for (unsigned int bits = 36; bits < 53; bits++) {
		if (__gm_slot_set(t->vm, GM_SLOT, 0, 1UL << bits, PG, t->mem->hva, -1, 0))
			return 1UL << bits;
		gm_slot_delete(t->vm, GM_SLOT);
	}
	return 1UL << 53;
}

static void choose_places(struct top *t)
{
	static const uint64_t span[] = { 2 * 4096UL, GM_2M, GM_1G, 1UL << 39, 1UL << 48 };

	add_place(t, t->end - PG);
	for (unsigned int i = 0; i < ARRAY_SIZE(span); i++) {
		if (span[i] >= t->end)
			continue;
		/* As far below the last page as the level spans, and where its last table begins. */
		add_place(t, t->end - PG - span[i]);
		add_place(t, t->end - span[i]);
		add_place(t, t->end - span[i] - 3 * PG);
	}
	add_place(t, GM_BASE);
}

GM_CASE(top, .name = "conv.top.levels",
	.text = "pages as far apart as each level of page tables spans, up to the last one: in random orders")
{
	struct top t = { .map = NULL };
	uint64_t max_gfn;

	t.vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1, .extra_pages = 64,
			 .on_exit = on_exit_top);
	t.vm->user = &t;
	t.one_memory = t.vm->provider->content == GM_CONTENT_ONE_MEMORY;
	gm_rng_init(&t.rng, gm_seed());
	t.mem = gm_mem_new(GM_MEM_ANON, MAX_PLACES * PG);
	t.gmem = gm_gmem_new(t.vm, MAX_PLACES * PG, t.vm->provider->flags_shared);
	t.end = find_end(&t);
	choose_places(&t);
	gm_note("slots end at %#lx, %u places", t.end, t.nr);
	max_gfn = t.vm->kvm->max_gfn;
	t.vm->kvm->max_gfn = ~0UL >> 12;
	for (unsigned int i = 0; i < t.nr; i++)
		__virt_pg_map(t.vm->kvm, &t.vm->kvm->mmu, gva(i), t.gpa[i], PG_LEVEL_4K);
	t.vm->kvm->max_gfn = max_gfn;
	for (unsigned int i = 0; i < t.nr; i++)
		expect_mmio(&t, i, "before any slot");
	for (unsigned int round = 0; round < 3 && !gm_failures(); round++)
		round_trip(&t);
	gm_vm_free(t.vm);
	close(t.gmem);
	gm_mem_free(t.mem);
}
