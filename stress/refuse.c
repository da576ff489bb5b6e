// SPDX-License-Identifier: GPL-2.0-only
/* Requests that are refused with one errno and change nothing: the arguments of GM_SOP_REFUSE. */
#include <sys/ioctl.h>

#include "exec.h"

/* The slot around the page, and the errno of what was tried; 0: it was not refused. */
struct where {
	struct st_run *r;
	const struct st_slot *s;
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
	return (uint64_t)w->s->file_page * GM_PAGE_SIZE;
}

/* The slot once more, with these flags and so far away. */
static int again(const struct where *w, uint32_t flags, uint64_t away)
{
	return slot(w, w->id, flags, st_gpa(w->s->page) + away, w->s->pages, w->r->gmem,
		    file_off(w));
}

/* A slot of one page where nothing is, bound to the file there. */
static int bind_(const struct where *w, int gmem, uint64_t off, uint64_t pages)
{
	return slot(w, ST_SLOT_ID(ST_SLOTS + 1), 0, GM_BASE + 64 * GM_1G, pages, gmem, off);
}

/* By the ioctl on the file; last: the last of its reserved words. */
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
		return file_attrs(w->r->gmem, page_off(w) + (gpa - w->gpa), size, val, flags, 0);
	return ioctl(w->r->vm->kvm->fd, KVM_SET_MEMORY_ATTRIBUTES, &a) ? errno : 0;
}

static int prefault(const struct where *w, uint64_t gpa, uint64_t size, uint64_t flags)
{
	struct kvm_pre_fault_memory p = { .gpa = gpa, .size = size, .flags = flags };

	return __vcpu_ioctl(w->r->vm->vcpu[w->r->prog.head.vcpus], KVM_PRE_FAULT_MEMORY, &p) ? errno
											     : 0;
}

static int fallocate_(const struct where *w, int mode, uint64_t off, uint64_t len)
{
	return fallocate(w->r->gmem, mode, off, len) ? errno : 0;
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
	void *p = mmap(NULL, GM_PAGE_SIZE, PROT_READ, how, w->r->gmem, 0);

	if (p == MAP_FAILED)
		return errno;
	munmap(p, GM_PAGE_SIZE);
	return 0;
}

static int read_it(const struct where *w)
{
	char c;

	return read(w->r->gmem, &c, 1) < 0 ? errno : 0;
}

static uint64_t file_end(const struct where *w)
{
	return (uint64_t)w->r->layout->file_pages * GM_PAGE_SIZE;
}

#define P GM_PAGE_SIZE
#define PRIVATE KVM_MEMORY_ATTRIBUTE_PRIVATE
#define KEEP FALLOC_FL_KEEP_SIZE
#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define ZERO_RANGE (FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)

/* In the order of their names in op.c, which is part of the format: append only. */
static int try(const struct where *w, unsigned int what)
{
	const struct st_slot *s = w->s;

	switch (what) {
	case 0:
		return again(w, KVM_MEM_LOG_DIRTY_PAGES, 0);
	case 1:
		return again(w, KVM_MEM_READONLY, 0);
	case 2:
		return again(w, 0, 64 * GM_1G);
	case 3:
		return attrs(w, w->gpa + 8, P, 0, 0);
	case 4:
		return attrs(w, w->gpa, 0, 0, 0);
	case 5:
		return attrs(w, w->gpa, P, 1, 0);
	case 6:
		return slot(w, ST_SLOT_ID(ST_SLOTS + 1), 0, st_gpa(s->page), s->pages, w->r->gmem,
			    file_off(w));
	case 7:
		return fallocate_(w, KEEP, 8, P);
	case 8:
		return attrs(w, w->gpa, P, PRIVATE, 1UL << 31);
	case 9:
		return attrs(w, w->gpa, P, PRIVATE, 1UL << 63);
	case 10:
		return attrs(w, w->gpa, P, PRIVATE | 1UL << 40, 0);
	case 11:
		return attrs(w, w->gpa, -w->gpa, PRIVATE, 0) ? attrs(w, w->gpa, -P, PRIVATE, 0) : 0;
	case 12:
		return attrs(w, w->gpa, 2 * P + 8, PRIVATE, 0);
	case 13:
		return prefault(w, w->gpa + 8, P, 0);
	case 14:
		return prefault(w, w->gpa, P + 8, 0);
	case 15:
		return prefault(w, w->gpa, 0, 0);
	case 16:
		return prefault(w, w->gpa, P, 1UL << 40);
	case 17:
		return prefault(w, GM_BASE + 64 * GM_1G, P, 0);
	case 18:
		return again(w, 0, 0);
	case 19:
		return again(w, 1U << 31, 0);
	case 20:
		return bind_(w, 1000000, 0, 1);
	case 21:
		return bind_(w, w->r->gmem, file_off(w) + 8, 1);
	case 22:
		return bind_(w, w->r->gmem, file_end(w), 1);
	case 23:
		return bind_(w, w->r->gmem, INT64_MAX - P + 1, 1);
	case 24:
		return bind_(w, w->r->gmem, file_off(w) + (s->pages - 1) * P, 1);
	case 25:
		return slot(w, ST_SLOT_ID(ST_SLOTS + 1), 0, st_gpa(s->page + s->pages - 1), 1, -1,
			    0);
	case 26:
		return fallocate_(w, 0, 0, P);
	case 27:
		return fallocate_(w, ZERO_RANGE, 0, P);
	case 28:
		return fallocate_(w, KEEP, file_end(w), P);
	case 29:
		return fallocate_(w, PUNCH, 0, 8);
	case 30:
		return ftruncate(w->r->gmem, file_end(w)) ? errno : 0;
	case 31:
		return map_it(w);
	case 32:
		return read_it(w);
	case 33:
		return ioctl(w->r->gmem, KVM_CREATE_VM, 0) < 0 ? errno : 0;
	case 34:
		return create(w, P, 1UL << 63);
	case 35:
		return create(w, 1UL << 63, 0);
	case 36:
		return create(w, P + 8, 0);
	case 37:
		return create(w, 0, 0);
	case 38:
		return file_attrs(w->r->gmem, page_off(w), P, PRIVATE, 0, 1);
	case 39:
		return file_attrs(w->r->gmem, file_end(w), P, PRIVATE, 0, 0);
	default:
		return file_attrs(w->r->vm->kvm->fd, page_off(w), P, PRIVATE, 0, 0);
	}
}

static const struct {
	int err;
	const char *clause;
} wanted[] = {
	{ EINVAL, "fd.slot_flags" },
	{ EINVAL, "fd.slot_flags" },
	{ EINVAL, "fd.slot_flags" },
	{ EINVAL, "conv.refuse_bad" },
	{ EINVAL, "conv.refuse_bad" },
	{ EINVAL, "conv.refuse_bad" },
	{ EEXIST, "fd.bind_overlap" },
	{ EINVAL, "fd.fallocate_args" },
	{ EINVAL, "conv.refuse_bad" },
	{ EINVAL, "conv.refuse_bad" },
	{ EINVAL, "conv.refuse_bad" },
	{ EINVAL, "conv.refuse_bad" },
	{ EINVAL, "conv.refuse_bad" },
	{ EINVAL, "conv.prefault" },
	{ EINVAL, "conv.prefault" },
	{ EINVAL, "conv.prefault" },
	{ EINVAL, "conv.prefault" },
	{ ENOENT, "conv.prefault" },
	{ EINVAL, "fd.slot_flags" },
	{ EINVAL, "fd.slot_flags" },
	{ EBADF, "fd.bind_args" },
	{ EINVAL, "fd.bind_args" },
	{ EINVAL, "fd.bind_bounds" },
	{ EINVAL, "fd.bind_bounds" },
	{ EEXIST, "fd.bind_overlap" },
	{ EEXIST, "fd.bind_overlap" },
	{ EOPNOTSUPP, "fd.fallocate_args" },
	{ EOPNOTSUPP, "fd.fallocate_args" },
	{ EINVAL, "fd.fallocate_args" },
	{ EINVAL, "fd.fallocate_args" },
	{ EINVAL, "fd.no_resize" },
	{ ENODEV, "fd.no_mmap" },
	{ EINVAL, "fd.no_io" },
	{ ENOTTY, "fd.no_ioctl" },
	{ EINVAL, "fd.create_args" },
	{ EINVAL, "fd.create_args" },
	{ EINVAL, "fd.create_args" },
	{ EINVAL, "fd.create_args" },
	{ ENOTTY, "conv.inplace_absent" },
	{ ENOTTY, "conv.inplace_absent" },
	{ ENOTTY, "conv.inplace_absent" },
};

/* ... and in place, where that is something else. */
static const struct {
	unsigned int arg;
	int err;
	const char *clause;
} in_place[] = {
	{ 3, EINVAL, "conv.inplace_args" },  { 4, EINVAL, "conv.inplace_args" },
	{ 5, EINVAL, "conv.inplace_args" },  { 8, EINVAL, "conv.inplace_args" },
	{ 9, EINVAL, "conv.inplace_args" },  { 10, EINVAL, "conv.inplace_args" },
	{ 11, EINVAL, "conv.inplace_args" }, { 12, EINVAL, "conv.inplace_args" },
	{ 31, EINVAL, "fd.mmap_modes" },     { 38, EINVAL, "conv.inplace_args" },
	{ 39, EINVAL, "conv.inplace_args" }, { 40, ENOTTY, "conv.inplace_args" },
};

_Static_assert(sizeof(wanted) / sizeof(wanted[0]) == ST_REFUSALS, "one for each name");

long st_refused(struct st_run *r, const struct gm_sop *op)
{
	struct where w = { .r = r, .s = st_slot_of(r->layout, op->page), .gpa = st_gpa(op->page) };

	w.id = ST_SLOT_ID(w.s - r->layout->slot);
	return try(&w, op->arg % ST_REFUSALS);
}

int st_refusal(const struct st_run *r, unsigned int arg, const char **clause)
{
	for (unsigned int i = 0; r->inplace && i < sizeof(in_place) / sizeof(in_place[0]); i++)
		if (in_place[i].arg == arg % ST_REFUSALS) {
			*clause = in_place[i].clause;
			return in_place[i].err;
		}
	*clause = wanted[arg % ST_REFUSALS].clause;
	return wanted[arg % ST_REFUSALS].err;
}
