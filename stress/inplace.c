// SPDX-License-Identifier: GPL-2.0-only
/* Conversion in place: a private page refuses the host, and no access goes to userspace_addr. */
#include <sys/mman.h>

#include "judge.h"

unsigned int st_states(struct st_run *r, uint32_t i, uint32_t page)
{
	return st_oracle_states(r->oracle, page, st_when_of(r, i));
}

/*
 * Whether each page of the operation may have been shared; if not, *page is the first private one.
 */
static bool all_shared(struct st_run *r, uint32_t i, uint32_t *page)
{
	const struct gm_sop *op = &r->prog.op[i];

	for (*page = op->page; *page - op->page < op->len; ++*page)
		if (!(st_states(r, i, *page) & ST_SHARED))
			return false;
	return true;
}

/* Whether any page of the operation may have been private. */
static bool any_private(struct st_run *r, uint32_t i)
{
	const struct gm_sop *op = &r->prog.op[i];

	for (uint32_t p = op->page; p - op->page < op->len; p++)
		if (st_states(r, i, p) & ST_PRIVATE)
			return true;
	return false;
}

bool st_expect_access(struct st_run *r, uint32_t i, const char *clause)
{
	char want[100];
	long ret = r->res[i].ret;
	uint32_t page;

	if (!ret && !all_shared(r, i, &page)) {
		snprintf(want, sizeof(want), "-14 EFAULT: page %#x is private", page);
		return st_wrong(r, i, clause, want);
	}
	if (ret == -EFAULT && !any_private(r, i))
		return st_wrong(r, i, "conv.inplace_shared", "0: all pages are shared");
	return true;
}

bool st_expect_touch(struct st_run *r, uint32_t i, uint32_t page, const struct gm_ring_log *log)
{
	bool refused = log && !log->count;
	unsigned int may = st_states(r, i, page);

	r->out->reads++;
	if (may & (refused ? ST_PRIVATE : ST_SHARED))
		return true;
	r->out->page = page;
	r->out->has_page = true;
	return st_fail(r, i, refused ? "conv.inplace_shared" : "gup.cpu_load",
		       "operation %u (%s) touched page %#x (gpa %#lx): observed %s; expected %s",
		       i + 1, st_op_str(&r->prog.op[i]), page, st_gpa(page),
		       refused ? "SIGBUS" : "success",
		       refused ? "success, the page is shared" : "SIGBUS, the page is private");
}

bool st_expect_untouched(struct st_run *r)
{
	size_t n = r->mem->size / GM_PAGE_SIZE;
	unsigned char *in = malloc(n);
	bool ok = true;

	GM_SETUP(in && !mincore(r->mem->hva, r->mem->size, in), "mincore: %s",
		 gm_errno_name(errno));
	for (size_t i = 0; r->inplace && i < n && ok; i++) {
		ok = !(in[i] & 1);
		if (!ok)
			st_fail(r, r->prog.nr - 1, "fd.gmem_only",
				"page %zu of the memory at userspace_addr was touched; expected all accesses in the file",
				i);
	}
	free(in);
	return ok;
}
