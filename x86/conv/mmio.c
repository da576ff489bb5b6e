// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest gets back from accesses beside memory. Each instruction runs twice: on ordinary
 * memory, where the CPU itself says what is right, and where there is no slot, or only half of one.
 * Registers, flags, buffers and bytes must be the same, and user space sees exactly these accesses:
 * conv.mmio.
 */
#include "conv.h"
#include "insn.h"

GM_FILE(.clause = "conv.mmio", .providers = GM_PROVIDERS_X86, .needs = GM_NEEDS(TDP))

#define PG GM_PAGE_SIZE
#define WINDOW (2 * PG)
#define MAX_EXITS 64

/* Two pages that an instruction accesses; what is not memory is a device. */
struct place {
	const char *name;
	uint64_t gpa; /* from the fixture's gpa, bytes */
	/* The part with memory, bytes of the window; reads come from it, writes if it is writable. */
	uint64_t memory, memory_end;
	bool read_only;
};

#define SLOT_AT (1UL << 20)
#define SLOT_SIZE (4 * PG)
#define GONE_AT (8UL << 20)
#define TWIN_AT (16UL << 20)
#define READ_ONLY_AT (24UL << 20)

static const struct place places[] = {
	{ .name = "where no slot ever was", .gpa = 32UL << 20 },
	{ .name = "above a slot's end",
	  .gpa = SLOT_AT + SLOT_SIZE - PG,
	  .memory = 0,
	  .memory_end = PG },
	{ .name = "below a slot", .gpa = SLOT_AT - PG, .memory = PG, .memory_end = 2 * PG },
	{ .name = "where a converted slot was", .gpa = GONE_AT },
	{ .name = "in a read-only slot",
	  .gpa = READ_ONLY_AT,
	  .memory = 0,
	  .memory_end = 2 * PG,
	  .read_only = true },
};

/* Offsets in the window, most of them around its middle. */
static const int offsets[] = { 0x100, 0x103, 0xff8, 0xff9, 0xffc, 0xffd, 0xffe, 0xfff, 0x1000 };

struct access {
	uint64_t gpa;
	uint32_t len;
	bool write;
};

struct bench {
	struct gm_fixture *w;
	const struct place *place;
	uint64_t gpa;		/* of the window */
	uint8_t device[WINDOW]; /* its bytes where there is no memory, or none to write */
	struct access seen[MAX_EXITS];
	unsigned int nr_seen;
	gva_t out; /* a page of the guest */
	uint8_t *out_hva;
	bool other_exit;
};

/* Is the byte of the window memory, for a read or a write? */
static bool is_memory(const struct place *p, uint64_t off, bool write)
{
	return off >= p->memory && off < p->memory_end && !(write && p->read_only);
}

static bool on_exit_mmio(struct gm_vm *vm, unsigned int vcpu, const struct gm_exit *ex)
{
	struct bench *b = vm->user;
	struct kvm_run *run = vm->vcpu[vcpu]->run;
	uint64_t off = run->mmio.phys_addr - b->gpa;

	if (ex->ret || ex->reason != KVM_EXIT_MMIO || off >= WINDOW ||
	    run->mmio.len > WINDOW - off || b->nr_seen == MAX_EXITS) {
		b->other_exit = true;
		return false;
	}
	b->seen[b->nr_seen++] =
		(struct access){ run->mmio.phys_addr, run->mmio.len, run->mmio.is_write };
	if (run->mmio.is_write)
		memcpy(b->device + off, run->mmio.data, run->mmio.len);
	else
		memcpy(run->mmio.data, b->device + off, run->mmio.len);
	return true;
}

/* The exits of one access: those of each page, at most 8 bytes each. */
static unsigned int fragments(const struct bench *b, uint64_t off, unsigned int len, bool write,
			      struct access *a)
{
	unsigned int nr = 0;

	while (len) {
		unsigned int part = PG - off % PG < len ? PG - off % PG : len;

		for (unsigned int done = 0; done < part && !is_memory(b->place, off, write);) {
			unsigned int n = part - done < 8 ? part - done : 8;

			a[nr++] = (struct access){ b->gpa + off + done, n, write };
			done += n;
		}
		off += part;
		len -= part;
	}
	return nr;
}

static void expect_exits(const struct bench *b, const struct insn *in, uint64_t off,
			 const char *cell)
{
	struct access want[MAX_EXITS];
	unsigned int nr = 0;
	bool same;

	for (unsigned int i = 0; i < (in->nr ?: 1); i++) {
		uint64_t at = in->down ? off - i * in->width : off + i * in->width;

		if (in->access & INSN_READS)
			nr += fragments(b, at, in->width, false, want + nr);
		if (in->access & INSN_WRITES)
			nr += fragments(b, at + (in->two ? INSN_SECOND : 0), in->width, true,
					want + nr);
	}
	same = nr == b->nr_seen;
	for (unsigned int i = 0; same && i < nr; i++)
		same = want[i].gpa == b->seen[i].gpa && want[i].len == b->seen[i].len &&
		       want[i].write == b->seen[i].write;
	if (GM_EXPECT(same, "%s: expected %u exits, observed %u", cell, nr, b->nr_seen))
		return;
	for (unsigned int i = 0; i < nr || i < b->nr_seen; i++)
		gm_note("exit %u: expected %s %#lx+%u, observed %s %#lx+%u", i,
			i < nr ? (want[i].write ? "write" : "read") : "none",
			i < nr ? want[i].gpa : 0, i < nr ? want[i].len : 0,
			i < b->nr_seen ? (b->seen[i].write ? "write" : "read") : "none",
			i < b->nr_seen ? b->seen[i].gpa : 0, i < b->nr_seen ? b->seen[i].len : 0);
}

/* The register after a load of these bytes, written out: it does not come from the CPU. */
static uint64_t loaded(const struct insn *in, const uint8_t *from)
{
	uint64_t val = 0, mask = in->into == 8 ? ~0UL : (1UL << 8 * in->into) - 1;

	memcpy(&val, from, in->width);
	if (in->sign && in->width < 8 && val >> (8 * in->width - 1))
		val |= ~0UL << 8 * in->width;
	/* 32 bits clear the upper half; 8 and 16 bits leave the rest of the register. */
	return in->into >= 4 ? val & mask : (INSN_SEED & ~mask) | (val & mask);
}

static void fill(struct gm_rng *rng, uint8_t *p, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		p[i] = gm_rng_below(rng, 256);
}

static uint64_t *result(const struct bench *b, uint8_t *out)
{
	return (uint64_t *)(out ?: b->out_hva);
}

static void compare(const struct bench *b, const struct insn *in, const uint8_t *twin_out,
		    const char *cell)
{
	const uint64_t *got = result(b, NULL), *want = (const uint64_t *)twin_out;

	for (unsigned int i = 0; i < INSN_WORDS; i++)
		GM_EXPECT(got[i] == want[i], "%s: result %u: expected %#lx, observed %#lx", cell, i,
			  want[i], got[i]);
	for (uint64_t i = INSN_BUF; i < INSN_BUF + INSN_BUF_SIZE; i++)
		if (!GM_EXPECT(b->out_hva[i] == twin_out[i],
			       "%s: byte %lu of the buffer: expected %#x, observed %#x", cell,
			       i - INSN_BUF, twin_out[i], b->out_hva[i]))
			return;
}

static void compare_windows(struct bench *b, const uint8_t *twin, const uint8_t *memory,
			    const uint8_t *before, const char *cell)
{
	const struct place *p = b->place;

	for (uint64_t i = 0; i < WINDOW; i++) {
		uint8_t got = is_memory(p, i, true) ? memory[i - p->memory] : b->device[i];
		struct gm_page page = *GM_PAGE(.gpa = GM_AT(b->gpa + i));
		bool same = got == twin[i];

		GM_EXPECT_AT(&page, same, "%s: expected %#x, observed %#x", cell, twin[i], got);
		if (p->read_only && memory[i] != before[i]) {
			GM_FAIL_AT(&page, "%s: read-only memory changed from %#x to %#x", cell,
				   before[i], memory[i]);
			same = false;
		}
		if (!same)
			return;
	}
}

static void try(struct bench *b, struct gm_rng *rng, const struct insn *in, uint64_t off)
{
	struct gm_vm *vm = b->w->vm;
	const struct place *p = b->place;
	uint8_t *twin = gm_hva(vm, b->w->gpa + TWIN_AT), before[WINDOW];
	uint8_t *memory = p->memory_end ? gm_hva(vm, b->gpa + p->memory) : NULL;
	uint8_t buf[INSN_BUF_SIZE], twin_out[PG];
	struct gm_op op[] = {
		{ .code = GM_OP_CALL,
		  .addr = (uintptr_t)in->fn,
		  .val = b->w->gpa + TWIN_AT + off,
		  .nr = b->out,
		  .stride = in->nr },
		{ .code = GM_OP_CALL,
		  .addr = (uintptr_t)in->fn,
		  .val = b->gpa + off,
		  .nr = b->out,
		  .stride = in->nr },
	};
	struct gm_exit ex;
	char cell[160];

	snprintf(cell, sizeof(cell), "%s at %#lx, %s", in->name, off, p->name);
	fill(rng, before, sizeof(before));
	fill(rng, buf, sizeof(buf));
	memcpy(twin, before, WINDOW);
	memcpy(b->device, before, WINDOW);
	if (memory)
		memcpy(memory, before + p->memory, p->memory_end - p->memory);
	b->nr_seen = 0;
	b->other_exit = false;
	for (int i = 0; i < 2; i++) {
		memset(b->out_hva, 0, INSN_WORDS * 8);
		memcpy(b->out_hva + INSN_BUF, buf, sizeof(buf));
		if (!__gm_run(vm, 0, &op[i], 1, &ex, NULL)) {
			GM_FAIL("%s: %s: %s", cell, i ? "beside memory" : "in memory",
				gm_exit_str(&ex));
			return;
		}
		if (i)
			break;
		GM_SETUP(!b->nr_seen, "%s: ordinary memory exits", cell);
		memcpy(twin_out, b->out_hva, PG);
	}
	compare(b, in, twin_out, cell);
	if (in->into)
		GM_EXPECT(*result(b, NULL) == loaded(in, before + off),
			  "%s: expected %#lx in the register, observed %#lx", cell,
			  loaded(in, before + off), *result(b, NULL));
	compare_windows(b, twin, memory, before, cell);
	expect_exits(b, in, off, cell);
}

static void bench_new(struct bench *b)
{
	struct gm_fixture *w = GM_FIXTURE(.size = 64UL << 20, .no_slot = true, .uses_uaddr = true,
					  .uaddr = GM_UADDR_SHARED, .on_exit = on_exit_mmio,
					  .file_size = 1UL << 20);
	struct gm_vm *vm = w->vm;

	b->w = w;
	vm->user = b;
	b->out = vm_alloc_page(vm->kvm);
	b->out_hva = addr_gva2hva(vm->kvm, b->out);
	gm_fixture_slot(w, GM_SLOT, w->gpa + SLOT_AT, SLOT_SIZE, 0);
	gm_fixture_slot(w, GM_SLOT + 1, w->gpa + TWIN_AT, WINDOW, SLOT_SIZE);
	/* This slot's pages are used, converted, used, converted back, and gone. */
	gm_fixture_slot(w, GM_SLOT + 2, w->gpa + GONE_AT, WINDOW, SLOT_SIZE + WINDOW);
	for (int private = 1; private >= 0; private --) {
		gm_guest_touch(vm, 0, w->gpa + GONE_AT, WINDOW, PG);
		gm_convert(vm, w->gpa + GONE_AT, WINDOW, private);
	}
	gm_guest_touch(vm, 0, w->gpa + GONE_AT, WINDOW, PG);
	gm_slot_delete(vm, GM_SLOT + 2);
}

/* A slot that comes back where accesses were MMIO: they are memory again, and MMIO once it goes. */
static void slot_returns(struct bench *b)
{
	struct gm_fixture *w = b->w;

	for (int turn = 0; turn < 3; turn++) {
		struct gm_op op = { .code = GM_OP_READ, .addr = w->gpa + GONE_AT };

		gm_fixture_slot(w, GM_SLOT + 2, w->gpa + GONE_AT, WINDOW, SLOT_SIZE + WINDOW);
		b->nr_seen = 0;
		gm_guest_fill(w->vm, 0, w->gpa + GONE_AT, 2, GM_WRITER_SHARED, turn + 1);
		gm_guest_check(w->vm, 0, w->gpa + GONE_AT, 2, GM_WRITER_SHARED, turn + 1,
			       "the slot came back");
		GM_EXPECT_EQ(b->nr_seen, 0, "exits with the slot");
		gm_slot_delete(w->vm, GM_SLOT + 2);
		gm_run(w->vm, 0, &op, 1);
		GM_EXPECT_EQ(b->nr_seen, 1, "exits without the slot");
		GM_EXPECT(!memcmp(&op.val, b->device, 8), "without the slot the guest reads %#lx",
			  op.val);
	}
}

struct choice {
	unsigned int one_in; /* of the cells, by the seed */
};

GM_CASES(mmio, struct choice, v)
{
	static struct bench b;
	unsigned int cells = 0;
	struct gm_mem *ro = gm_mem_new(GM_MEM_ANON, WINDOW);
	struct gm_rng rng;

	bench_new(&b);
	gm_slot_set(b.w->vm, GM_SLOT + 3, KVM_MEM_READONLY, b.w->gpa + READ_ONLY_AT, WINDOW,
		    ro->hva, -1, 0);
	gm_rng_init(&rng, gm_seed());
	for (unsigned int p = 0; p < ARRAY_SIZE(places); p++)
		for (size_t i = 0; i < conv_insns_nr; i++)
			for (unsigned int o = 0; o < ARRAY_SIZE(offsets); o++) {
				if (gm_rng_below(&rng, v->one_in))
					continue;
				b.place = &places[p];
				b.gpa = b.w->gpa + places[p].gpa;
				try(&b, &rng, &conv_insns[i], offsets[o]);
				cells++;
				if (gm_failures() > 8)
					gm_end();
			}
	gm_note("%u cells, %zu instructions", cells, conv_insns_nr);
	b.place = &places[3];
	b.gpa = b.w->gpa + GONE_AT;
	slot_returns(&b);
	gm_fixture_free(b.w);
	gm_mem_free(ro);
}
GM_ROW(mmio, mmio_some, .name = "conv.mmio.insns",
       .text = "loads, stores, read-modify-writes and strings of every width outside slots, over their ends, in read-only ones: cells by the seed") = {
	.one_in = 40
};
GM_ROW(mmio, mmio_all, .name = "conv.mmio.insns_all", .flags = GM_FULL_ONLY, .timeout = 300,
       .text = "the same, every instruction at every place") = { .one_in = 1 };
