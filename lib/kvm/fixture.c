// SPDX-License-Identifier: GPL-2.0-only
/* The guest-memory fixture: a VM, its slot, and the model of its memory. */
#include <sys/mman.h>

#include "batch.h"
#include "fixture.h"
#include "gmem_huge.h"
#include "main.h"
#include "platform.h"
#include "pool.h"

const struct gm_flavour gm_p1 = {
	.kind = GM_VM_DEFAULT,
	.flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED,
};

const struct gm_flavour gm_p1p = { .kind = GM_VM_DEFAULT, .flags = GUEST_MEMFD_FLAG_MMAP };

bool gm_flavour_private(const struct gm_flavour *f)
{
	bool shared = f->flags & GUEST_MEMFD_FLAG_INIT_SHARED;

	return shared == (f->conversions & 1);
}

bool gm_flavour_host(const struct gm_flavour *f)
{
	return (f->flags & GUEST_MEMFD_FLAG_MMAP) && !gm_flavour_private(f);
}

enum gm_writer gm_flavour_writer(const struct gm_flavour *f)
{
	return gm_flavour_private(f) ? GM_WRITER_PRIVATE : GM_WRITER_SHARED;
}

int gm_flavour_gmem(struct gm_vm *vm, const struct gm_flavour *f, uint64_t size)
{
	int gmem = gm_gmem_new(vm, size, f->flags);

	for (unsigned int i = 0; i < f->conversions; i++)
		gm_gmem_convert(gmem, 0, size,
				(i & 1) != !!(f->flags & GUEST_MEMFD_FLAG_INIT_SHARED));
	return gmem;
}

/* A shared mapping of the whole file. */
static uint8_t *map_file(int gmem, uint64_t size)
{
	uint8_t *hva = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, gmem, 0);

	GM_GRANTED(hva != MAP_FAILED, "mmap of the guest_memfd: %s", gm_errno_name(errno));
	return hva;
}

/* A pool that is too small is the host's choice, but a pool that is large enough must do. */
static void need_pool(uint64_t page, uint64_t size)
{
	struct gm_pool pool;
	long need = size / page;

	gm_pool_read(&pool, page);
	if (pool.free - pool.resv < need)
		gm_skip("the pool of huge pages is too small",
			"%ld more free pages of %lu KiB (/sys/kernel/mm/hugepages)",
			need - (pool.free - pool.resv), page / 1024);
}

void gm_fixture_file(struct gm_fixture *w)
{
	if (w->file_page)
		need_pool(w->file_page, w->file_size);
	w->gmem = gm_flavour_gmem(w->vm, &w->file, w->file_size);
	if (!w->file_serves_shared)
		return;
	w->hva = NULL;
	if (w->file.flags & GUEST_MEMFD_FLAG_MMAP)
		w->hva = map_file(w->gmem, w->file_size);
	w->vm->file_map = w->hva;
	w->vm->file_map_of = w->gmem;
	if (w->uaddr_is_hva)
		w->uaddr = w->hva;
}

/* Sets the flags of the file, and where shared memory and userspace_addr are. */
static void choose_memory(struct gm_fixture *w, const struct gm_fixture_args *args)
{
	const struct gm_provider *p = w->provider;
	uint64_t page = args->file_page ?: p && !args->flavour ? p->file_page : 0;

	w->file_serves_shared = p ? p->file_serves_shared : !args->no_gmem;
	if (args->flavour) {
		w->file = *args->flavour;
		w->starts_private = gm_flavour_private(&w->file);
	} else {
		GM_SETUP(p, "no conversion provider for a SW_PROTECTED VM on this architecture");
		w->starts_private = args->starts_private;
		w->file.flags = args->starts_private ? p->flags_private : p->flags_shared;
	}
	w->file.flags |= args->more_flags;
	/* Files of huge pages begin private. */
	w->file_page = page;
	if (page) {
		w->file.flags |= gm_gmem_huge_flags(page);
		w->file.conversions = !w->starts_private;
		w->file_size = (w->file_size + page - 1) / page * page;
	}
	w->uses_uaddr = args->uses_uaddr;
	w->uaddr_is_hva = args->uaddr == GM_UADDR_SHARED ||
			  (args->uaddr == GM_UADDR_NONE && !w->starts_private &&
			   !gm_platform_has(GM_NEED_TDP));
}

struct gm_fixture *gm_fixture_new(const struct gm_fixture_args *args)
{
	struct gm_fixture *w = calloc(1, sizeof(*w));
	struct gm_vm_args vm = { .kind = args->flavour ? args->flavour->kind : GM_VM_SW_PROTECTED,
				 .vcpus = args->vcpus ?: 1,
				 .on_convert = args->on_convert,
				 .on_exit = args->on_exit };
	uint64_t page = args->guest_page ?: GM_2M;

	GM_SETUP(w, "out of memory");
	w->gpa = args->gpa ?: GM_BASE;
	w->size = args->size;
	w->file_size = args->file_size ?: args->size;
	w->gmem = -1;
	w->host_touches = args->host_touches;
	if (args->host_touches && !args->on_convert)
		vm.on_convert = gm_vm_convert_on_request_retry;
	/* A page table of the guest per GiB, and those that the case requests. */
	vm.extra_pages = args->size / GM_1G + 8 + args->extra_pages;
	w->vm = gm_vm_new(&vm);
	w->vm->user = w;
	if (args->provider)
		w->vm->provider = gm_provider_of(args->provider);
	w->provider = w->vm->provider;
	choose_memory(w, args);
	GM_SETUP(!args->no_gmem || args->no_slot || !w->file_serves_shared,
		 "a slot without guest_memfd cannot be converted by %s",
		 gm_provider_name(w->provider->id));
	if (args->uaddr == GM_UADDR_MEM ||
	    (args->uaddr == GM_UADDR_SHARED && (args->no_gmem || !w->file_serves_shared))) {
		w->mem = gm_mem_new(args->mem, args->mem_size ?: args->size);
		w->uaddr = w->mem->hva;
		w->hva = w->mem->hva;
	}
	w->model = gm_model_new(GFN(w->gpa), PAGES(w->size),
				w->provider ? w->provider->content : GM_CONTENT_ONE_MEMORY);
	if (w->starts_private)
		gm_model_convert(w->model, GFN(w->gpa), PAGES(w->size), true);
	gm_rng_init(&w->rng, gm_seed());
	if (!args->no_gmem)
		gm_fixture_file(w);
	if (!args->no_slot)
		gm_fixture_slot(w, GM_SLOT, w->gpa, w->size, 0);
	if (!args->no_map)
		gm_vm_map(w->vm, w->gpa, (w->size + page - 1) / page * page, page);
	return w;
}

bool gm_fixture_one_memory(const struct gm_fixture *w)
{
	return gm_model_rule(w->model) == GM_CONTENT_ONE_MEMORY;
}

void gm_fixture_slot(struct gm_fixture *w, uint32_t id, uint64_t gpa, uint64_t size, uint64_t off)
{
	uint64_t gfn = GFN(gpa), n = PAGES(size);

	gm_slot_set(w->vm, id, 0, gpa, size, w->uaddr ? w->uaddr + off : NULL, w->gmem, off);
	if (!w->starts_private || !w->provider || w->file_serves_shared)
		return;
	gm_convert(w->vm, gpa, size, true);
	if (gm_model_clip(w->model, &gfn, &n))
		gm_model_convert(w->model, gfn, n, true);
}

/* The host's address of the page: by its slot, or without one by its offset in the fixture. */
static uint8_t *host_view(struct gm_fixture *w, uint64_t gfn)
{
	uint8_t *hva = w->vm ? gm_hva(w->vm, GPA(gfn)) : NULL;

	return hva || !w->hva ? hva : w->hva + GPA(gfn) - w->gpa;
}

/* If shared memory is in the file, no access may reach the memory at userspace_addr. */
static void expect_uaddr_unused(struct gm_fixture *w)
{
	unsigned char *in;
	size_t n;

	if (!w->file_serves_shared || !w->mem || w->uaddr == w->hva || w->uses_uaddr)
		return;
	n = w->mem->size / sysconf(_SC_PAGESIZE);
	in = malloc(n);
	GM_SETUP(in && !mincore(w->mem->hva, w->mem->size, in), "mincore: %s",
		 gm_errno_name(errno));
	gm_checked();
	for (size_t i = 0; i < n; i++) {
		if (!(in[i] & 1))
			continue;
		GM_FAIL_AT(
			GM_PAGE(.hva = GM_AT((uintptr_t)w->mem->hva + i * sysconf(_SC_PAGESIZE))),
			"memory at userspace_addr was accessed, page %zu of %zu: expected all accesses in the file",
			i, n);
		break;
	}
	free(in);
}

void gm_fixture_unmap(struct gm_fixture *w)
{
	uint8_t *mem = w->mem ? w->mem->hva : NULL;

	if (w->hva != mem)
		munmap(w->hva, w->file_size);
	w->hva = mem;
	if (w->vm)
		w->vm->file_map = NULL;
}

void gm_fixture_close(struct gm_fixture *w)
{
	gm_fixture_unmap(w);
	if (w->gmem >= 0)
		close(w->gmem);
	w->gmem = -1;
}

void gm_fixture_free(struct gm_fixture *w)
{
	expect_uaddr_unused(w);
	if (w->vm)
		gm_vm_free(w->vm);
	w->vm = NULL;
	gm_fixture_close(w);
	if (w->mem)
		gm_mem_free(w->mem);
	gm_model_free(w->model);
	free(w);
}

unsigned int gm_fixture_gen(struct gm_fixture *w)
{
	return ++w->gen % 65535 + 1;
}

uint64_t gm_fixture_random(struct gm_fixture *w, uint64_t n)
{
	return gm_rng_below(&w->rng, n);
}

static void convert(struct gm_fixture *w, uint64_t gfn, uint64_t n, bool to_private)
{
	if (w->host_touches)
		GM_GRANTED(!__gm_convert_retry(w->vm, GPA(gfn), GPA(n), to_private),
			   "conversion of %lu pages from gfn %#lx: %s", n, gfn,
			   gm_errno_name(errno));
	else
		gm_convert(w->vm, GPA(gfn), GPA(n), to_private);
}

void gm_fixture_convert(struct gm_fixture *w, uint64_t gfn, uint64_t n, bool to_private)
{
	if (!w->file_serves_shared) {
		convert(w, gfn, n, to_private);
		gm_model_convert(w->model, gfn, n, to_private);
		return;
	}
	for (uint64_t at = gfn, end = gfn + n, run; at < end; at += run) {
		const struct gm_slot *s = gm_slot_at(w->vm, GPA(at));

		run = s && GFN(s->gpa + s->size) < end ? GFN(s->gpa + s->size) - at : end - at;
		if (s) {
			convert(w, at, run, to_private);
			continue;
		}
		/*
		 * The attributes are in the file: pages without a slot are converted by the file.
		 */
		for (run = 1; at + run < end && !gm_slot_at(w->vm, GPA(at + run)); run++)
			;
		gm_gmem_convert(w->gmem, GPA(at) - w->gpa, GPA(run), to_private);
	}
	gm_model_convert(w->model, gfn, n, to_private);
}

void gm_fixture_punch(struct gm_fixture *w, uint64_t gfn, uint64_t n)
{
	gm_gmem_punch(w->gmem, GPA(gfn) - w->gpa, GPA(n));
	gm_model_punched(w->model, gfn, n);
}

void gm_fixture_punch_file(struct gm_fixture *w, uint64_t off, uint64_t len)
{
	gm_gmem_punch(w->gmem, off, len);
	for (int i = 0; i < GM_MAX_SLOTS; i++) {
		const struct gm_slot *s = &w->vm->slot[i];
		uint64_t from = s->gmem_off, end = from + s->size, gfn, n;

		if (from < off)
			from = off;
		if (end > off + len)
			end = off + len;
		if (!s->used || s->gmem != w->gmem || from >= end)
			continue;
		gfn = GFN(s->gpa + from - s->gmem_off);
		n = PAGES(end - from);
		if (gm_model_clip(w->model, &gfn, &n))
			gm_model_punched(w->model, gfn, n);
	}
}

void gm_fixture_fill(struct gm_fixture *w, unsigned int v, uint64_t gfn, uint64_t n)
{
	struct gm_batch s;

	gm_batch_init(&s, w, v);
	gm_batch_fill(&s, gfn, n, 1);
	gm_batch_flush(&s);
}

uint64_t gm_fixture_word(struct gm_fixture *w, uint64_t gfn)
{
	struct gm_content c = gm_model_guest(w->model, gfn);

	return c.writer ? gm_word(gfn, c.writer, c.gen, 0) : 0;
}

void gm_fixture_host_write(struct gm_fixture *w, uint64_t gfn, uint64_t n)
{
	unsigned int gen = gm_fixture_gen(w);

	for (uint64_t end = gfn + n; gfn < end; gfn++) {
		if (w->file_serves_shared && gm_model_private(w->model, gfn))
			continue;
		gm_host_fill(host_view(w, gfn), gfn, 1, GM_WRITER_HOST, gen);
		gm_model_host_wrote(w->model, gfn, 1, GM_WRITER_HOST, gen);
	}
}

bool gm_host_sees(const void *hva)
{
	/* EFAULT: the kernel cannot read the path at hva. Any other result: it can. */
	errno = 0;
	return !access(hva, F_OK) || errno != EFAULT;
}

void gm_fixture_check_host(struct gm_fixture *w, uint64_t gfn, uint64_t n, unsigned int stride,
			   const char *when)
{
	for (uint64_t end = gfn + n; gfn < end; gfn++) {
		volatile uint64_t *word = (void *)host_view(w, gfn);
		struct gm_content c = gm_model_memory(w->model, gfn, false);
		unsigned int step = c.stride > stride ? c.stride : stride;
		struct gm_page page =
			*GM_PAGE(.gpa = GM_AT(GPA(gfn)), .hva = GM_AT((uintptr_t)word));

		if (w->vm)
			page = gm_vm_page(w->vm, GPA(gfn));
		if (w->file_serves_shared && gm_model_private(w->model, gfn)) {
			GM_EXPECT_AT(&page, !word || !gm_host_sees((void *)word),
				     "%s: the host can read a private page of the file", when);
			continue;
		}
		for (unsigned int i = 0; i < GM_PAGE_WORDS; i += step) {
			uint64_t want = c.writer ? gm_word(gfn, c.writer, c.gen, i) : 0,
				 got = word[i];

			if (got != want) {
				GM_FAIL_AT(
					&page,
					"%s: the host read word %u of the shared page: expected %s, observed %s",
					when, i, gm_word_str(want), gm_word_str(got));
				break;
			}
		}
		gm_checked();
		if (gm_failures() > 8)
			gm_end();
	}
}

void gm_fixture_check_guest(struct gm_fixture *w, unsigned int v, uint64_t gfn, uint64_t n,
			    unsigned int stride, const char *when)
{
	struct gm_batch s;

	gm_batch_init(&s, w, v);
	s.now.when = when;
	gm_batch_check(&s, gfn, n, stride);
	gm_batch_flush(&s);
}

void gm_fixture_check_each(struct gm_fixture *w, unsigned int v, const char *when)
{
	uint64_t gfn = GFN(w->gpa), end = gfn + PAGES(w->size);
	struct gm_batch s;

	gm_batch_init(&s, w, v);
	s.now.when = when;
	if (!w->file_serves_shared)
		gm_batch_check(&s, gfn, PAGES(w->size), 512);
	for (; gfn < end; gfn += 512) {
		gm_batch_check(&s, gfn, 1, 512);
		gm_batch_check(&s, gfn + 511, 1, 512);
	}
	gm_batch_flush(&s);
}

void gm_fixture_check_all(struct gm_fixture *w, unsigned int v, const char *when)
{
	uint64_t gfn = GFN(w->gpa), n = PAGES(w->size);

	gm_fixture_check_guest(w, v, gfn, n, 1, when);
	gm_fixture_check_host(w, gfn, n, 1, when);
	gm_fixture_convert(w, gfn, n, true);
	gm_fixture_check_guest(w, v, gfn, n, 1, when);
	gm_fixture_convert(w, gfn, n, false);
	gm_fixture_check_guest(w, v, gfn, n, 1, when);
	gm_fixture_check_host(w, gfn, n, 1, when);
}
