// SPDX-License-Identifier: GPL-2.0-only
/* The VM of the huge.* cases. */
#include <stdarg.h>

#include "guest/guest.h"
#include "vm.h"
#include "map_picture.h"

struct huge_vm *huge_vm_new(const struct huge_vm_args *args)
{
	struct huge_vm *r = calloc(1, sizeof(*r));

	GM_SETUP(r, "out of memory");
	r->base = GM_BASE;
	r->size = (args->size + GM_1G - 1) & ~(GM_1G - 1);
	r->vcpus = args->vcpus ? args->vcpus : 1;
	/* The guest's own page table entries are as large as possible: only the host splits. */
	r->w = GM_FIXTURE(.size = r->size, .mem = args->kind,
			  .mem_size = args->mem_size ? args->mem_size : args->size,
			  .vcpus = r->vcpus, .guest_page = GM_1G, .no_gmem = args->no_gmem,
			  .no_slot = true);
	r->shape = gm_shape_new(r->base, r->size);
	gm_vm_warm(r->w->vm);
	/* The counts and the model start at zero here. */
	gm_page_counts_read(r->w->vm, &r->start);
	memset(&r->shape->now, 0, sizeof(r->shape->now));
	if (!args->no_slot)
		huge_slot(r, GM_SLOT, GM_BASE, args->size, 0, 0);
	return r;
}

void huge_vm_free(struct huge_vm *r)
{
	gm_fixture_free(r->w);
	gm_shape_free(r->shape);
	free(r);
}

static enum gm_size host_size(struct huge_vm *r)
{
	uint64_t size = gm_mem_pagesize(r->w->mem->kind);

	return size == GM_1G ? GM_SIZE_1G : size == GM_2M ? GM_SIZE_2M : GM_SIZE_4K;
}

void huge_slot(struct huge_vm *r, uint32_t id, uint64_t gpa, uint64_t size, uint64_t hva_off,
	       uint64_t gmem_off)
{
	uint8_t *hva = r->w->mem->hva + hva_off;

	if (size)
		gm_slot_set(r->w->vm, id, 0, gpa, size, hva, r->w->gmem, gmem_off);
	else
		gm_slot_delete(r->w->vm, id);
	gm_shape_slot(r->shape, id, gpa, size, (uintptr_t)hva, host_size(r));
}

/* Can the guest reach this page? A private page needs a guest_memfd. */
static bool has_slot(struct huge_vm *r, uint64_t gpa)
{
	return gm_shape_has_slot(r->shape, gpa) &&
	       (!gm_shape_private(r->shape, gpa) || gm_slot_at(r->w->vm, gpa)->gmem >= 0);
}

static unsigned int next_vcpu(struct huge_vm *r)
{
	return r->turn++ % r->vcpus;
}

static void batch_begin(struct huge_vm *r, struct gm_batch *b, const char *when)
{
	gm_batch_init(b, r->w, next_vcpu(r));
	b->now.when = when;
}

static void batch_end(struct huge_vm *r, struct gm_batch *b)
{
	if (gm_batch_run(b))
		return;
	gm_map_show(r->w->vm, r->shape);
	gm_end();
}

/*
 * Finds the next run of pages, `stride` bytes apart, in [*gpa, end) that the guest can reach.
 * Returns its length.
 */
static uint64_t next_range(struct huge_vm *r, uint64_t *gpa, uint64_t end, uint64_t stride)
{
	uint64_t nr = 0;

	while (*gpa < end && !has_slot(r, *gpa))
		*gpa += stride;
	for (uint64_t g = *gpa; g < end && has_slot(r, g); g += stride, nr++)
		gm_shape_touch(r->shape, g);
	return nr;
}

void huge_touch(struct huge_vm *r, uint64_t gpa, uint64_t len, uint64_t stride)
{
	uint64_t end = gpa + len, nr;
	struct gm_batch b;

	batch_begin(r, &b, NULL);
	while ((nr = next_range(r, &gpa, end, stride))) {
		gm_batch_touch(&b, GFN(gpa), nr, PAGES(stride));
		gpa += nr * stride;
	}
	batch_end(r, &b);
}

void huge_touch_all(struct huge_vm *r)
{
	huge_touch(r, r->base, r->size, GM_2M);
}

void huge_write(struct huge_vm *r, uint64_t gpa, uint64_t npages)
{
	huge_touch(r, gpa, npages * GM_PAGE_SIZE, GM_PAGE_SIZE);
}

static void check(struct huge_vm *r, struct gm_batch *b, uint64_t gpa, uint64_t npages)
{
	uint64_t gfn = GFN(gpa), nr;

	if (!gm_model_clip(r->w->model, &gfn, &npages))
		return;
	for (uint64_t at = GPA(gfn), end = GPA(gfn + npages);
	     (nr = next_range(r, &at, end, GM_PAGE_SIZE)); at += GPA(nr))
		gm_batch_check(b, GFN(at), nr, GM_PAGE_WORDS);
}

void huge_check(struct huge_vm *r, uint64_t gpa, uint64_t npages, const char *when)
{
	struct gm_batch b;

	batch_begin(r, &b, when);
	check(r, &b, gpa, npages);
	batch_end(r, &b);
}

void huge_check_around(struct huge_vm *r, uint64_t gpa, uint64_t npages, const char *when)
{
	huge_check(r, gpa - npages * GM_PAGE_SIZE, 2 * npages + 1, when);
}

void huge_check_sparse(struct huge_vm *r, const char *when)
{
	struct gm_batch b;

	batch_begin(r, &b, when);
	for (uint64_t g = r->base; g < r->base + r->size; g += GM_2M) {
		check(r, &b, g, 1);
		check(r, &b, g + GM_2M - GM_PAGE_SIZE, 1);
	}
	batch_end(r, &b);
}

void huge_convert(struct huge_vm *r, uint64_t gpa, uint64_t npages, bool to_private)
{
	gm_fixture_convert(r->w, GFN(gpa), npages, to_private);
	gm_shape_convert(r->shape, gpa, npages * GM_PAGE_SIZE, to_private);
}

void huge_guest_convert(struct huge_vm *r, uint64_t gpa, uint64_t npages, bool to_private)
{
	gm_guest_convert(r->w->vm, next_vcpu(r), gpa, npages, to_private);
	gm_model_convert(r->w->model, GFN(gpa), npages, to_private);
	gm_shape_convert(r->shape, gpa, npages * GM_PAGE_SIZE, to_private);
}

void huge_punch(struct huge_vm *r, uint64_t gpa, uint64_t npages, uint64_t off)
{
	gm_gmem_punch(r->w->gmem, off, npages * GM_PAGE_SIZE);
	gm_model_punched(r->w->model, GFN(gpa), npages);
	gm_shape_zap(r->shape, gpa, npages * GM_PAGE_SIZE);
}

void huge_expect(struct huge_vm *r, const char *fmt, ...)
{
	char when[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(when, sizeof(when), fmt, ap);
	va_end(ap);
	if (gm_page_counts_expect(r->w->vm, &r->start, &r->shape->now, when))
		return;
	gm_map_show(r->w->vm, r->shape);
	gm_end();
}

const char *huge_page_name(struct huge_vm *r, uint64_t gpa)
{
	static __thread char name[64];
	uint64_t page = PAGES(gpa - r->base);

	snprintf(name, sizeof(name), "page %lu of GiB %lu (2 MiB number %lu)", page % (512 * 512),
		 page / (512 * 512), page / 512 % 512);
	return name;
}
