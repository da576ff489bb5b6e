// SPDX-License-Identifier: GPL-2.0-only
/* The guest-memory fixture: a VM, its slot, and the model of what its memory must hold. */
#include <sys/mman.h>

#include "batch.h"
#include "fixture.h"
#include "main.h"

/* A shared mapping of the whole file, at a 2 MiB border as the memory of hosts mostly is. */
static uint8_t *map_file(int gmem, uint64_t size)
{
	uint8_t *hva = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, gmem, 0);

	GM_GRANTED(hva != MAP_FAILED, "mmap of the guest_memfd: %s", gm_errno_name(errno));
	return hva;
}

void gm_fixture_file(struct gm_fixture *w)
{
	w->gmem = gm_gmem_new(w->vm, w->file_size, w->flags);
	if (!w->provider->file_serves_shared)
		return;
	w->hva = map_file(w->gmem, w->file_size);
	w->vm->file_map = w->hva;
	w->vm->file_map_of = w->gmem;
}

struct gm_fixture *gm_fixture_new(const struct gm_fixture_args *args)
{
	struct gm_fixture *w = calloc(1, sizeof(*w));
	struct gm_vm_args vm = { .kind = GM_VM_SW_PROTECTED,
				 .vcpus = args->vcpus ?: 1,
				 .on_convert = args->on_convert };

	GM_SETUP(w, "out of memory");
	w->gpa = args->gpa ?: GM_BASE;
	w->size = args->size;
	w->file_size = args->file_size ?: args->size;
	w->gmem = -1;
	w->host_touches = args->host_touches;
	if (args->host_touches && !args->on_convert)
		vm.on_convert = gm_vm_convert_on_request_retry;
	/* One page table of the guest per GiB, and what the case says. */
	vm.extra_pages = args->size / GM_1G + 8 + args->extra_pages;
	w->vm = gm_vm_new(&vm);
	w->vm->user = w;
	w->provider = w->vm->provider;
	GM_SETUP(!args->no_gmem || args->no_slot || !w->provider->file_serves_shared,
		 "a slot without guest_memfd cannot be converted by %s",
		 gm_provider_name(w->provider->id));
	GM_SETUP(!args->starts_private || w->provider->file_serves_shared,
		 "%s has no file that starts private", gm_provider_name(w->provider->id));
	w->flags = (args->starts_private ? w->provider->flags_private : w->provider->flags_shared) |
		   args->more_flags;
	w->mem = gm_mem_new(args->mem, args->mem_size ?: args->size);
	w->uaddr = w->mem->hva;
	w->hva = w->mem->hva;
	w->model = gm_model_new(GFN(w->gpa), PAGES(w->size), w->provider->content);
	if (args->starts_private)
		gm_model_convert(w->model, GFN(w->gpa), PAGES(w->size), true);
	gm_rng_init(&w->rng, gm_seed());
	if (!args->no_gmem)
		gm_fixture_file(w);
	if (args->uaddr_is_file)
		w->uaddr = w->hva;
	if (!args->no_slot)
		gm_fixture_slot(w, GM_SLOT, w->gpa, w->size, 0);
	if (!args->no_map)
		gm_vm_map(w->vm, w->gpa, w->size, args->guest_page ?: GM_2M);
	return w;
}

bool gm_fixture_one_memory(const struct gm_fixture *w)
{
	return gm_model_rule(w->model) == GM_CONTENT_ONE_MEMORY;
}

void gm_fixture_slot(struct gm_fixture *w, uint32_t id, uint64_t gpa, uint64_t size, uint64_t off)
{
	gm_slot_set(w->vm, id, 0, gpa, size, w->uaddr + off, w->gmem, off);
}

/* Where the host sees the page: by its slot; without a slot, by its place in the fixture's range. */
static uint8_t *host_view(struct gm_fixture *w, uint64_t gfn)
{
	return gm_hva(w->vm, GPA(gfn)) ?: w->hva + GPA(gfn) - w->gpa;
}

/* Where the file serves shared accesses, nothing ever comes to userspace_addr. */
static void expect_untouched(struct gm_fixture *w)
{
	size_t n = w->mem->size / sysconf(_SC_PAGESIZE);
	unsigned char *in;

	if (!w->provider->file_serves_shared || w->uaddr == w->hva)
		return;
	in = malloc(n);
	GM_SETUP(in && !mincore(w->mem->hva, w->mem->size, in), "mincore: %s",
		 gm_errno_name(errno));
	gm_checked();
	for (size_t i = 0; i < n; i++) {
		if (!(in[i] & 1))
			continue;
		GM_FAIL_AT(
			GM_PAGE(.hva = (uintptr_t)w->mem->hva + i * sysconf(_SC_PAGESIZE)),
			"memory at userspace_addr was touched, page %zu of %zu: every access goes to the file",
			i, n);
		break;
	}
	free(in);
}

void gm_fixture_free(struct gm_fixture *w)
{
	expect_untouched(w);
	gm_vm_free(w->vm);
	if (w->hva != w->mem->hva)
		munmap(w->hva, w->file_size);
	if (w->gmem >= 0)
		close(w->gmem);
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
	if (!w->provider->file_serves_shared) {
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
		/* Attributes live in the file, which takes them where no slot is, too. */
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

void gm_fixture_host_write(struct gm_fixture *w, uint64_t gfn, uint64_t n)
{
	unsigned int gen = gm_fixture_gen(w);

	for (uint64_t end = gfn + n; gfn < end; gfn++) {
		if (w->provider->file_serves_shared && gm_model_private(w->model, gfn))
			continue;
		gm_host_fill(host_view(w, gfn), gfn, 1, GM_HALF_HOST, gen);
		gm_model_host_wrote(w->model, gfn, 1, GM_HALF_HOST, gen);
	}
}

bool gm_host_sees(const void *hva)
{
	/* A path that cannot be read is EFAULT; any other result says that it was read. */
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
		struct gm_page page = gm_vm_page(w->vm, GPA(gfn));

		if (w->provider->file_serves_shared && gm_model_private(w->model, gfn)) {
			GM_EXPECT_AT(&page, !gm_host_sees((void *)word),
				     "%s: the host reaches a private page of the file", when);
			continue;
		}
		for (unsigned int i = 0; i < GM_PAGE_WORDS; i += step) {
			uint64_t want = c.half ? gm_word(gfn, c.half, c.gen, i) : 0, got = word[i];

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
	if (!w->provider->file_serves_shared)
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
