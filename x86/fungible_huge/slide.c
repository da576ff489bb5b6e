// SPDX-License-Identifier: GPL-2.0-only
/*
 * Users of hugetlbfs, ordinary VMs and confidential ones share one pool, from none to all
 * confidential and back: fungible.huge_slide.
 */
#include "fungible_huge.h"

GM_FILE(.clause = "fungible.huge_slide", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = FH_NEEDS)

#define MAX_USERS 6

/* A user of one huge page. */
struct user {
	enum use { NOBODY, HUGETLBFS, ORDINARY, CONFIDENTIAL } use;
	struct gm_mem *mem;
	struct gm_fixture *w;
};

static enum gm_mem_kind mem_kind(uint64_t page)
{
	return page == GM_1G ? GM_MEM_HUGE_1G : GM_MEM_HUGE_2M;
}

/* Each user finds zeros, at the places where the former users wrote. */
static void expect_zero(const uint8_t *hva, uint64_t page)
{
	gm_host_check_zero(hva, 2, "a page of the pool, first use");
	gm_host_check_zero(hva + page - 2 * PG, 2, "a page of the pool, first use");
}

static void start(struct user *u, enum use as, uint64_t page)
{
	const uint64_t last = page / PG - 2;

	u->use = as;
	if (as == HUGETLBFS) {
		u->mem = gm_mem_new(mem_kind(page), page);
		expect_zero(u->mem->hva, page);
		memset(u->mem->hva, 0x77, 2 * PG);
		memset(u->mem->hva + page - 2 * PG, 0x77, 2 * PG);
		return;
	}
	if (as == ORDINARY) {
		static const struct gm_flavour ordinary = { .kind = GM_VM_DEFAULT };

		u->w = GM_FIXTURE(.flavour = &ordinary, .size = page, .mem = mem_kind(page),
				  .no_gmem = true, .no_slot = true, .guest_page = GM_1G,
				  .uses_uaddr = true);
		gm_slot_set(u->w->vm, GM_SLOT, 0, GM_BASE, page, u->w->mem->hva, -1, 0);
		gm_guest_check_zero(u->w->vm, 0, GM_BASE, 2, "an ordinary VM's first use");
		gm_guest_fill(u->w->vm, 0, GM_BASE, 2, GM_WRITER_SHARED, 1);
		gm_guest_fill(u->w->vm, 0, GM_BASE + last * PG, 2, GM_WRITER_SHARED, 1);
		return;
	}
	u->w = fh_new(page, 1);
	gm_guest_check_zero(u->w->vm, 0, GM_BASE, 2, "a confidential VM's first use");
	gm_guest_check_zero(u->w->vm, 0, GM_BASE + last * PG, 2, "a confidential VM's first use");
	gm_fixture_fill(u->w, 0, fh_gfn(u->w, 0), 2);
	gm_fixture_fill(u->w, 0, fh_gfn(u->w, last), 2);
	for (int i = 0; i < 8; i++) {
		uint64_t p = gm_fixture_random(u->w, page / PG);

		gm_fixture_convert(u->w, fh_gfn(u->w, p), 1, i & 1);
		gm_fixture_fill(u->w, 0, fh_gfn(u->w, p), 1);
		gm_fixture_host_write(u->w, fh_gfn(u->w, p), 1);
	}
	/* Half of them end with shared pages in them. */
	gm_fixture_convert(u->w, fh_gfn(u->w, 1), 1, gm_fixture_random(u->w, 2));
}

static void end(struct user *u)
{
	if (u->use == HUGETLBFS)
		gm_mem_free(u->mem);
	else if (u->use != NOBODY)
		gm_fixture_free(u->w);
	u->use = NOBODY;
}

static void check(struct user *u, uint64_t page)
{
	const uint64_t last = page / PG - 2;

	if (u->use == HUGETLBFS) {
		GM_EXPECT(u->mem->hva[0] == 0x77 && u->mem->hva[page - 1] == 0x77,
			  "hugetlbfs: bytes %#x and %#x, expected 0x77", u->mem->hva[0],
			  u->mem->hva[page - 1]);
	} else if (u->use == ORDINARY) {
		gm_guest_check(u->w->vm, 0, GM_BASE, 2, GM_WRITER_SHARED, 1, "an ordinary VM");
		gm_guest_check(u->w->vm, 0, GM_BASE + last * PG, 2, GM_WRITER_SHARED, 1,
			       "an ordinary VM");
	} else if (u->use == CONFIDENTIAL) {
		gm_fixture_check_guest(u->w, 0, fh_gfn(u->w, 0), 2, 8, "a confidential VM");
		gm_fixture_check_guest(u->w, 0, fh_gfn(u->w, last), 2, 8, "a confidential VM");
	}
}

struct slide {
	unsigned int users, cycles;
};

GM_CASES(slide, struct slide, v)
{
	uint64_t page = fh_page(self);
	/* The pool has no other free page, so that each user needs that of the one before. */
	struct fh_rest rest = fh_rest_but(page, v->users);
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);
	struct user user[MAX_USERS] = { 0 };
	struct gm_pool before;

	gm_pool_read(&before, page);
	for (unsigned int i = 0; i < v->users; i++)
		start(&user[i], i & 1 ? ORDINARY : HUGETLBFS, page);
	for (unsigned int step = 0; step < 2 * v->users * v->cycles && !gm_failures(); step++) {
		unsigned int i = step % v->users;
		bool to_confidential = !(step / v->users & 1);
		char when[80];

		gm_pool_expect(&before, v->users, 0, "every page is used");
		fh_expect_none_left(vm, page, "every page is used");
		end(&user[i]);
		snprintf(when, sizeof(when), "step %u, user %u ended", step, i);
		fh_settle(&before, v->users - 1, 0, when);
		start(&user[i],
		      to_confidential  ? CONFIDENTIAL
		      : (i + step) & 1 ? HUGETLBFS
				       : ORDINARY,
		      page);
		for (unsigned int k = 0; k < v->users; k++)
			check(&user[k], page);
	}
	gm_pool_expect(&before, v->users, 0, "at the end");
	for (unsigned int i = 0; i < v->users; i++)
		end(&user[i]);
	fh_settle(&before, 0, 0, "all are gone");
	gm_vm_free(vm);
	fh_rest_end(&rest);
}

GM_ROW(slide, slide_2m, .name = "fungible.huge_slide.2m", .huge_2m = MAX_USERS,
       .text = "six users of all 2 MiB pages: hugetlbfs and ordinary VMs become confidential ones, one by one, and back, twice") = {
	.users = MAX_USERS, .cycles = 2
};
GM_ROW(slide, slide_1g, .name = "fungible.huge_slide.1g", .huge_1g = 3, .flags = GM_FULL_ONLY,
       .timeout = 300,
       .text = "three users of all 1 GiB pages: hugetlbfs and ordinary VMs become confidential ones, one by one, and back") = {
	.users = 3, .cycles = 1
};
