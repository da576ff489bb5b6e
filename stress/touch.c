// SPDX-License-Identifier: GPL-2.0-only
/* The host's mapping of the guest_memfd, and loads and stores there, which may be refused. */
#include "access/access.h"
#include "exec.h"

uint8_t *st_map_room(const struct st_run *r)
{
	uint8_t *at = mmap(NULL, r->layout->pages * GM_PAGE_SIZE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	GM_SETUP(at != MAP_FAILED, "no room for a mapping: %s", gm_errno_name(errno));
	return at;
}

/* The host's mapping has the slots in the order of guest addresses, not of file offsets. */
void st_map_slot(const struct st_run *r, unsigned int i)
{
	const struct st_slot *s = &r->layout->slot[i];

	GM_GRANTED(mmap(st_hva(r, s->page), s->pages * GM_PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_FIXED, r->bound[i].gmem,
			r->bound[i].page * GM_PAGE_SIZE) != MAP_FAILED,
		   "mmap of the guest_memfd: %s", gm_errno_name(errno));
}

/* --- accesses of the host that may be refused --- */

struct touch {
	struct gm_access acc;
	uint32_t page;
	unsigned int words;
	uint64_t stamp;
	struct gm_ring_log *log;
};

static long read_page(const struct gm_access *acc)
{
	const struct touch *t = (const struct touch *)acc;

	return gm_ring_read((uint64_t *)acc->hva, t->page, t->words, t->log);
}

static long write_page(const struct gm_access *acc)
{
	const struct touch *t = (const struct touch *)acc;

	gm_ring_write((uint64_t *)acc->hva, t->stamp, t->words);
	return 0;
}

static unsigned int touch(struct touch *t)
{
	struct gm_outcome got = gm_access_run(&t->acc);

	if (!got.sig)
		return got.ret;
	/* Any other signal is an ERROR of the program. */
	GM_SETUP(got.sig == SIGBUS && got.addr - (uintptr_t)t->acc.hva < GM_PAGE_SIZE,
		 "a touch of page %#x: %s", t->page, gm_outcome_str(&got));
	*t->log = (struct gm_ring_log){ .page = t->page,
					.first = (got.addr - (uintptr_t)t->acc.hva) / 8 };
	return 1;
}

unsigned int st_try_read(const struct st_run *r, uint32_t page, unsigned int words,
			 struct gm_ring_log *log)
{
	static const struct gm_probe how = { .name = "hread", .run = read_page };
	struct touch t = { .acc = { .probe = &how, .hva = st_hva(r, page) },
			   .page = page,
			   .words = words,
			   .log = log };

	return touch(&t);
}

unsigned int st_try_write(const struct st_run *r, uint32_t page, unsigned int words, uint64_t stamp,
			  struct gm_ring_log *log)
{
	static const struct gm_probe how = { .name = "hwrite", .run = write_page };
	struct touch t = { .acc = { .probe = &how, .hva = st_hva(r, page) },
			   .page = page,
			   .words = words,
			   .stamp = stamp,
			   .log = log };

	return touch(&t);
}
