// SPDX-License-Identifier: GPL-2.0-only
/* A conversion splits the huge page that it hits and no other; the last one makes it whole again. */
#include "huge_file.h"

GM_FILE(.clause = "huge_file.split", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = HF_NEEDS | GM_NEEDS(GMEM_HUGE))

struct size {
	uint64_t page;
};

/* Where a huge page and its 2 MiB begin and end, and the middle; number in the huge page. */
static unsigned int places(const struct hf_vm *h, uint64_t *at)
{
	const uint64_t all[] = { 0,
				 1,
				 255,
				 256,
				 510,
				 511,
				 512,
				 513,
				 512 * 256 - 1,
				 512 * 256,
				 512 * 511 - 1,
				 512 * 511,
				 512 * 512 - 2,
				 512 * 512 - 1 };
	unsigned int n = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i] < h->in_one)
			at[n++] = all[i];
	return n;
}

GM_CASES(one_page, struct size, v)
{
	struct hf_vm *h = hf_new(v->page, 3, 1);
	uint64_t at[16];
	unsigned int n = places(h, at);

	for (uint64_t huge = 0; huge < h->n; huge++)
		hf_write(h, 0, huge * h->in_one, 1);
	hf_expect(h, "three huge pages, all private");
	for (unsigned int i = 0; i < n; i++) {
		uint64_t huge = i % h->n, p = huge * h->in_one + at[i];
		uint64_t beside = at[i] ? p - 1 : p + 1;

		hf_convert(h, p, 1, false);
		hf_expect(h, "page %lu of huge page %lu became shared", at[i], huge);
		hf_write(h, 0, p, 1);
		hf_write(h, 0, beside, 1);
		for (uint64_t other = 0; other < h->n; other++)
			if (other != huge)
				hf_write(h, 0, other * h->in_one + at[i], 1);
		hf_expect(h, "page %lu is shared, all touched", at[i]);
		hf_convert(h, p, 1, true);
		hf_expect(h, "page %lu became private again", at[i]);
		hf_check(h, p, 1, "the page, private again");
		hf_expect(h, "the huge page is whole again");
		hf_check(h, beside, 1, "the page beside it");
		hf_expect(h, "no fault more");
	}
	hf_free(h);
}

GM_ROW(one_page, one_2m, .name = "huge_file.split.one_page.2m", .huge_2m = 3,
       .text = "2 MiB pages: one page to shared and back, at every kind of place: exact counts of mappings and faults") = {
	.page = GM_2M
};
GM_ROW(one_page, one_1g, .name = "huge_file.split.one_page.1g", .huge_1g = 3,
       .text = "1 GiB pages: one page to shared and back, at every kind of place: exact counts of mappings and faults") = {
	.page = GM_1G
};
