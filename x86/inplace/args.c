// SPDX-License-Identifier: GPL-2.0-only
/* A malformed argument is EINVAL and changes nothing: conv.inplace_args, conv.inplace_kind. */
#include <sys/mman.h>

#include "inplace.h"

GM_FILE(.clause = "conv.inplace_args", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS)

#define SIZE (128 * PG)
#define END (~0UL - PG + 1) /* the last page of 64 bits */

struct range {
	const char *what;
	uint64_t off, size;
};

/* Expects EINVAL, and that no field of the argument is written. */
static void expect_einval(int fd, struct gm_memory_attributes2 arg, const char *what)
{
	struct gm_memory_attributes2 was = arg;

	GM_EXPECT_ERRNO(EINVAL, ip_set(fd, &arg), "%s: offset %#lx size %#lx attributes %#lx", what,
			was.offset, was.size, was.attributes);
	GM_EXPECT(!memcmp(&arg, &was, sizeof(arg)), "%s: the argument of a malformed call changed",
		  what);
}

static void expect_refused(struct gm_fixture *w, const struct range *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		expect_einval(w->gmem, ip_arg(r[i].off, r[i].size, true), r[i].what);
		expect_einval(w->gmem, ip_arg(r[i].off, r[i].size, false), r[i].what);
	}
}

/* Expects that nothing changed. Control: converts the ends of the file, and all of it. */
static void expect_unchanged(struct gm_fixture *w)
{
	static const struct range legal[] = {
		{ "the first page", 0, PG },
		{ "the last page", SIZE - PG, PG },
		{ "all but the first page", PG, SIZE - PG },
		{ "the whole file", 0, SIZE },
	};
	struct gm_memory_attributes2 arg;

	ip_expect_all(w, "after the refusals");
	for (int private = 1; private >= 0; private --) {
		for (size_t i = 0; i < sizeof(legal) / sizeof(legal[0]); i++) {
			arg = ip_arg(legal[i].off, legal[i].size, private);
			gm_promise(!ip_set(w->gmem, &arg), "%s to %s: %s", legal[i].what,
				   private ? "private" : "shared", gm_errno_name(errno));
			gm_model_convert(w->model, ip_gfn(w, PAGES(legal[i].off)),
					 PAGES(legal[i].size), private);
			ip_expect_state(w, 0, PAGES(SIZE), legal[i].what);
		}
	}
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}

static struct gm_fixture *striped(void)
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);

	ip_striped(w);
	return w;
}

GM_CASE(size_zero, .name = "conv.inplace_args.size_zero", .text = "size 0 at any offset: EINVAL",
	.flags = GM_REFUSAL)
{
	static const struct range r[] = {
		{ "at the beginning", 0, 0 }, { "in the middle", SIZE / 2, 0 },
		{ "unaligned", 1, 0 },	      { "at the last page", SIZE - PG, 0 },
		{ "at the end", SIZE, 0 },    { "past the end", SIZE + PG, 0 },
		{ "at 2^63", 1UL << 63, 0 },  { "at the last page of 64 bits", END, 0 },
	};
	struct gm_fixture *w = striped();

	expect_refused(w, r, sizeof(r) / sizeof(r[0]));
	expect_unchanged(w);
}

GM_CASE(unaligned, .name = "conv.inplace_args.unaligned",
	.text = "an offset or a size with any bit below 4096 set, the end aligned or not: EINVAL",
	.flags = GM_REFUSAL)
{
	struct gm_fixture *w = striped();

	for (int bit = 0; bit < 12; bit++) {
		uint64_t b = 1UL << bit;
		struct range r[] = {
			{ "size alone", 0, b },
			{ "size beyond a page", PG, PG + b },
			{ "size of the whole file and more", 0, SIZE + b },
			{ "size of less than the file", 0, SIZE - b },
			{ "offset", b, PG },
			{ "offset, all to the end", SIZE - PG + b, PG - b },
			{ "offset and size, a whole page between", b, 2 * PG - b },
			{ "offset and size", PG + b, PG + b },
			{ "offset past the end", SIZE + b, PG },
		};

		expect_refused(w, r, sizeof(r) / sizeof(r[0]));
	}
	expect_unchanged(w);
}

GM_CASE(past_end, .name = "conv.inplace_args.past_end",
	.text = "a range that ends past the end of the file: EINVAL", .flags = GM_REFUSAL)
{
	struct gm_fixture *w = striped();
	static const struct range r[] = {
		{ "one page too many", 0, SIZE + PG },
		{ "the second page past the end", SIZE - PG, 2 * PG },
		{ "at the end", SIZE, PG },
		{ "at the end, as long as the file", SIZE, SIZE },
		{ "past the end", SIZE + PG, PG },
	};

	expect_refused(w, r, sizeof(r) / sizeof(r[0]));
	/* A truncated page index or offset would give the first pages of the file. */
	for (int bit = 20; bit < 64; bit++) {
		uint64_t b = 1UL << bit;
		struct range far[] = {
			{ "far away", b, PG },
			{ "far away, last page", b + SIZE - PG, PG },
			{ "ends at it", b - PG, PG },
			{ "a size too large", 0, b },
			{ "a size too large from the last page", SIZE - PG, b },
			{ "a page more than a size too large", 0, b + PG },
		};

		expect_refused(w, far, sizeof(far) / sizeof(far[0]));
	}
	expect_unchanged(w);
}

GM_CASE(wrap, .name = "conv.inplace_args.wrap",
	.text = "offset + size that wraps, to 0, into the file or past it: EINVAL",
	.flags = GM_REFUSAL)
{
	struct gm_fixture *w = striped();
	static const struct range r[] = {
		{ "to exactly 2^64", END, PG },
		{ "to exactly 2^64 from the file", PG, -PG },
		{ "to exactly 2^64 from 2^63", 1UL << 63, 1UL << 63 },
		{ "to the first page", END, 2 * PG },
		{ "to the end of the file", END, SIZE + PG },
		{ "to past the end of the file", END, SIZE + 2 * PG },
		{ "from the file to its own start", SIZE - PG, -SIZE + PG },
		{ "from the file to before its start", SIZE - PG, -SIZE + 2 * PG },
		{ "from the middle to one page less", SIZE / 2, -PG },
		{ "all of 64 bits but one page", 0, END },
		{ "the signed limit", (1UL << 63) - PG, PG },
		{ "over the signed limit", (1UL << 63) - PG, 2 * PG },
		{ "from the file to the signed limit", 0, 1UL << 63 },
		{ "unaligned and wrapping", END + 1, PG },
		{ "unaligned and wrapping into the file", -1UL, PG + 1 },
	};

	expect_refused(w, r, sizeof(r) / sizeof(r[0]));
	expect_unchanged(w);
}

GM_CASE(attributes, .name = "conv.inplace_args.attributes",
	.text = "each attribute bit except PRIVATE, alone and with it: EINVAL", .flags = GM_REFUSAL)
{
	struct gm_fixture *w = striped();
	struct gm_memory_attributes2 arg = ip_arg(0, SIZE, false);

	for (int bit = 0; bit < 64; bit++) {
		if (1UL << bit == PRIVATE)
			continue;
		arg.attributes = 1UL << bit;
		expect_einval(w->gmem, arg, "one attribute");
		arg.attributes |= PRIVATE;
		expect_einval(w->gmem, arg, "with PRIVATE");
	}
	arg.attributes = ~0UL;
	expect_einval(w->gmem, arg, "all attributes");
	arg.attributes = ~PRIVATE;
	expect_einval(w->gmem, arg, "all but PRIVATE");
	expect_unchanged(w);
}

GM_CASE(flags, .name = "conv.inplace_args.flags", .text = "each bit of flags: EINVAL",
	.flags = GM_REFUSAL)
{
	struct gm_fixture *w = striped();

	for (int bit = 0; bit < 64; bit++) {
		for (int private = 0; private < 2; private ++) {
			struct gm_memory_attributes2 arg = ip_arg(0, SIZE, private);

			arg.flags = 1UL << bit;
			expect_einval(w->gmem, arg, "one flag");
		}
	}
	expect_unchanged(w);
}

GM_CASE(reserved, .name = "conv.inplace_args.reserved",
	.text = "each reserved field, with various bits: EINVAL", .flags = GM_REFUSAL)
{
	static const uint64_t value[] = { 1, 1UL << 31, 1UL << 32, 1UL << 63, PRIVATE, ~0UL };
	struct gm_fixture *w = striped();

	for (int i = 0; i < 11; i++) {
		for (size_t v = 0; v < 2 * sizeof(value) / sizeof(value[0]); v++) {
			struct gm_memory_attributes2 arg = ip_arg(0, SIZE, v & 1);

			arg.reserved[i] = value[v / 2];
			expect_einval(w->gmem, arg, "a reserved field");
		}
	}
	expect_unchanged(w);
}

GM_CASE(error_offset_in, .name = "conv.inplace_args.error_offset",
	.text = "the caller's value of error_offset is ignored")
{
	static const uint64_t value[] = { 0, 1, PG, SIZE, 1UL << 63, ~0UL };
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);

	ip_all_shared(w);
	for (size_t v = 0; v < sizeof(value) / sizeof(value[0]); v++) {
		for (int private = 1; private >= 0; private --) {
			struct gm_memory_attributes2 arg = ip_arg(0, SIZE, private);

			arg.error_offset = value[v];
			GM_EXPECT_OK(ip_set(w->gmem, &arg), "error_offset %#lx", value[v]);
			gm_model_convert(w->model, GFN(w->gpa), PAGES(SIZE), private);
			ip_expect_state(w, 0, PAGES(SIZE), "with a value in error_offset");
		}
	}
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}

struct ordinary_file {
	uint64_t flags; /* of the guest_memfd */
};

/* Files of an ordinary VM, which has no private memory, by flags. */
GM_CASES(ordinary, struct ordinary_file, v)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT);
	struct gm_vm *sw = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);
	int gmem = gm_gmem_new(vm, SIZE, v->flags), other = gm_gmem_new(sw, SIZE, v->flags);
	struct gm_memory_attributes2 arg;
	uint8_t *hva = NULL;
	uint64_t word;

	if (v->flags & GUEST_MEMFD_FLAG_MMAP) {
		hva = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, gmem, 0);
		GM_GRANTED(hva != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	}
	for (int turn = 0; turn < 2; turn++) {
		expect_einval(gmem, ip_arg(0, PG, true), "a page to private");
		expect_einval(gmem, ip_arg(0, PG, false), "a page to shared");
		expect_einval(gmem, ip_arg(0, SIZE, true), "all to private");
		expect_einval(gmem, ip_arg(0, SIZE, false), "all to shared");
		/* The second turn has pages in the file. */
		gm_gmem_allocate(gmem, 0, SIZE);
	}
	for (uint64_t i = 0; hva && i < PAGES(SIZE); i++) {
		bool loaded = ip_load(hva + i * PG, &word);

		if (!GM_EXPECT(loaded == !!(v->flags & GUEST_MEMFD_FLAG_INIT_SHARED),
			       "page %lu after the refusals: the host's load %s", i,
			       loaded ? "succeeded" : "was SIGBUS"))
			break;
	}
	for (int private = 0; private < 2; private ++) {
		arg = ip_arg(0, SIZE, private);
		gm_promise(!ip_set(other, &arg), "the same of a SW_PROTECTED VM: %s",
			   gm_errno_name(errno));
	}
	if (hva)
		munmap(hva, SIZE);
	close(gmem);
	close(other);
	gm_vm_free(vm);
	gm_vm_free(sw);
}
GM_ROW(ordinary, ordinary_plain, .name = "conv.inplace_kind.plain", .clause = "conv.inplace_kind",
       .text = "a file of an ordinary VM, flags 0: EINVAL both ways",
       .needs = GM_NEEDS(GMEM_DEFAULT, GMEM_MMAP, INIT_SHARED),
       .flags = GM_REFUSAL) = { .flags = 0 };
GM_ROW(ordinary, ordinary_mmap, .name = "conv.inplace_kind.mmap", .clause = "conv.inplace_kind",
       .text = "a file of an ordinary VM with MMAP: EINVAL both ways",
       .needs = GM_NEEDS(GMEM_DEFAULT, GMEM_MMAP, INIT_SHARED),
       .flags = GM_REFUSAL) = { .flags = GUEST_MEMFD_FLAG_MMAP };
GM_ROW(ordinary, ordinary_shared, .name = "conv.inplace_kind.init_shared",
       .clause = "conv.inplace_kind",
       .text = "a file of an ordinary VM with MMAP and INIT_SHARED: EINVAL both ways",
       .needs = GM_NEEDS(GMEM_DEFAULT, GMEM_MMAP, INIT_SHARED),
       .flags = GM_REFUSAL) = { .flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED };
