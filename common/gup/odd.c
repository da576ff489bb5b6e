// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges that begin and end inside a page: exactly their bytes are moved, although the kernel works
 * page by page: gup.ordinary.
 */
#include <sys/mman.h>

#include "access/access.h"
#include "gm.h"
#include "access/matrix.h"

#define SPACE GM_MATRIX_CTL_LEN
#define REST 0x5a

/* Does the probe move bytes, not pages or a word of each page? */
static bool by_bytes(const struct gm_probe *p)
{
	const unsigned int other = GM_ACC_WORD | GM_ACC_OPAQUE | GM_ACC_SLOW | GM_ACC_DROPS |
				   GM_ACC_REMAPS | GM_ACC_HARMFUL | GM_ACC_DENIED | GM_ACC_NO_VA |
				   GM_ACC_FULL | GM_ACC_PAGES;

	if (p->flags & other || !(p->flags & (GM_ACC_READ | GM_ACC_WRITE)))
		return false;
	return (p->path == GM_PATH_UACCESS || p->path == GM_PATH_REMOTE || p->path == GM_PATH_GUP ||
		p->path == GM_PATH_PROCMEM || p->path == GM_PATH_PIN) &&
	       gm_access_want(p, GM_CLASS_ORDINARY).kind == GM_WANT_REACH &&
	       gm_matrix_needs(p->needs);
}

/* Byte i of the memory before the probe, or of a writer's buffer. */
static uint8_t byte(size_t i, bool writes)
{
	return (i * 7 + i / GM_PAGE_SIZE * 13 + (writes ? 101 : 3)) % 251;
}

static void try_at(const struct gm_probe *p, uint8_t *mem, size_t at, size_t len)
{
	bool writes = p->flags & GM_ACC_WRITE;
	struct gm_access a = { .probe = p, .hva = mem + at, .len = len, .fd = -1 };
	struct gm_want w = gm_access_want(p, GM_CLASS_ORDINARY);
	struct gm_outcome o;

	a.buf = gm_matrix_buf(SPACE);
	for (size_t i = 0; i < SPACE; i++) {
		mem[i] = byte(i, false);
		a.buf[i] = writes ? byte(i, true) : REST;
	}
	o = gm_access_run(&a);
	if (!gm_matrix_judge(&a, &o, &w, NULL, "a range inside its pages"))
		goto out;
	for (size_t i = 0; i < SPACE; i++) {
		bool in = i >= at && i < at + len;
		uint8_t want = in && writes ? byte(i - at, true) : byte(i, false);

		if (!GM_EXPECT(
			    mem[i] == want,
			    "%s of %zu bytes at byte %zu: byte %zu of the memory is %#x, expected %#x",
			    p->name, len, at, i, mem[i], want))
			goto out;
		if (writes || !(p->flags & GM_ACC_READ))
			continue;
		want = i < len ? byte(at + i, false) : REST;
		if (!GM_EXPECT(
			    a.buf[i] == want,
			    "%s of %zu bytes at byte %zu: byte %zu of the buffer is %#x, expected %#x",
			    p->name, len, at, i, a.buf[i], want))
			goto out;
	}
out:
	munmap(a.buf, SPACE);
}

GM_CASE(odd, .name = "gup.ordinary.odd", .clause = "gup.ordinary", .profile = "any",
	.text = "every probe that moves bytes, on ranges that begin and end inside a page: exactly those bytes",
	.caps = GM_CAPS_ALL, .timeout = 60)
{
	static const struct {
		size_t at, len;
	} how[] = {
		{ 2048, 4096 },
		{ 520, 2 * 4096 + 1000 },
		{ 4096 - 8, 16 },
		{ 3, 4096 - 3 },
	};
	struct gm_mem *m = gm_mem_new(GM_MEM_ANON, SPACE);
	const struct gm_probe *p;
	unsigned int nr_probes = 0;

	for (size_t i = 0; (p = gm_probe_at(i)); i++) {
		if (!by_bytes(p))
			continue;
		gm_matrix_control(p);
		for (size_t k = 0; k < sizeof(how) / sizeof(how[0]); k++)
			try_at(p, m->hva, how[k].at, how[k].len);
		nr_probes++;
	}
	gm_note("%u probes", nr_probes);
	gm_mem_free(m);
}
