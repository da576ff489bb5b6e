// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest gets back from port I/O: every width, by the port's number and by DX, one by one
 * and as strings, up and down, into memory over the end of a page and of a slot: conv.mmio.
 */
#include "conv.h"

GM_FILE(.clause = "conv.mmio", .providers = GM_PROVIDERS_X86, .needs = GM_NEEDS(TDP))

#define PG GM_PAGE_SIZE
#define PORT 0x2340UL /* not the framework's */
#define PORT_IMM 0x73
#define SEED 0xa5c3f10e9687b42dUL
#define PG_BYTES 4096UL /* constant, for tables */
#define SLOT_SIZE (2 * PG_BYTES)
#define MAX_BYTES 4096U

/* --- guest code --- */

#define IN(name, insn, reg)                                                                        \
	static uint64_t guest_##name(uint64_t port, uint64_t unused, uint64_t n)                   \
	{                                                                                          \
		uint64_t a = SEED;                                                                 \
		asm volatile(insn ", %%" reg : "+a"(a) : "d"(port));                               \
		return a;                                                                          \
	}
IN(inb, "inb %%dx", "al")
IN(inw, "inw %%dx", "ax")
IN(inl, "inl %%dx", "eax")
IN(inb_imm, "inb $0x73", "al")
IN(inw_imm, "inw $0x73", "ax")
IN(inl_imm, "inl $0x73", "eax")

#define OUT(name, insn)                                                                            \
	static uint64_t guest_##name(uint64_t port, uint64_t unused, uint64_t n)                   \
	{                                                                                          \
		uint64_t a = SEED;                                                                 \
		asm volatile(insn : "+a"(a) : "d"(port));                                          \
		return a;                                                                          \
	}
OUT(outb, "outb %%al, %%dx")
OUT(outw, "outw %%ax, %%dx")
OUT(outl, "outl %%eax, %%dx")
OUT(outb_imm, "outb %%al, $0x73")
OUT(outw_imm, "outw %%ax, $0x73")
OUT(outl_imm, "outl %%eax, $0x73")

/* The rest of the count in the upper half, the moved bytes in the lower one. */
#define STRING(name, dir, insn, reg)                                                               \
	static uint64_t guest_##name(uint64_t at, uint64_t count, uint64_t unused)                 \
	{                                                                                          \
		uint64_t p = at;                                                                   \
		asm volatile(dir "\n\t" insn "\n\tcld"                                             \
			     : "+" reg(p), "+c"(count)                                             \
			     : "d"(PORT)                                                           \
			     : "memory", "cc");                                                    \
		return count << 32 | (uint32_t)(p - at);                                           \
	}
STRING(insb, "cld", "rep insb", "D")
STRING(insw, "cld", "rep insw", "D")
STRING(insl, "cld", "rep insl", "D")
STRING(insb_down, "std", "rep insb", "D")
STRING(insl_down, "std", "rep insl", "D")
STRING(outsb, "cld", "rep outsb", "S")
STRING(outsw, "cld", "rep outsw", "S")
STRING(outsl, "cld", "rep outsl", "S")
STRING(outsb_down, "std", "rep outsb", "S")
STRING(outsl_down, "std", "rep outsl", "S")

/* --- the device at the port, and where there is no memory --- */

struct pio {
	struct gm_fixture *w;
	uint16_t port;
	unsigned int width;
	uint8_t data[MAX_BYTES]; /* that the port gives, or has got */
	unsigned int bytes;
	bool in;
	uint8_t beside[PG]; /* the page above the slot */
	const char *wrong;
};

static bool on_exit_pio(struct gm_vm *vm, unsigned int vcpu, const struct gm_exit *ex)
{
	struct pio *p = vm->user;
	struct kvm_run *run = vm->vcpu[vcpu]->run;
	uint64_t off = run->mmio.phys_addr - p->w->gpa - SLOT_SIZE, n;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	if (ex->ret)
		return false;
	if (ex->reason == KVM_EXIT_MMIO && off < PG && run->mmio.len <= PG - off) {
		if (run->mmio.is_write)
			memcpy(p->beside + off, run->mmio.data, run->mmio.len);
		else
			memcpy(run->mmio.data, p->beside + off, run->mmio.len);
		return true;
	}
	if (ex->reason != KVM_EXIT_IO)
		return false;
	n = (uint64_t)run->io.size * run->io.count;
	if (run->io.port != p->port)
		p->wrong = "port";
	else if (run->io.size != p->width)
		p->wrong = "width";
	else if ((run->io.direction == KVM_EXIT_IO_IN) != p->in)
		p->wrong = "direction";
	else if (n > MAX_BYTES - p->bytes || !n)
		p->wrong = "count";
	if (p->wrong)
		return false;
	if (p->in)
		memcpy(data, p->data + p->bytes, n);
	else
		memcpy(p->data + p->bytes, data, n);
	p->bytes += n;
	return true;
}

static bool run_one(struct pio *p, uint64_t (*fn)(uint64_t, uint64_t, uint64_t), uint64_t val,
		    uint64_t nr, const char *name, uint64_t *ret)
{
	struct gm_op op = { .code = GM_OP_CALL, .addr = (uintptr_t)fn, .val = val, .nr = nr };
	struct gm_exit ex;

	p->bytes = 0;
	p->wrong = NULL;
	if (!__gm_run(p->w->vm, 0, &op, 1, &ex, NULL)) {
		GM_FAIL("%s: %s%s%s", name, gm_exit_str(&ex), p->wrong ? ", wrong " : "",
			p->wrong ?: "");
		return false;
	}
	*ret = op.ret;
	return true;
}

static void pio_new(struct pio *p)
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M, .no_slot = true, .uses_uaddr = true,
					  .uaddr = GM_UADDR_SHARED, .on_exit = on_exit_pio);

	*p = (struct pio){ .w = w };
	w->vm->user = p;
	gm_fixture_slot(w, GM_SLOT, w->gpa, SLOT_SIZE, 0);
}

static void fill(struct gm_rng *rng, uint8_t *p, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		p[i] = gm_rng_below(rng, 256);
}

static const struct {
	const char *name;
	uint64_t (*in)(uint64_t, uint64_t, uint64_t), (*out)(uint64_t, uint64_t, uint64_t);
	unsigned int width;
	uint16_t port;
} single[] = {
	{ "byte, DX", guest_inb, guest_outb, 1, PORT },
	{ "word, DX", guest_inw, guest_outw, 2, PORT },
	{ "long, DX", guest_inl, guest_outl, 4, PORT },
	{ "byte", guest_inb_imm, guest_outb_imm, 1, PORT_IMM },
	{ "word", guest_inw_imm, guest_outw_imm, 2, PORT_IMM },
	{ "long", guest_inl_imm, guest_outl_imm, 4, PORT_IMM },
	{ "byte, last port", guest_inb, guest_outb, 1, 0xffff },
	{ "long, high port", guest_inl, guest_outl, 4, 0xfff0 },
};

GM_CASE(registers, .name = "conv.mmio.port",
	.text = "IN and OUT of every width: a byte or word leaves the rest of RAX, a long clears its upper half")
{
	struct gm_rng rng;
	struct pio p;

	pio_new(&p);
	gm_rng_init(&rng, gm_seed());
	for (unsigned int round = 0; round < 4; round++)
		for (unsigned int i = 0; i < ARRAY_SIZE(single); i++) {
			uint64_t mask = (1UL << 8 * single[i].width) - 1, got, val = 0;
			uint64_t keep = single[i].width == 4 ? 0 : SEED & ~mask;

			p.port = single[i].port;
			p.width = single[i].width;
			p.in = true;
			fill(&rng, p.data, 8);
			/* Both signs. */
			p.data[p.width - 1] = (p.data[p.width - 1] & 0x7f) | (round & 1) << 7;
			memcpy(&val, p.data, p.width);
			if (run_one(&p, single[i].in, p.port, 0, single[i].name, &got))
				GM_EXPECT(got == (keep | val) && p.bytes == p.width,
					  "IN, %s: expected RAX %#lx, observed %#lx, %u bytes",
					  single[i].name, keep | val, got, p.bytes);
			p.in = false;
			val = 0;
			if (!run_one(&p, single[i].out, p.port, 0, single[i].name, &got))
				continue;
			memcpy(&val, p.data, p.width);
			GM_EXPECT(got == SEED && p.bytes == p.width && val == (SEED & mask),
				  "OUT, %s: RAX %#lx, %u bytes, %#lx", single[i].name, got, p.bytes,
				  val);
		}
	gm_fixture_free(p.w);
}

static const struct {
	const char *name;
	uint64_t (*fn)(uint64_t, uint64_t, uint64_t);
	unsigned int width;
	bool in, down;
} string[] = {
	{ "insb", guest_insb, 1, true, false },
	{ "insw", guest_insw, 2, true, false },
	{ "insl", guest_insl, 4, true, false },
	{ "insb down", guest_insb_down, 1, true, true },
	{ "insl down", guest_insl_down, 4, true, true },
	{ "outsb", guest_outsb, 1, false, false },
	{ "outsw", guest_outsw, 2, false, false },
	{ "outsl", guest_outsl, 4, false, false },
	{ "outsb down", guest_outsb_down, 1, false, true },
	{ "outsl down", guest_outsl_down, 4, false, true },
};

/* Byte `off` of the slot and of the page above it. */
static uint8_t *byte_at(struct pio *p, uint8_t *slot, uint64_t off)
{
	return off < SLOT_SIZE ? slot + off : p->beside + off - SLOT_SIZE;
}

static void try_string(struct pio *p, struct gm_rng *rng, unsigned int i, uint64_t off, uint64_t n)
{
	static uint8_t before[3 * PG_BYTES], sent[MAX_BYTES];
	uint8_t *slot = gm_hva(p->w->vm, p->w->gpa);
	unsigned int width = string[i].width;
	int64_t moved = (string[i].down ? -1 : 1) * (int64_t)(n * width);
	uint64_t ret;
	char cell[96];

	snprintf(cell, sizeof(cell), "%s, %lu of them at %#lx of the slot", string[i].name, n, off);
	fill(rng, before, SLOT_SIZE + PG);
	memcpy(slot, before, SLOT_SIZE);
	memcpy(p->beside, before + SLOT_SIZE, PG);
	fill(rng, sent, n * width);
	memcpy(p->data, sent, n * width);
	p->port = PORT;
	p->width = width;
	p->in = string[i].in;
	if (!run_one(p, string[i].fn, p->w->gpa + off, n, cell, &ret))
		return;
	GM_EXPECT(p->bytes == n * width, "%s: %u bytes of the port", cell, p->bytes);
	GM_EXPECT(ret == (uint32_t)moved, "%s: RCX %lu, moved %d bytes, expected %ld", cell,
		  ret >> 32, (int32_t)ret, moved);
	for (uint64_t k = 0; k < n; k++)
		for (unsigned int b = 0; b < width; b++) {
			uint64_t at = (string[i].down ? off - k * width : off + k * width) + b;
			uint8_t got = p->in ? *byte_at(p, slot, at) : p->data[k * width + b];
			uint8_t want = p->in ? sent[k * width + b] : before[at];

			if (!GM_EXPECT(got == want,
				       "%s: element %lu, byte %u: expected %#x, observed %#x", cell,
				       k, b, want, got))
				return;
			if (p->in)
				before[at] = want;
		}
	/* No byte beside them has changed. */
	for (uint64_t at = 0; at < SLOT_SIZE + PG; at++)
		if (!GM_EXPECT(*byte_at(p, slot, at) == before[at],
			       "%s: byte %#lx of the slot changed", cell, at))
			return;
}

struct choice {
	bool lost; /* only INS down to MMIO, of more than one element; else all but that */
};

GM_CASES(strings, struct choice, v)
{
	/* The middle of the slot, and its end. */
	static const uint64_t border[] = { PG_BYTES, 2 * PG_BYTES };
	static const int64_t from[] = { -512, -64, -4, -3, -1, 0, 4 };
	static const uint64_t counts[] = { 1, 2, 7, 64, 300 };
	struct gm_rng rng;
	struct pio p;

	pio_new(&p);
	gm_rng_init(&rng, gm_seed());
	for (unsigned int i = 0; i < ARRAY_SIZE(string) && !gm_failures(); i++)
		for (unsigned int b = 0; b < ARRAY_SIZE(border); b++)
			for (unsigned int f = 0; f < ARRAY_SIZE(from); f++) {
				uint64_t n = counts[gm_rng_below(&rng, ARRAY_SIZE(counts))];
				uint64_t off = border[b] + from[f];
				bool lost;

				/* Down from a little above the border. */
				if (string[i].down)
					off = border[b] - from[f];
				lost = string[i].in && string[i].down && n > 1 &&
				       off + string[i].width > SLOT_SIZE;
				if (lost == v->lost && (lost || gm_rng_below(&rng, 2)))
					try_string(&p, &rng, i, off, n);
			}
	gm_fixture_free(p.w);
}
GM_ROW(strings, strings_most, .name = "conv.mmio.port_strings",
       .text = "INS and OUTS, up and down, inside the slot, over a page's end and over the slot's: every byte") = {
	.lost = false
};
/* A finding, see contract/README.md: bytes that KVM reads ahead are dropped at each MMIO exit. */
GM_ROW(strings, strings_lost, .name = "conv.mmio.port_strings_down", .flags = GM_FULL_ONLY,
       .text = "INS down where there is no memory: the port gives each byte once") = {
	.lost = true
};
