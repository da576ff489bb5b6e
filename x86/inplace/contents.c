// SPDX-License-Identifier: GPL-2.0-only
/* Initial contents of the cases. */
#include "inplace.h"

const struct ip_start ip_starts_shared = { .private_first = false };
const struct ip_start ip_starts_private = { .private_first = true };

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
