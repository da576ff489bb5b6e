// SPDX-License-Identifier: GPL-2.0-only
/*
 * One table of every 64-bit argument of KVM's calls about memory and of the file's own: boundary
 * values in all pairs. The errno is that of a broken rule, or the effect is exact; a refused call
 * changes nothing: fd.numbers.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fd.h"

GM_FILE(.clause = "fd.numbers", .needs = GM_NEEDS(PAGES_4K), .flags = GM_REFUSAL)

/* Constant, for the tables: the case needs a kernel with such pages. */
#define PAGE 4096UL
#define WRAP(x) (0 - (uint64_t)(x))
#define FILE_SIZE (8 * PAGE)
#define BOUND (4 * PAGE)	   /* the slot has the first half of the file, at GM_BASE */
#define PLAIN_AT (GM_BASE + GM_1G) /* an ordinary slot */
#define PLAIN_SIZE (16 * PAGE)
#define LOGGED_AT (GM_BASE + 3 * GM_1G / 2) /* an ordinary slot with a dirty log */
#define LOGGED 200UL			    /* its pages: the log's last word is not full */
#define FREE (GM_BASE + 2 * GM_1G)

static const uint64_t bounds[] = {
	0,
	1,
	63,
	64,
	128,
	LOGGED - 64,
	LOGGED - 1,
	LOGGED,
	LOGGED + 1,
	PAGE - 1,
	PAGE,
	PAGE + 1,
	3 * PAGE,
	BOUND,
	BOUND + PAGE,
	FILE_SIZE - PAGE,
	FILE_SIZE,
	FILE_SIZE + PAGE,
	1UL << 31,
	(1UL << 32) - PAGE,
	1UL << 32,
	GM_BASE - PAGE,
	GM_BASE,
	GM_BASE + BOUND - PAGE,
	GM_BASE + BOUND,
	PLAIN_AT - PAGE,
	PLAIN_AT,
	PLAIN_AT + PLAIN_SIZE,
	((1UL << 31) - 1) * PAGE,
	(1UL << 31) * PAGE,
	1UL << 47,
	1UL << 52,
	1UL << 61,
	(1UL << 63) - FILE_SIZE,
	(1UL << 63) - PAGE,
	(1UL << 63) - 1,
	1UL << 63,
	(1UL << 63) + PAGE,
	WRAP(FILE_SIZE),
	WRAP(BOUND),
	WRAP(GM_BASE),
	WRAP(2 * PAGE),
	WRAP(PAGE),
	WRAP(128),
	WRAP(64),
	WRAP(1),
};

/* The errno of a slot above all addresses: kvm_arch_prepare_memory_region(). */
#ifdef __x86_64__
#define GPA_ERRNO EINVAL
#else
#define GPA_ERRNO EFAULT
#endif

enum { GRANTED = 0, REFUSED = 1, ANY = 2 };

struct numbers {
	struct gm_vm *vm;
	const struct gm_flavour *f;
	int gmem;
	struct gm_mem *mem; /* of the ordinary slot */
	uint64_t gpa_end;   /* the first address that no slot can have */
	uint64_t flags;	    /* that KVM_CREATE_GUEST_MEMFD takes */
	struct gm_rng rng;
	unsigned int one_in; /* of the pairs, by the seed */
	int new_fd;
};

struct call {
	const char *name, *what[3];
	uint64_t good[3];
	int (*call)(struct numbers *w, const uint64_t v[3]);
	int (*rule)(const struct numbers *w, const uint64_t v[3]); /* -errno, or as above */
	/* Checks the effect of a call that was granted, and undoes it. */
	void (*undo)(struct numbers *w, const uint64_t v[3]);
	bool (*has)(const struct numbers *w); /* NULL: always there */
};

static bool wraps(uint64_t begin, uint64_t len)
{
	return begin + len < begin;
}

static bool overlaps(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* --- KVM_SET_USER_MEMORY_REGION2 --- */

static int region(struct numbers *w, uint32_t id, uint64_t gpa, uint64_t size, uint64_t uaddr,
		  int gmem, uint64_t off)
{
	struct kvm_userspace_memory_region2 r = {
		.slot = id,
		.flags = gmem >= 0 ? KVM_MEM_GUEST_MEMFD : 0,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = uaddr,
		.guest_memfd = gmem >= 0 ? gmem : 0,
		.guest_memfd_offset = off,
	};

	return ioctl(w->vm->kvm->fd, KVM_SET_USER_MEMORY_REGION2, &r);
}

/* The rules of kvm_set_memory_region() for any new slot; GRANTED: so far. */
static int region_rule(const struct numbers *w, uint64_t gpa, uint64_t size)
{
	if (size % PAGE || gpa % PAGE || wraps(gpa, size) || !size || size / PAGE > (1UL << 31) - 1)
		return -EINVAL;
	if (overlaps(gpa, size, GM_BASE, BOUND))
		return -EEXIST;
	return GRANTED;
}

/* The framework's own slots may be anywhere below GM_BASE. */
static int gpa_rule(const struct numbers *w, uint64_t gpa, uint64_t size)
{
	if (gpa + size > w->gpa_end)
		return -GPA_ERRNO;
	return gpa < GM_BASE ? ANY : GRANTED;
}

static int bind_call(struct numbers *w, const uint64_t v[3])
{
	return region(w, GM_SLOT + 2, v[0], v[1], 0, w->gmem, v[2]);
}

static int bind_rule(const struct numbers *w, const uint64_t v[3])
{
	int err;

	/* Addresses of slots below GM_BASE depend on the framework. */
	if (v[0] < GM_BASE)
		return ANY;
	if (v[2] % PAGE || wraps(v[2], v[1]))
		return -EINVAL;
	err = region_rule(w, v[0], v[1]);
	if (!err && overlaps(v[0], v[1], PLAIN_AT, PLAIN_SIZE))
		err = -EEXIST;
	if (!err && overlaps(v[0], v[1], LOGGED_AT, LOGGED * PAGE))
		err = -EEXIST;
	if (err)
		return err;
	if (v[2] + v[1] > FILE_SIZE)
		return -EINVAL;
	err = gpa_rule(w, v[0], v[1]);
	if (err)
		return err;
	return v[2] < BOUND ? -EEXIST : GRANTED;
}

static void bind_undo(struct numbers *w, const uint64_t v[3])
{
	GM_EXPECT_ERRNO(EEXIST, region(w, GM_SLOT + 3, FREE + GM_1G, PAGE, 0, w->gmem, v[2]),
			"the file's page %lu again", v[2] / PAGE);
	GM_EXPECT_ERRNO(
		EEXIST,
		region(w, GM_SLOT + 3, v[0] + v[1] - PAGE, PAGE, (uintptr_t)w->mem->hva, -1, 0),
		"the last guest page again");
	GM_EXPECT_OK(region(w, GM_SLOT + 2, 0, 0, 0, -1, 0), "delete");
}

static int plain_call(struct numbers *w, const uint64_t v[3])
{
	return region(w, GM_SLOT + 2, v[0], v[1], v[2], -1, 0);
}

/* Which addresses are user space's differs above the 47th bit. */
static int uaddr_rule(uint64_t uaddr, uint64_t size)
{
	if (uaddr % PAGE || wraps(uaddr, size) || uaddr >> 63)
		return -EINVAL;
	return uaddr + size > (1UL << 47) - PAGE ? ANY : GRANTED;
}

static int plain_rule(const struct numbers *w, const uint64_t v[3])
{
	int err = region_rule(w, v[0], v[1]), user;

	if (v[0] < GM_BASE)
		return ANY;
	if (err == -EINVAL)
		return err;
	user = uaddr_rule(v[2], v[1]);
	if (user)
		return user;
	if (err || overlaps(v[0], v[1], PLAIN_AT, PLAIN_SIZE) ||
	    overlaps(v[0], v[1], LOGGED_AT, LOGGED * PAGE))
		return -EEXIST;
	return gpa_rule(w, v[0], v[1]);
}

static void plain_undo(struct numbers *w, const uint64_t v[3])
{
	GM_EXPECT_OK(region(w, GM_SLOT + 2, 0, 0, 0, -1, 0), "delete");
}

/* The ordinary slot is there: another size or userspace_addr is refused, another gpa is a move. */
static int move_call(struct numbers *w, const uint64_t v[3])
{
	return region(w, GM_SLOT + 1, v[0], v[1], (uintptr_t)w->mem->hva + v[2], -1, 0);
}

static int move_rule(const struct numbers *w, const uint64_t v[3])
{
	int err;

	if (v[0] < GM_BASE || !v[1])
		return ANY;
	err = region_rule(w, v[0], v[1]);
	if (err == -EINVAL)
		return err;
	if (v[1] != PLAIN_SIZE || v[2])
		return -EINVAL;
	return err ?: gpa_rule(w, v[0], v[1]);
}

static void move_undo(struct numbers *w, const uint64_t v[3])
{
	GM_EXPECT_OK(region(w, GM_SLOT + 1, PLAIN_AT, PLAIN_SIZE, (uintptr_t)w->mem->hva, -1, 0),
		     "moved back");
}

/* --- KVM_CREATE_GUEST_MEMFD --- */

static int create_call(struct numbers *w, const uint64_t v[3])
{
	struct kvm_create_guest_memfd arg = { .size = v[0], .flags = v[1] };

	w->new_fd = ioctl(w->vm->kvm->fd, KVM_CREATE_GUEST_MEMFD, &arg);
	return w->new_fd < 0 ? -1 : 0;
}

static int create_rule(const struct numbers *w, const uint64_t v[3])
{
	if (v[1] & ~w->flags || !v[0] || v[0] >> 63 || v[0] % PAGE)
		return -EINVAL;
	return GRANTED;
}

static void create_undo(struct numbers *w, const uint64_t v[3])
{
	struct stat st = {};

	GM_EXPECT(!fstat(w->new_fd, &st) && (uint64_t)st.st_size == v[0],
		  "a file of %#lx bytes has %#lx", v[0], (uint64_t)st.st_size);
	close(w->new_fd);
}

/* --- fallocate() --- */

static int allocate_call(struct numbers *w, const uint64_t v[3])
{
	return fallocate(w->gmem, FALLOC_FL_KEEP_SIZE, v[0], v[1]);
}

static int hole_call(struct numbers *w, const uint64_t v[3])
{
	return fallocate(w->gmem, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, v[0], v[1]);
}

static int hole_rule(const struct numbers *w, const uint64_t v[3])
{
	if (v[0] >> 63 || v[1] >> 63 || !v[1])
		return -EINVAL;
	if ((v[0] + v[1]) >> 63)
		return -EFBIG;
	return v[0] % PAGE || v[1] % PAGE ? -EINVAL : GRANTED;
}

static int allocate_rule(const struct numbers *w, const uint64_t v[3])
{
	int err = hole_rule(w, v);

	return !err && v[0] + v[1] > FILE_SIZE ? -EINVAL : err;
}

/* Pages of the range that the file has. */
static uint64_t inside(const uint64_t v[3])
{
	uint64_t end = v[0] + v[1] < FILE_SIZE ? v[0] + v[1] : FILE_SIZE;

	return v[0] < end ? (end - v[0]) / PAGE : 0;
}

static void expect_cached(struct numbers *w, uint64_t pages, const char *when)
{
	int64_t cached = gm_gmem_cached(w->gmem, 0, FILE_SIZE);

	GM_EXPECT(cached < 0 || cached == (int64_t)pages,
		  "%s: the file has %ld pages, expected %lu", when, cached, pages);
}

static void allocate_undo(struct numbers *w, const uint64_t v[3])
{
	expect_cached(w, FILE_SIZE / PAGE, "allocated");
}

static void hole_undo(struct numbers *w, const uint64_t v[3])
{
	expect_cached(w, FILE_SIZE / PAGE - inside(v), "a hole");
	GM_EXPECT_OK(fallocate(w->gmem, FALLOC_FL_KEEP_SIZE, 0, FILE_SIZE), "all pages again");
}

/* --- conversions: of the VM's pages, or the file's --- */

static bool has_attributes(const struct numbers *w)
{
	return w->f->kind == GM_VM_SW_PROTECTED && w->vm->provider &&
	       w->vm->provider->id == GM_PROVIDER_ATTRIBUTES;
}

static int attributes(struct numbers *w, uint64_t gpa, uint64_t size, uint64_t attr)
{
	struct kvm_memory_attributes arg = { .address = gpa, .size = size, .attributes = attr };

	return ioctl(w->vm->kvm->fd, KVM_SET_MEMORY_ATTRIBUTES, &arg);
}

static int attributes_call(struct numbers *w, const uint64_t v[3])
{
	/* A long range is set to what it is: one entry for each page takes time. */
	return attributes(w, v[0], v[1], v[1] > GM_2M ? 0 : KVM_MEMORY_ATTRIBUTE_PRIVATE);
}

static int attributes_rule(const struct numbers *w, const uint64_t v[3])
{
	return !v[1] || wraps(v[0], v[1]) || v[0] % PAGE || v[1] % PAGE ? -EINVAL : GRANTED;
}

static void attributes_undo(struct numbers *w, const uint64_t v[3])
{
	GM_EXPECT_OK(attributes(w, v[0], v[1], 0), "shared again");
}

static bool has_inplace(const struct numbers *w)
{
	return w->f->conversions;
}

static int inplace_call(struct numbers *w, const uint64_t v[3])
{
	struct gm_memory_attributes2 arg = { .offset = v[0],
					     .size = v[1],
					     .attributes = gm_flavour_private(w->f)
								   ? 0
								   : KVM_MEMORY_ATTRIBUTE_PRIVATE };

	return ioctl(w->gmem, GM_SET_MEMORY_ATTRIBUTES2, &arg);
}

static int inplace_rule(const struct numbers *w, const uint64_t v[3])
{
	if (!v[1] || wraps(v[0], v[1]) || v[0] % PAGE || v[1] % PAGE || v[0] + v[1] > FILE_SIZE)
		return -EINVAL;
	return GRANTED;
}

static void inplace_undo(struct numbers *w, const uint64_t v[3])
{
	uint8_t *map = fd_mmap(w->gmem, FILE_SIZE);

	for (uint64_t p = 0; p < FILE_SIZE / PAGE; p++) {
		bool changed = p >= v[0] / PAGE && p < (v[0] + v[1]) / PAGE;

		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(p * PAGE)),
			     gm_host_sees(map + p * PAGE) == (changed == gm_flavour_private(w->f)),
			     "[%#lx, +%#lx) converted: the page is in the wrong state", v[0], v[1]);
	}
	munmap(map, FILE_SIZE);
	gm_gmem_convert(w->gmem, v[0], v[1], gm_flavour_private(w->f));
}

/* --- KVM_PRE_FAULT_MEMORY --- */

static struct kvm_pre_fault_memory rest;

static bool has_prefault(const struct numbers *w)
{
	return gm_platform_has(GM_NEED_PREFAULT);
}

static int prefault_call(struct numbers *w, const uint64_t v[3])
{
	rest = (struct kvm_pre_fault_memory){ .gpa = v[0], .size = v[1] };
	return ioctl(w->vm->vcpu[0]->fd, KVM_PRE_FAULT_MEMORY, &rest);
}

static int prefault_rule(const struct numbers *w, const uint64_t v[3])
{
	if (v[0] % PAGE || v[1] % PAGE || v[0] + v[1] <= v[0])
		return -EINVAL;
	/* Below are the framework's slots. */
	if (v[0] < GM_BASE)
		return ANY;
	if (v[0] < GM_BASE + BOUND || (v[0] >= PLAIN_AT && v[0] < PLAIN_AT + PLAIN_SIZE))
		return GRANTED;
	if (v[0] >= LOGGED_AT && v[0] < LOGGED_AT + LOGGED * PAGE)
		return ANY;
	return v[0] < w->gpa_end ? -ENOENT : REFUSED;
}

/* It ends at the slot's end. */
static void prefault_undo(struct numbers *w, const uint64_t v[3])
{
	uint64_t end = v[0] < PLAIN_AT ? GM_BASE + BOUND : PLAIN_AT + PLAIN_SIZE;

	if (end > v[0] + v[1])
		end = v[0] + v[1];
	GM_EXPECT(rest.gpa == end && rest.size == v[0] + v[1] - end,
		  "prefault of %#lx+%#lx: the rest is %#llx+%#llx, expected %#lx+%#lx", v[0], v[1],
		  rest.gpa, rest.size, end, v[0] + v[1] - end);
}

/* --- KVM_CLEAR_DIRTY_LOG --- */

/* All bits of the log's words, and of one word more. */
static uint64_t ones[LOGGED / 64 + 2];

static int clear_call(struct numbers *w, const uint64_t v[3])
{
	struct kvm_clear_dirty_log arg = {
		.slot = GM_SLOT + 4, .num_pages = v[1], .first_page = v[0], .dirty_bitmap = ones
	};

	memset(ones, 0xff, sizeof(ones));
	return ioctl(w->vm->kvm->fd, KVM_CLEAR_DIRTY_LOG, &arg);
}

static int clear_rule(const struct numbers *w, const uint64_t v[3])
{
	/* The number of pages has 32 bits. */
	if (v[1] >> 32)
		return ANY;
	if (v[0] % 64 || v[0] > LOGGED || v[1] > LOGGED - v[0])
		return -EINVAL;
	return v[1] < LOGGED - v[0] && v[1] % 64 ? -EINVAL : GRANTED;
}

/* Exactly these pages are clean; the guest writes all of them again. */
static void clear_undo(struct numbers *w, const uint64_t v[3])
{
	uint64_t log[LOGGED / 64 + 2] = {};
	struct gm_op op = { .code = GM_OP_TOUCH_W,
			    .addr = LOGGED_AT,
			    .nr = LOGGED,
			    .val = PAGE,
			    .writer = GM_WRITER_SHARED,
			    .gen = 1 };

	kvm_vm_get_dirty_log(w->vm->kvm, GM_SLOT + 4, log);
	for (uint64_t p = 0; p < LOGGED; p++) {
		bool want = p < v[0] || p >= v[0] + v[1], got = log[p / 64] >> p % 64 & 1;

		GM_EXPECT(got == want, "%lu pages from %lu cleared: page %lu is %s in the log",
			  v[1], v[0], p, got ? "still" : "not");
	}
	GM_EXPECT_EQ(log[LOGGED / 64] >> LOGGED % 64, 0, "bits of the log past the slot's end");
	gm_run(w->vm, 0, &op, 1);
}

static void logged_slot(struct numbers *w)
{
	static const uint64_t all[3] = { 0, LOGGED };
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
				      .args = { KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE } };
	struct kvm_userspace_memory_region2 r = { .slot = GM_SLOT + 4,
						  .flags = KVM_MEM_LOG_DIRTY_PAGES,
						  .guest_phys_addr = LOGGED_AT,
						  .memory_size = LOGGED * PAGE,
						  .userspace_addr =
							  (uintptr_t)w->mem->hva + PLAIN_SIZE };

	/* So that reading the log does not clear it. */
	GM_SETUP_OK(ioctl(w->vm->kvm->fd, KVM_ENABLE_CAP, &cap));
	GM_SETUP_OK(ioctl(w->vm->kvm->fd, KVM_SET_USER_MEMORY_REGION2, &r));
	gm_vm_map(w->vm, LOGGED_AT, LOGGED * PAGE, PAGE);
	clear_call(w, all);
	clear_undo(w, all);
}

static const struct call calls[] = {
	{ .name = "SET_USER_MEMORY_REGION2 with a file",
	  .what = { "gpa", "size", "offset" },
	  .good = { FREE, BOUND, BOUND },
	  .call = bind_call,
	  .rule = bind_rule,
	  .undo = bind_undo },
	{ .name = "SET_USER_MEMORY_REGION2",
	  .what = { "gpa", "size", "userspace_addr" },
	  .good = { FREE, PLAIN_SIZE, GM_1G },
	  .call = plain_call,
	  .rule = plain_rule,
	  .undo = plain_undo },
	{ .name = "SET_USER_MEMORY_REGION2 of a slot",
	  .what = { "gpa", "size", "userspace_addr - the old one" },
	  .good = { FREE, PLAIN_SIZE, 0 },
	  .call = move_call,
	  .rule = move_rule,
	  .undo = move_undo },
	{ .name = "CREATE_GUEST_MEMFD",
	  .what = { "size", "flags" },
	  .good = { FILE_SIZE, 0 },
	  .call = create_call,
	  .rule = create_rule,
	  .undo = create_undo },
	{ .name = "fallocate",
	  .what = { "offset", "length" },
	  .good = { 0, FILE_SIZE },
	  .call = allocate_call,
	  .rule = allocate_rule,
	  .undo = allocate_undo },
	{ .name = "PUNCH_HOLE",
	  .what = { "offset", "length" },
	  .good = { PAGE, PAGE },
	  .call = hole_call,
	  .rule = hole_rule,
	  .undo = hole_undo },
	{ .name = "SET_MEMORY_ATTRIBUTES",
	  .what = { "address", "size" },
	  .good = { GM_BASE, BOUND },
	  .call = attributes_call,
	  .rule = attributes_rule,
	  .undo = attributes_undo,
	  .has = has_attributes },
	{ .name = "SET_MEMORY_ATTRIBUTES2",
	  .what = { "offset", "size" },
	  .good = { 0, FILE_SIZE },
	  .call = inplace_call,
	  .rule = inplace_rule,
	  .undo = inplace_undo,
	  .has = has_inplace },
	{ .name = "CLEAR_DIRTY_LOG",
	  .what = { "first page", "pages" },
	  .good = { 64, 64 },
	  .call = clear_call,
	  .rule = clear_rule,
	  .undo = clear_undo },
	{ .name = "PRE_FAULT_MEMORY",
	  .what = { "gpa", "size" },
	  .good = { GM_BASE, BOUND },
	  .call = prefault_call,
	  .rule = prefault_rule,
	  .undo = prefault_undo,
	  .has = has_prefault },
};

/* What a refused call must leave: the file's pages, what is bound, and which gpa are taken. */
static void expect_unchanged(struct numbers *w, const char *name)
{
	expect_cached(w, FILE_SIZE / PAGE, name);
	for (uint64_t p = 0; p < FILE_SIZE / PAGE; p++) {
		int ret = region(w, GM_SLOT + 3, FREE, PAGE, 0, w->gmem, p * PAGE);
		bool bound = p < BOUND / PAGE;

		GM_EXPECT(bound ? ret && errno == EEXIST : !ret,
			  "%s: page %lu of the file: expected %s, observed %s", name, p,
			  bound ? "EEXIST" : "a slot", ret ? gm_errno_name(errno) : "a slot");
		if (!ret)
			GM_EXPECT_OK(region(w, GM_SLOT + 3, 0, 0, 0, -1, 0), "%s: delete", name);
	}
	GM_EXPECT_ERRNO(EEXIST,
			region(w, GM_SLOT + 3, PLAIN_AT + PLAIN_SIZE - PAGE, PAGE,
			       (uintptr_t)w->mem->hva, -1, 0),
			"%s: the ordinary slot", name);
	GM_EXPECT_ERRNO(EINVAL, region(w, GM_SLOT + 2, 0, 0, 0, -1, 0),
			"%s: deletion of a slot that is not there", name);
}

static void try(struct numbers *w, const struct call *c, const uint64_t v[3])
{
	int want = c->rule(w, v), ret, err;

	/* The result depends on the framework's own slots, or could last long. */
	if (want == ANY)
		return;
	errno = 0;
	ret = c->call(w, v);
	err = errno;
	GM_EXPECT(ret ? want == REFUSED || -want == err : want == GRANTED,
		  "%s: %s %#lx, %s %#lx, %s %#lx: expected %s, observed %s", c->name, c->what[0],
		  v[0], c->what[1], v[1], c->what[2] ?: "-", v[2],
		  want == REFUSED ? "a refusal"
		  : want	  ? gm_errno_name(-want)
				  : "success",
		  ret ? gm_errno_name(err) : "success");
	if (!ret)
		c->undo(w, v);
}

/* All pairs of bounds for two of the numbers; the third one is valid. */
static void sweep(struct numbers *w, const struct call *c)
{
	unsigned int nr = c->what[2] ? 3 : 2;

	for (unsigned int a = 0; a < nr; a++)
		for (unsigned int b = a + 1; b < nr; b++)
			for (unsigned int i = 0; i < ARRAY_SIZE(bounds) && gm_failures() < 8; i++)
				for (unsigned int j = 0; j < ARRAY_SIZE(bounds); j++) {
					uint64_t v[3] = { c->good[0], c->good[1], c->good[2] };

					if (gm_rng_below(&w->rng, w->one_in))
						continue;
					v[a] = bounds[i];
					v[b] = bounds[j];
					try(w, c, v);
				}
	expect_unchanged(w, c->name);
}

/* The first address beyond the slots: a slot of a page tells. */
static uint64_t gpa_end(struct numbers *w)
{
	for (unsigned int bits = 36; bits < 60; bits++) {
		if (region(w, GM_SLOT + 2, 1UL << bits, PAGE, (uintptr_t)w->mem->hva, -1, 0))
			return 1UL << bits;
		GM_SETUP_OK(region(w, GM_SLOT + 2, 0, 0, 0, -1, 0));
	}
	GM_ERROR("a slot can be at 2^60");
}

struct choice {
	unsigned int one_in;
};

GM_CASES(numbers, struct choice, v)
{
	struct numbers w = { .f = self->flavour, .one_in = v->one_in };

	gm_rng_init(&w.rng, gm_seed());
	w.vm = GM_VM_NEW(.kind = w.f->kind, .vcpus = 1, .extra_pages = 16);
	w.gmem = gm_flavour_gmem(w.vm, w.f, FILE_SIZE);
	w.mem = gm_mem_new(GM_MEM_ANON, PLAIN_SIZE + LOGGED * PAGE);
	w.flags = vm_check_cap(w.vm->kvm, KVM_CAP_GUEST_MEMFD_FLAGS);
	w.gpa_end = gpa_end(&w);
	gm_note("slots end at %#lx, flags of files %#lx", w.gpa_end, w.flags);
	gm_gmem_allocate(w.gmem, 0, FILE_SIZE);
	GM_SETUP_OK(region(&w, GM_SLOT, GM_BASE, BOUND, (uintptr_t)w.mem->hva, w.gmem, 0));
	GM_SETUP_OK(region(&w, GM_SLOT + 1, PLAIN_AT, PLAIN_SIZE, (uintptr_t)w.mem->hva, -1, 0));
	logged_slot(&w);
	expect_unchanged(&w, "before");
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		const struct call *c = &calls[i];

		if (c->has && !c->has(&w))
			continue;
		GM_SETUP(c->rule(&w, c->good) == GRANTED, "%s: the valid numbers", c->name);
		gm_control(!c->call(&w, c->good), "%s: %s", c->name, gm_errno_name(errno));
		c->undo(&w, c->good);
		sweep(&w, c);
	}
	gm_vm_free(w.vm);
	close(w.gmem);
	gm_mem_free(w.mem);
}
GM_ROW(numbers, some, .name = "fd.numbers.pairs", .flavours = FD_EACH_TDP,
       .text = "boundary values of addresses, sizes, offsets and flags, in pairs by the seed") = {
	.one_in = 4
};
GM_ROW(numbers, all, .name = "fd.numbers.all_pairs", .flavours = FD_EACH_TDP, .flags = GM_FULL_ONLY,
       .timeout = 180, .text = "the same, all pairs") = { .one_in = 1 };
