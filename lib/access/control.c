// SPDX-License-Identifier: GPL-2.0-only
/* The controls of the matrix: the same probe on ordinary memory. */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "case.h"
#include "check.h"
#include "matrix.h"
#include "platform.h"
#include "time_factor.h"

#define CTL_LEN GM_MATRIX_CTL_LEN
#define CTL_GFN 0x7000

uint8_t *gm_matrix_buf(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	GM_SETUP(p != MAP_FAILED, "mmap of a buffer: %s", gm_errno_name(errno));
	return p;
}

void gm_matrix_poison(uint8_t *buf, size_t len)
{
	memset(buf, 0xa5, len);
}

void gm_matrix_search(const uint8_t *buf, size_t len, const char *what)
{
	const uint64_t *w = (const uint64_t *)buf;

	gm_checked();
	for (size_t i = 0; i < len / 8; i++) {
		if (!gm_word_ok(w[i]) || gm_word_writer(w[i]) != GM_WRITER_SECRET)
			continue;
		GM_FAIL("%s: a private word of the guest is at byte %zu of the buffer: %s", what,
			i * 8, gm_word_str(w[i]));
		return;
	}
}

bool gm_matrix_judge(const struct gm_access *a, const struct gm_outcome *o, const struct gm_want *w,
		     const struct gm_page *page, const char *when)
{
	bool moves = a->probe->flags & (GM_ACC_READ | GM_ACC_WRITE | GM_ACC_COUNT);
	bool ok;

	switch (w->kind) {
	case GM_WANT_ERRNO:
		ok = !o->sig && o->ret < 0 && o->err == w->val;
		break;
	case GM_WANT_SIGNAL:
		ok = o->sig == w->val && o->code == w->code && o->addr == (uintptr_t)a->hva;
		break;
	case GM_WANT_NOTHING:
		ok = !o->sig && !o->ret;
		break;
	default:
		ok = !o->sig && (moves ? o->ret == (long)a->len : o->ret >= 0);
	}
	return GM_EXPECT_AT(page, ok, "%s, %s of %zu pages: expected %s (%s), observed %s",
			    a->probe->name, when, a->len / GM_PAGE_SIZE, gm_want_str(w), w->src,
			    gm_outcome_str(o));
}

/* The content is words of (GM_WRITER_SHARED, 5); a probe that writes uses (GM_WRITER_HOST, 6). */
static uint64_t word(enum gm_writer writer, size_t i)
{
	return gm_word(CTL_GFN + i / GM_PAGE_WORDS, writer, writer == GM_WRITER_HOST ? 6 : 5,
		       i % GM_PAGE_WORDS);
}

static const char *content(const struct gm_probe *p, const uint8_t *hva, const uint8_t *buf)
{
	const uint64_t *mem = (const uint64_t *)hva, *got = (const uint64_t *)buf;
	size_t step = p->flags & GM_ACC_WORD ? GM_PAGE_WORDS : 1;

	for (size_t i = 0; i < CTL_LEN / 8; i += step) {
		if ((p->flags & GM_ACC_READ) && got[i] != word(GM_WRITER_SHARED, i))
			return "the data that was read is not that of the memory";
		if (!(p->flags & GM_ACC_WRITE))
			continue;
		if (p->flags & GM_ACC_OPAQUE ? mem[i] == word(GM_WRITER_SHARED, i)
					     : mem[i] != word(GM_WRITER_HOST, i))
			return "the memory does not have the data that was written";
	}
	return NULL;
}

bool gm_matrix_try(const struct gm_probe *p, const char *name, uint8_t *hva, int fd,
		   enum gm_class class, bool promised)
{
	struct gm_access a = {
		.probe = p, .hva = hva, .len = CTL_LEN, .fd = fd, .buf = gm_matrix_buf(CTL_LEN)
	};
	struct gm_want w = gm_access_want(p, class);
	struct gm_outcome o;
	bool ok;

	for (size_t i = 0; i < CTL_LEN / 8; i++)
		((uint64_t *)hva)[i] = word(GM_WRITER_SHARED, i);
	if (p->flags & GM_ACC_WRITE)
		for (size_t i = 0; i < CTL_LEN / 8; i++)
			((uint64_t *)a.buf)[i] = word(GM_WRITER_HOST, i);
	else
		gm_matrix_poison(a.buf, CTL_LEN);
	o = gm_access_run(&a);
	/* If even this memory must be refused (missing right, secretmem), it is no control. */
	if (class == GM_CLASS_SECRETMEM || w.kind == GM_WANT_ERRNO) {
		ok = gm_matrix_judge(&a, &o, &w, NULL, name);
	} else if (promised) {
		ok = gm_matrix_judge(&a, &o, &w, NULL, name);
	} else {
		bool moves = p->flags & (GM_ACC_READ | GM_ACC_WRITE | GM_ACC_COUNT);

		ok = w.kind == GM_WANT_REACH && !o.sig &&
		     (moves ? o.ret == (long)CTL_LEN : o.ret >= 0);
		errno = o.ret == -1 ? o.err : 0;
		/* A guest runs on any memory of the host. */
		if (p->path == GM_PATH_KVM)
			gm_promise(ok, "%s on %s: expected %s (%s), observed %s", p->name, name,
				   gm_want_str(&w), w.src, gm_outcome_str(&o));
		else
			gm_control(ok, "%s on %s: expected %s (%s), observed %s", p->name, name,
				   gm_want_str(&w), w.src, gm_outcome_str(&o));
	}
	/* Wrong data is a miss: neither the machine nor missing rights can be the cause. */
	if (ok && w.kind == GM_WANT_REACH && !(p->flags & GM_ACC_DROPS)) {
		const char *wrong = content(p, hva, a.buf);

		ok = GM_EXPECT(!wrong, "%s on %s: %s", p->name, name, wrong);
	}
	munmap(a.buf, CTL_LEN);
	return ok;
}

/* Does the probe drop its references to the pages before it returns, and keep the mapping? */
static bool drops_references(const struct gm_probe *p)
{
	switch (p->path) {
	case GM_PATH_UACCESS:
	case GM_PATH_GUP:
	case GM_PATH_PIN:
	case GM_PATH_REMOTE:
	case GM_PATH_PROCMEM:
		return !(p->flags & (GM_ACC_DROPS | GM_ACC_REMAPS | GM_ACC_HARMFUL));
	default:
		return false;
	}
}

static void on_mem(const struct gm_probe *p, const char *name, enum gm_mem_kind kind)
{
	struct gm_mem *m = gm_mem_new(kind, CTL_LEN);
	int fd = kind == GM_MEM_SHMEM && drops_references(p) ? GM_SETUP_OK(dup(m->fd)) : -1;
	bool held = fd >= 0;

	gm_matrix_try(p, name, m->hva, m->fd, GM_CLASS_ORDINARY, false);
	gm_mem_free(m);
	/*
	 * F_SEAL_WRITE waits for a short time for other references to the pages (mm/memfd.c). It
	 * does not wait for mappings, and those of a process that has just ended may still exist:
	 * retry.
	 */
	for (int i = 0; i < gm_time_limit(15) && held; i++) {
		held = fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);
		if (held)
			usleep(100 * 1000);
	}
	GM_EXPECT(!held, "%s on %s: a page still has a reference after it has ended", p->name,
		  name);
	if (fd >= 0)
		close(fd);
}

static void on_secretmem(const struct gm_probe *p)
{
	int fd = syscall(SYS_memfd_secret, O_CLOEXEC);
	uint8_t *hva;

	if (fd < 0 || gm_access_want(p, GM_CLASS_SECRETMEM).kind == GM_WANT_ABSENT) {
		if (fd >= 0)
			close(fd);
		return;
	}
	GM_SETUP_OK(ftruncate(fd, CTL_LEN));
	hva = mmap(NULL, CTL_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* Secret memory counts as locked, and an ordinary user has a limit. */
	if (hva == MAP_FAILED) {
		gm_note("no secretmem control: mmap: %s", gm_errno_name(errno));
	} else {
		gm_matrix_try(p, "memfd_secret", hva, fd, GM_CLASS_SECRETMEM, false);
		munmap(hva, CTL_LEN);
	}
	close(fd);
}

void gm_matrix_control(const struct gm_probe *p)
{
	if (p->flags & GM_ACC_ANON)
		on_mem(p, "anonymous memory", GM_MEM_ANON);
	else
		on_mem(p, "a memfd", GM_MEM_SHMEM);
}

void gm_matrix_controls(const struct gm_probe *p, bool hugetlb)
{
	/*
	 * A probe without the right is refused on any memory: another probe with it is the control.
	 */
	if (p->control) {
		const struct gm_probe *c = gm_probe_find(p->control);

		GM_SETUP(c, "no probe %s", p->control);
		on_mem(c, "a memfd", GM_MEM_SHMEM);
	}
	if (!(p->flags & GM_ACC_ANON))
		on_mem(p, "a memfd", GM_MEM_SHMEM);
	if (!(p->flags & GM_ACC_SHMEM)) {
		on_mem(p, "anonymous memory", GM_MEM_ANON);
		if (!(p->flags & GM_ACC_SLOW) && gm_platform_has(GM_NEED_THP))
			on_mem(p, "THP", GM_MEM_THP);
		/* Operations on mappings need whole huge pages there. */
		if (hugetlb && p->path != GM_PATH_MM && !(p->flags & GM_ACC_REMAPS) &&
		    gm_platform_huge(1, 0, NULL, NULL, 0))
			on_mem(p, "hugetlb of 2 MiB", GM_MEM_HUGE_2M);
	}
	on_secretmem(p);
}
