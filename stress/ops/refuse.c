// SPDX-License-Identifier: GPL-2.0-only
/* Requests that are refused with one errno and change nothing. arg is the row below. */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "draw.h"
#include "judge.h"

/* The slot around the page. The functions below return the errno; 0: not refused. */
struct where {
	struct st_run *r;
	const struct st_slot *s;
	const struct st_binding *b;
	uint64_t gpa; /* of the page */
	uint32_t id;
};

static int slot(const struct where *w, uint32_t id, uint32_t flags, uint64_t gpa, uint64_t pages,
		int gmem, uint64_t off)
{
	struct st_run *r = w->r;
	int ret;

	pthread_mutex_lock(&r->slot_lock);
	ret = __gm_slot_set(r->vm, id, flags, gpa, pages * GM_PAGE_SIZE, st_uaddr(r, w->s), gmem,
			    off)
		      ? errno
		      : 0;
	pthread_mutex_unlock(&r->slot_lock);
	return ret;
}

static uint64_t file_off(const struct where *w)
{
	return (uint64_t)w->b->page * GM_PAGE_SIZE;
}

/* Sets the slot again, with these flags, moved by `away`. */
static int again(const struct where *w, uint32_t flags, uint64_t away)
{
	return slot(w, w->id, flags, st_gpa(w->s->page) + away, w->s->pages, w->b->gmem,
		    file_off(w));
}

/* A new slot at an unused gpa, bound to offset `off` of the file. */
static int bind_(const struct where *w, int gmem, uint64_t off, uint64_t pages)
{
	return slot(w, ST_SLOT_ID(ST_SLOTS + 1), 0, GM_BASE + 64 * GM_1G, pages, gmem, off);
}

/* Sets attributes by the ioctl on the file; last: the last of its reserved words. */
static int file_attrs(int fd, uint64_t off, uint64_t size, uint64_t val, uint64_t flags,
		      uint64_t last)
{
	struct gm_memory_attributes2 a = {
		.offset = off, .size = size, .attributes = val, .flags = flags, .reserved[10] = last
	};

	return ioctl(fd, GM_SET_MEMORY_ATTRIBUTES2, &a) ? errno : 0;
}

static uint64_t page_off(const struct where *w)
{
	return file_off(w) + (w->gpa - st_gpa(w->s->page));
}

static int attrs(const struct where *w, uint64_t gpa, uint64_t size, uint64_t val, uint64_t flags)
{
	struct kvm_memory_attributes a = {
		.address = gpa, .size = size, .attributes = val, .flags = flags
	};

	if (w->r->inplace)
		return file_attrs(w->b->gmem, page_off(w) + (gpa - w->gpa), size, val, flags, 0);
	return ioctl(w->r->vm->kvm->fd, KVM_SET_MEMORY_ATTRIBUTES, &a) ? errno : 0;
}

static int prefault(const struct where *w, uint64_t gpa, uint64_t size, uint64_t flags)
{
	return gm_prefault(w->r->vm, w->r->prog.head.vcpus, &gpa, &size, flags) ? errno : 0;
}

static int fallocate_(const struct where *w, int mode, uint64_t off, uint64_t len)
{
	return fallocate(w->b->gmem, mode, off, len) ? errno : 0;
}

static int create(const struct where *w, uint64_t size, uint64_t flags)
{
	int fd = __gm_gmem_new(w->r->vm, size, flags), err = errno;

	if (fd < 0)
		return err;
	close(fd);
	return 0;
}

static int map_it(const struct where *w)
{
	int how = w->r->inplace ? MAP_PRIVATE : MAP_SHARED;
	void *p = mmap(NULL, GM_PAGE_SIZE, PROT_READ, how, w->b->gmem, 0);

	if (p == MAP_FAILED)
		return errno;
	munmap(p, GM_PAGE_SIZE);
	return 0;
}

static int read_it(const struct where *w)
{
	char c;

	return read(w->b->gmem, &c, 1) < 0 ? errno : 0;
}

static uint64_t file_end(const struct where *w)
{
	return (uint64_t)w->b->pages * GM_PAGE_SIZE;
}

#define P GM_PAGE_SIZE
#define PRIVATE KVM_MEMORY_ATTRIBUTE_PRIVATE
#define KEEP FALLOC_FL_KEEP_SIZE
#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define ZERO_RANGE (FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)

/*
 * X: name, call, errno, clause; Y: and errno and clause in place, where they are others. Append only:
 * the order is part of what a seed gives. The last three are about the ioctl on the file.
 */
#define REFUSALS(X, Y)                                                                             \
	X(dirty_log, again(w, KVM_MEM_LOG_DIRTY_PAGES, 0), EINVAL, "fd.slot_flags")                \
	X(readonly, again(w, KVM_MEM_READONLY, 0), EINVAL, "fd.slot_flags")                        \
	X(move, again(w, 0, 64 * GM_1G), EINVAL, "fd.slot_flags")                                  \
	Y(attr_unaligned, attrs(w, w->gpa + 8, P, 0, 0), EINVAL, "conv.refuse_bad", EINVAL,        \
	  "conv.inplace_args")                                                                     \
	Y(attr_empty, attrs(w, w->gpa, 0, 0, 0), EINVAL, "conv.refuse_bad", EINVAL,                \
	  "conv.inplace_args")                                                                     \
	Y(attr_unknown, attrs(w, w->gpa, P, 1, 0), EINVAL, "conv.refuse_bad", EINVAL,              \
	  "conv.inplace_args")                                                                     \
	X(overlap,                                                                                 \
	  slot(w, ST_SLOT_ID(ST_SLOTS + 1), 0, st_gpa(w->s->page), w->s->pages, w->b->gmem,        \
	       file_off(w)),                                                                       \
	  EEXIST, "fd.bind_overlap")                                                               \
	X(fallocate, fallocate_(w, KEEP, 8, P), EINVAL, "fd.fallocate_args")                       \
	Y(attr_flag, attrs(w, w->gpa, P, PRIVATE, 1UL << 31), EINVAL, "conv.refuse_bad", EINVAL,   \
	  "conv.inplace_args")                                                                     \
	Y(attr_high_flag, attrs(w, w->gpa, P, PRIVATE, 1UL << 63), EINVAL, "conv.refuse_bad",      \
	  EINVAL, "conv.inplace_args")                                                             \
	Y(attr_bit, attrs(w, w->gpa, P, PRIVATE | 1UL << 40, 0), EINVAL, "conv.refuse_bad",        \
	  EINVAL, "conv.inplace_args")                                                             \
	Y(attr_wrap, attrs(w, w->gpa, -w->gpa, PRIVATE, 0) ? attrs(w, w->gpa, -P, PRIVATE, 0) : 0, \
	  EINVAL, "conv.refuse_bad", EINVAL, "conv.inplace_args")                                  \
	Y(attr_size, attrs(w, w->gpa, 2 * P + 8, PRIVATE, 0), EINVAL, "conv.refuse_bad", EINVAL,   \
	  "conv.inplace_args")                                                                     \
	X(prefault_gpa, prefault(w, w->gpa + 8, P, 0), EINVAL, "conv.prefault")                    \
	X(prefault_size, prefault(w, w->gpa, P + 8, 0), EINVAL, "conv.prefault")                   \
	X(prefault_empty, prefault(w, w->gpa, 0, 0), EINVAL, "conv.prefault")                      \
	X(prefault_flag, prefault(w, w->gpa, P, 1UL << 40), EINVAL, "conv.prefault")               \
	X(prefault_no_slot, prefault(w, GM_BASE + 64 * GM_1G, P, 0), ENOENT, "conv.prefault")      \
	X(same_slot, again(w, 0, 0), EINVAL, "fd.slot_flags")                                      \
	X(slot_flag, again(w, 1U << 31, 0), EINVAL, "fd.slot_flags")                               \
	X(bind_fd, bind_(w, 1000000, 0, 1), EBADF, "fd.bind_args")                                 \
	X(bind_offset, bind_(w, w->b->gmem, file_off(w) + 8, 1), EINVAL, "fd.bind_args")           \
	X(bind_end, bind_(w, w->b->gmem, file_end(w), 1), EINVAL, "fd.bind_bounds")                \
	X(bind_wrap, bind_(w, w->b->gmem, INT64_MAX - P + 1, 1), EINVAL, "fd.bind_bounds")         \
	X(overlap_last, bind_(w, w->b->gmem, file_off(w) + (w->s->pages - 1) * P, 1), EEXIST,      \
	  "fd.bind_overlap")                                                                       \
	X(gfn_overlap,                                                                             \
	  slot(w, ST_SLOT_ID(ST_SLOTS + 1), 0, st_gpa(w->s->page + w->s->pages - 1), 1, -1, 0),    \
	  EEXIST, "fd.bind_overlap")                                                               \
	X(alloc_mode, fallocate_(w, 0, 0, P), EOPNOTSUPP, "fd.fallocate_args")                     \
	X(zero_range, fallocate_(w, ZERO_RANGE, 0, P), EOPNOTSUPP, "fd.fallocate_args")            \
	X(alloc_end, fallocate_(w, KEEP, file_end(w), P), EINVAL, "fd.fallocate_args")             \
	X(punch_len, fallocate_(w, PUNCH, 0, 8), EINVAL, "fd.fallocate_args")                      \
	X(truncate, ftruncate(w->b->gmem, file_end(w)) ? errno : 0, EINVAL, "fd.no_resize")        \
	Y(mmap, map_it(w), ENODEV, "fd.no_mmap", EINVAL, "fd.mmap_modes")                          \
	X(read, read_it(w), EINVAL, "fd.no_io")                                                    \
	X(ioctl, ioctl(w->b->gmem, KVM_CREATE_VM, 0) < 0 ? errno : 0, ENOTTY, "fd.no_ioctl")       \
	X(create_flag, create(w, P, 1UL << 63), EINVAL, "fd.create_args")                          \
	X(create_negative, create(w, 1UL << 63, 0), EINVAL, "fd.create_args")                      \
	X(create_unaligned, create(w, P + 8, 0), EINVAL, "fd.create_args")                         \
	X(create_empty, create(w, 0, 0), EINVAL, "fd.create_args")                                 \
	Y(file_reserved, file_attrs(w->b->gmem, page_off(w), P, PRIVATE, 0, 1), ENOTTY,            \
	  "conv.inplace_absent", EINVAL, "conv.inplace_args")                                      \
	Y(file_end, file_attrs(w->b->gmem, file_end(w), P, PRIVATE, 0, 0), ENOTTY,                 \
	  "conv.inplace_absent", EINVAL, "conv.inplace_args")                                      \
	Y(file_ioctl_on_vm, file_attrs(w->r->vm->kvm->fd, page_off(w), P, PRIVATE, 0, 0), ENOTTY,  \
	  "conv.inplace_absent", ENOTTY, "conv.inplace_args")

#define CALL(name, call, err, clause)                                                              \
	static int try_##name(const struct where *w)                                               \
	{                                                                                          \
		return call;                                                                       \
	}
#define CALL_Y(name, call, err, clause, err_y, clause_y) CALL(name, call, err, clause)
REFUSALS(CALL, CALL_Y)

#define NUMBER(name, ...) R_##name,
enum { REFUSALS(NUMBER, NUMBER) R_NR };
#define R_ATTRIBUTES_NR R_file_reserved

#define NAME(name, ...) #name,
static const char *const names[] = { REFUSALS(NAME, NAME) NULL };

struct verdict {
	int err;
	const char *clause;
};

/* By attributes, in place. */
#define ROW(name, call, err, clause) { try_##name, { { err, clause }, { err, clause } } },
#define ROW_Y(name, call, err, clause, err_y, clause_y)                                            \
	{ try_##name, { { err, clause }, { err_y, clause_y } } },
static const struct {
	int (*call)(const struct where *w);
	struct verdict want[2];
} refusals[] = { REFUSALS(ROW, ROW_Y) };

static void generate(struct st_draw *d, struct gm_sop *op)
{
	st_draw_one(d, op);
	op->arg = st_below(d, d->inplace ? R_NR : R_ATTRIBUTES_NR);
}

static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	struct where w = { .r = r,
			   .s = st_slot_of(r->layout, op->page),
			   .b = st_bound(r, op->page),
			   .gpa = st_gpa(op->page) };

	w.id = ST_SLOT_ID(w.s - r->layout->slot);
	return refusals[op->arg % R_NR].call(&w);
}

static bool expect(struct st_run *r, uint32_t i)
{
	const struct verdict *want = &refusals[r->prog.op[i].arg % R_NR].want[r->inplace];

	return r->res[i].ret == want->err || st_wrong(r, i, want->clause, gm_errno_name(want->err));
}

const struct st_op st_op_refuse = {
	.name = "refuse",
	.text = "an ioctl that is refused",
	.flags = ST_PAGES | ST_NOT_HUGE_FILE,
	.args = names,
	.weight = { [ST_MIX_CONVERSION] = 1, [ST_MIX_LIFECYCLE] = 6, [ST_MIX_EVERYTHING] = 3 },
	.generate = generate,
	.run = run,
	.expect = expect,
};
