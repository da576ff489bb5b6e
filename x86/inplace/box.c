// SPDX-License-Identifier: GPL-2.0-only
/* The fixture on a file whose pages all start private, and the contents that the cases begin with. */
#include <sys/mman.h>

#include "inplace.h"

struct gm_fixture *ip_fixture(bool private_first, const struct gm_fixture_args *args)
{
	struct gm_fixture_args mine = *args;
	struct gm_fixture *w;

	mine.no_slot = args->no_slot || private_first;
	w = gm_fixture_new(&mine);
	if (!private_first)
		return w;
	/* Another file in the place of the fixture's own. */
	munmap(w->hva, w->size);
	close(w->gmem);
	w->gmem = gm_gmem_new(w->vm, w->size, w->provider->flags_private);
	w->hva = mmap(NULL, w->size, PROT_READ | PROT_WRITE, MAP_SHARED, w->gmem, 0);
	GM_GRANTED(w->hva != MAP_FAILED, "mmap of the guest_memfd: %s", gm_errno_name(errno));
	w->vm->file_map = w->hva;
	w->vm->file_map_of = w->gmem;
	if (args->uaddr_is_file)
		w->uaddr = w->hva;
	gm_model_convert(w->model, GFN(w->gpa), PAGES(w->size), true);
	if (!args->no_slot)
		gm_fixture_slot(w, GM_SLOT, w->gpa, w->size, 0);
	return w;
}

void ip_all_shared(struct gm_fixture *w)
{
	uint64_t n = PAGES(w->size);
	struct gm_batch s;

	if (gm_model_private_pages(w->model))
		gm_fixture_convert(w, GFN(w->gpa), n, false);
	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, GFN(w->gpa), n, 8);
	gm_batch_flush(&s);
	for (uint64_t i = 0; i < n; i += 3)
		gm_fixture_host_write(w, ip_gfn(w, i), 1);
}

void ip_striped(struct gm_fixture *w)
{
	uint64_t n = PAGES(w->size);
	struct gm_batch s;

	ip_all_shared(w);
	gm_batch_init(&s, w, 0);
	for (uint64_t i = 1; i < n; i += 3) {
		gm_fixture_convert(w, ip_gfn(w, i), 1, true);
		gm_batch_fill(&s, ip_gfn(w, i), 1, 8);
	}
	gm_batch_flush(&s);
}
