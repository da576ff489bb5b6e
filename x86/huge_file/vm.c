// SPDX-License-Identifier: GPL-2.0-only
/* The VM of the huge_file.* cases, and the model of how KVM maps its file. */
#include <stdarg.h>

#include "batch.h"
#include "huge_file.h"

static struct hf_vm *new_vm(uint64_t page, uint64_t n, unsigned int vcpus, bool no_slot)
{
	struct hf_vm *h = calloc(1, sizeof(*h));

	GM_SETUP(h, "out of memory");
	h->page = page;
	h->in_one = page / PG;
	h->n = n;
	gm_pool_read(&h->pool, page);
	h->w = GM_FIXTURE(.size = (no_slot ? 2 : 1) * n * page, .file_size = n * page,
			  .file_page = page, .starts_private = true, .vcpus = vcpus,
			  .guest_page = GM_1G, .no_slot = no_slot, .uaddr = GM_UADDR_NONE);
	h->mapped = calloc(n * h->in_one, sizeof(*h->mapped));
	h->private = malloc(n * h->in_one * sizeof(*h->private));
	h->shared = calloc(n, sizeof(*h->shared));
	h->poisoned = calloc(n, sizeof(*h->poisoned));
	GM_SETUP(h->mapped && h->private && h->shared && h->poisoned, "out of memory");
	memset(h->private, true, n * h->in_one);
	if (!no_slot)
		h->slot[0] = (struct hf_slot){ .n = n * h->in_one, .gfn = GFN(h->w->gpa) };
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
	free(h->mapped);
	free(h->private);
	free(h->shared);
	free(h->poisoned);
	free(h);
}

/* --- slots --- */

static const struct hf_slot *slot_of(const struct hf_vm *h, uint64_t p)
{
	for (unsigned int i = 0; i < HF_SLOTS; i++)
		if (p - h->slot[i].first < h->slot[i].n)
			return &h->slot[i];
	return NULL;
}

uint64_t hf_gfn(const struct hf_vm *h, uint64_t p)
{
	const struct hf_slot *s = slot_of(h, p);

	GM_SETUP(s, "page %lu of the file is in no slot", p);
	return s->gfn + p - s->first;
}

/* How many pages from p on are in the same slot, or in none. */
static uint64_t run_of(const struct hf_vm *h, uint64_t p, uint64_t end)
{
	const struct hf_slot *s = slot_of(h, p);
	uint64_t n = 1;

	while (p + n < end && slot_of(h, p + n) == s)
		n++;
	return n;
}

/* --- the model --- */

static enum gm_size whole(const struct hf_vm *h)
{
	return h->page == GM_1G ? GM_SIZE_1G : GM_SIZE_2M;
}

static bool slot_has(const struct hf_slot *s, uint64_t p, uint64_t n)
{
	return p >= s->first && p + n <= s->first + s->n;
}

/*
 * The entry that an access to the page gets. If the slot has only a part of a private GiB, that
 * part is mapped by 2 MiB where it can be.
 */
static enum gm_size allowed(const struct hf_vm *h, uint64_t p)
{
	const struct hf_slot *s = slot_of(h, p);
	uint64_t huge = p / h->in_one;

	if (h->shared[huge] || h->poisoned[huge] || (s->gfn ^ s->first) % h->in_one)
		return GM_SIZE_4K;
	if (slot_has(s, huge * h->in_one, h->in_one))
		return whole(h);
	if (h->page == GM_1G && slot_has(s, p / 512 * 512, 512))
		return GM_SIZE_2M;
	return GM_SIZE_4K;
}

static uint64_t pages_of(enum gm_size size)
{
	return gm_size_bytes(size) / PG;
}

/* Removes all entries that map a page of [p, p + n). */
static void unmap(struct hf_vm *h, uint64_t p, uint64_t n)
{
	for (uint64_t i = p; i < p + n; i++) {
		enum gm_size size = h->mapped[i];

		if (size == GM_SIZE_NONE)
			continue;
		h->now.pages[size]--;
		memset(h->mapped + i / pages_of(size) * pages_of(size), GM_SIZE_NONE,
		       pages_of(size));
	}
}

static void map(struct hf_vm *h, uint64_t p, enum gm_size size)
{
	uint64_t n = pages_of(size), first = p / n * n;

	unmap(h, first, n);
	memset(h->mapped + first, size, n);
	h->now.pages[size]++;
}

void hf_touched(struct hf_vm *h, uint64_t p)
{
	if (h->mapped[p] != GM_SIZE_NONE)
		return;
	h->now.fixed++;
	map(h, p, allowed(h, p));
}

void hf_converted(struct hf_vm *h, uint64_t p, uint64_t n, bool to_private)
{
	for (uint64_t i = p; i < p + n; i++) {
		if (h->private[i] == to_private)
			continue;
		h->private[i] = to_private;
		h->shared[i / h->in_one] += to_private ? -1 : 1;
		unmap(h, i, 1);
	}
	for (uint64_t at = p, run; at < p + n; at += run) {
		run = run_of(h, at, p + n);
		if (slot_of(h, at))
			gm_model_convert(h->w->model, hf_gfn(h, at), run, to_private);
	}
}

void hf_unmapped(struct hf_vm *h, uint64_t huge)
{
	unmap(h, huge * h->in_one, h->in_one);
}

void hf_poisoned(struct hf_vm *h, uint64_t p)
{
	h->poisoned[p / h->in_one] = true;
	unmap(h, p, 1);
}

/* --- steps, in the kernel and in the model --- */

void hf_slot(struct hf_vm *h, unsigned int i, uint64_t at, uint64_t n, uint64_t first)
{
	struct hf_slot *s = &h->slot[i];

	gm_fixture_slot(h->w, GM_SLOT + i, h->w->gpa + at * PG, n * PG, first * PG);
	*s = (struct hf_slot){ .first = first, .n = n, .gfn = GFN(h->w->gpa) + at };
	for (uint64_t p = 0; p < n; p++)
		gm_model_convert(h->w->model, s->gfn + p, 1, h->private[first + p]);
}

void hf_slot_delete(struct hf_vm *h, unsigned int i)
{
	struct hf_slot *s = &h->slot[i];

	gm_slot_delete(h->w->vm, GM_SLOT + i);
	unmap(h, s->first, s->n);
	*s = (struct hf_slot){};
}

void hf_write(struct hf_vm *h, unsigned int v, uint64_t p, uint64_t n)
{
	for (uint64_t end = p + n, run; p < end; p += run) {
		run = run_of(h, p, end);
		gm_fixture_fill(h->w, v, hf_gfn(h, p), run);
		for (uint64_t i = 0; i < run; i++)
			hf_touched(h, p + i);
	}
}

void hf_touch(struct hf_vm *h, unsigned int v, uint64_t p, uint64_t nr, uint64_t step)
{
	struct gm_batch s;

	gm_batch_init(&s, h->w, v);
	gm_batch_touch(&s, hf_gfn(h, p), nr, step);
	gm_batch_flush(&s);
	for (uint64_t i = 0; i < nr; i++)
		hf_touched(h, p + i * step);
}

void hf_check(struct hf_vm *h, uint64_t p, uint64_t n, const char *when)
{
	for (uint64_t end = p + n, run; p < end; p += run) {
		run = run_of(h, p, end);
		gm_fixture_check_guest(h->w, 0, hf_gfn(h, p), run, 1, when);
		for (uint64_t i = 0; i < run; i++)
			hf_touched(h, p + i);
	}
}

void hf_convert(struct hf_vm *h, uint64_t p, uint64_t n, bool to_private)
{
	gm_gmem_convert(h->w->gmem, p * PG, n * PG, to_private);
	hf_converted(h, p, n, to_private);
}

void hf_guest_convert(struct hf_vm *h, unsigned int v, uint64_t p, uint64_t n, bool to_private)
{
	gm_guest_convert(h->w->vm, v, hf_gpa(h, p), n, to_private);
	hf_converted(h, p, n, to_private);
}

void hf_prefault(struct hf_vm *h, unsigned int v, uint64_t p, uint64_t n)
{
	gm_prefault_all(h->w->vm, v, hf_gpa(h, p), n * PG);
	for (uint64_t i = p; i < p + n; i++)
		if (h->mapped[i] < allowed(h, i))
			map(h, i, allowed(h, i));
}

void hf_punch(struct hf_vm *h, uint64_t huge, uint64_t nr)
{
	gm_fixture_punch_file(h->w, huge * h->page, nr * h->page);
	for (uint64_t i = huge; i < huge + nr; i++) {
		hf_unmapped(h, i);
		h->poisoned[i] = false;
	}
}

/* --- checks --- */

void hf_forget_faults(struct hf_vm *h)
{
	struct gm_page_counts now;

	gm_page_counts_read(h->w->vm, &now);
	h->now.fixed = now.fixed - h->start.fixed;
}

bool hf_expect(struct hf_vm *h, const char *fmt, ...)
{
	char when[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(when, sizeof(when), fmt, ap);
	va_end(ap);
	return gm_page_counts_expect(h->w->vm, &h->start, &h->now, when);
}

bool hf_expect_pool(struct hf_vm *h, uint64_t allocated, const char *when)
{
	return gm_pool_expect(&h->pool, allocated, h->n - allocated, when);
}
