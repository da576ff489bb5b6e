// SPDX-License-Identifier: GPL-2.0-only
/* The VM of the huge_file.* cases, and the model of how KVM maps its file. */
#include <stdarg.h>

#include "huge_file.h"

static struct hf_vm *new_vm(uint64_t page, uint64_t n, unsigned int vcpus, bool no_slot)
{
	struct hf_vm *h = calloc(1, sizeof(*h));

	GM_SETUP(h, "out of memory");
	h->page = page;
	h->in_one = page / PG;
	h->n = n;
	gm_pool_read(&h->pool, page);
	h->w = GM_FIXTURE(.size = n * page, .file_page = page, .starts_private = true,
			  .vcpus = vcpus, .guest_page = GM_1G,
			  .no_slot = no_slot, .uaddr = GM_UADDR_NONE);
	h->whole = calloc(n, sizeof(*h->whole));
	h->shared = calloc(n, sizeof(*h->shared));
	h->small = calloc(n * h->in_one, sizeof(*h->small));
	h->private = malloc(n * h->in_one);
	GM_SETUP(h->whole && h->shared && h->small && h->private, "out of memory");
	memset(h->private, true, n * h->in_one);
	gm_vm_warm(h->w->vm);
	gm_page_counts_read(h->w->vm, &h->start);
	return h;
}

struct hf_vm *hf_new(uint64_t page, uint64_t n, unsigned int vcpus)
{
	return new_vm(page, n, vcpus, false);
}

struct hf_vm *hf_new_no_slot(uint64_t page, uint64_t n, unsigned int vcpus)
{
	return new_vm(page, n, vcpus, true);
}

void hf_free(struct hf_vm *h)
{
	struct gm_pool before = h->pool;

	gm_fixture_free(h->w);
	gm_pool_expect(&before, 0, 0, "the VM and its file are gone");
	free(h->whole);
	free(h->shared);
	free(h->small);
	free(h->private);
	free(h);
}

/* An access to the page, by the guest. */
static void touched(struct hf_vm *h, uint64_t p)
{
	uint64_t huge = p / h->in_one;

	if (h->whole[huge] || h->small[p])
		return;
	h->fixed++;
	if (h->shared[huge] || h->never_huge) {
		h->small[p] = true;
		return;
	}
	h->whole[huge] = true;
	memset(h->small + huge * h->in_one, false, h->in_one);
}

void hf_write(struct hf_vm *h, unsigned int v, uint64_t p, uint64_t n)
{
	gm_fixture_fill(h->w, v, hf_gfn(h, p), n);
	for (uint64_t i = 0; i < n; i++)
		touched(h, p + i);
}

void hf_check(struct hf_vm *h, uint64_t p, uint64_t n, const char *when)
{
	gm_fixture_check_guest(h->w, 0, hf_gfn(h, p), n, 1, when);
	for (uint64_t i = 0; i < n; i++)
		touched(h, p + i);
}

void hf_convert(struct hf_vm *h, uint64_t p, uint64_t n, bool to_private)
{
	gm_fixture_convert(h->w, hf_gfn(h, p), n, to_private);
	for (uint64_t i = p; i < p + n; i++) {
		uint64_t huge = i / h->in_one;

		if (h->private[i] == to_private)
			continue;
		h->private[i] = to_private;
		h->shared[huge] += to_private ? -1 : 1;
		h->small[i] = false;
		h->whole[huge] = false;
	}
}

void hf_unmapped(struct hf_vm *h, uint64_t huge)
{
	h->whole[huge] = false;
	memset(h->small + huge * h->in_one, false, h->in_one);
}

bool hf_expect(struct hf_vm *h, const char *fmt, ...)
{
	struct gm_page_counts now = { .fixed = h->fixed };
	enum gm_size huge = h->page == GM_1G ? GM_SIZE_1G : GM_SIZE_2M;
	char when[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(when, sizeof(when), fmt, ap);
	va_end(ap);
	for (uint64_t i = 0; i < h->n; i++)
		now.pages[huge] += h->whole[i];
	for (uint64_t i = 0; i < h->n * h->in_one; i++)
		now.pages[GM_SIZE_4K] += h->small[i];
	return gm_page_counts_expect(h->w->vm, &h->start, &now, when);
}
