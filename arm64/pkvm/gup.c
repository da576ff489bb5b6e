// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every probe of lib/access/ on a protected VM, gup.<probe>.pkvm: no probe reads a word of an
 * unshared page, and shared pages behave as ordinary memory.
 *
 * GUP does not check the owner of a page: it succeeds on a page of the guest. The result depends on
 * the access that follows. An access by user space is SIGSEGV, and a copy to or from user space is
 * EFAULT. An access by the kernel through its own mapping reclaims the page: the hypervisor zeroes
 * it and returns it to the host, and the guest's next access ends KVM_RUN with EFAULT
 * (Documentation/virt/kvm/arm/pkvm.rst).
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include "access/matrix.h"
#include "pkvm.h"

/* Pages of the region: the guest shares the last four and no others. */
#define NPAGES 16
#define OWN 4	   /* two pages that the guest has written */
#define TAKEN 2	   /* a page that it has shared and unshared */
#define PRIVATE 12 /* number of unshared pages */
#define SHARED 12  /* the first shared page */
#define WRITTEN 9  /* generation of the words that a probe writes */

/* What happens to an unshared page. */
enum fate {
	STAYS,	/* the guest keeps it, unchanged */
	GOES,	/* reclaimed: the host has it, zeroed or written; EFAULT for the guest */
	HOLE,	/* the guest keeps it, but the file has another page there */
	SPREAD, /* reclaimed, and so are all other pages of the mapping */
};

struct rule {
	struct gm_want want;
	enum fate fate;
};

#define ABORT "arch/arm64/mm/fault.c:do_page_fault() of a stage-2 abort"
#define COPY ABORT " in the kernel: the exception table ends the copy"
#define OWNED "arch/arm64/kvm/hyp/nvhe/mem_protect.c:__pkvm_host_share_guest(): not the host's"
#define RECLAIM "arch/arm64/mm/fault.c:is_spurious_el1_translation_fault() reclaims the page"
#define NO_DMA "Documentation/virt/kvm/arm/pkvm.rst: DMA isolation is unimplemented"

/* The probes whose rule differs from that of their path. */
static const struct {
	const char *probe;
	struct rule rule;
} differs[] = {
	/* The key of a shared futex is its page, but the kernel also loads the value. */
	{ "futex_wait_shared", { GM_ERR(EFAULT, COPY), STAYS } },
	/*
	 * Not run, since it never returns in Linux 7.3.4, and the task cannot be killed:
	 * findings/futex-wake-op. With the fix it would be EFAULT.
	 */
	{ "futex_wake_op", { GM_ABSENT, STAYS } },
	/* SIGSEGV ends the child, for which the probe returns ECHILD (EFAULT for SIGBUS). */
	{ "fork_load", { GM_ERR(ECHILD, ABORT), STAYS } },
	{ "core_dump", { GM_NOTHING(RECLAIM ", the dump has zeros"), SPREAD } },
	{ "madv_remove",
	  { GM_REACH("mm/truncate.c: a pinned page is removed from its file, too"), HOLE } },
	/* They would lose a page frame. */
	{ "madv_hwpoison", { GM_ABSENT, STAYS } },
	{ "madv_soft_offline", { GM_ABSENT, STAYS } },
	{ "fd_mmap", { GM_SIG(SIGSEGV, SEGV_ACCERR, ABORT), STAYS } },
	{ "fd_mmap_ro", { GM_SIG(SIGSEGV, SEGV_ACCERR, ABORT), STAYS } },
	{ "fd_mmap_private", { GM_SIG(SIGSEGV, SEGV_ACCERR, ABORT), STAYS } },
	/* As fd_mmap, but the signal would leave the file open. */
	{ "fd_reopen", { GM_ABSENT, STAYS } },
	/* The same signal, in another process. udmabuf needs a file with seals. */
	{ "fd_scm_rights", { GM_ABSENT, STAYS } },
	{ "fd_udmabuf", { GM_ABSENT, STAYS } },
};

static bool is_dma(const struct gm_probe *p)
{
	return p->path == GM_PATH_PIN ? p->needs & GM_NEEDS(DISK_DIO)
				      : p->needs & GM_NEEDS(VFIO_EDU);
}

static struct rule rule_of(const struct gm_probe *p)
{
	struct rule r = { gm_access_want(p, GM_CLASS_ORDINARY), STAYS };

	for (size_t i = 0; i < ARRAY_SIZE(differs); i++)
		if (!strcmp(differs[i].probe, p->name))
			return differs[i].rule;
	if (r.want.kind != GM_WANT_REACH)
		return r;
	switch (p->path) {
	case GM_PATH_CPU:
		r.want = (struct gm_want)GM_SIG(SIGSEGV, SEGV_ACCERR, ABORT);
		break;
	case GM_PATH_UACCESS:
		r.want = (struct gm_want)GM_ERR(EFAULT, COPY);
		break;
	case GM_PATH_KVM:
		r.want = (struct gm_want)GM_ERR(EPERM, OWNED);
		break;
	case GM_PATH_MM:
		break;
	default:
		/* The hypervisor cannot stop DMA of a device. */
		if (is_dma(p))
			r.want.src = NO_DMA;
		else if (p->flags & (GM_ACC_READ | GM_ACC_WRITE))
			r = (struct rule){ GM_REACH(RECLAIM), GOES };
	}
	return r;
}

static uint64_t written(uint64_t page, size_t word)
{
	return gm_word(pvm_gpa(page) / PG + word / GM_PAGE_WORDS, GM_WRITER_HOST, WRITTEN,
		       word % GM_PAGE_WORDS);
}

static struct gm_outcome attempt(struct pvm *p, struct gm_access *a, uint64_t page)
{
	const struct gm_probe *probe = a->probe;
	struct gm_outcome o;
	void *own = NULL;

	a->fd = p->mem->fd;
	a->off = page * PG;
	a->hva = probe->flags & GM_ACC_NO_VA ? NULL : pvm_hva(p, page);
	if (a->hva && (probe->flags & GM_ACC_REMAPS)) {
		own = mmap(NULL, a->len, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, a->off);
		GM_SETUP(own != MAP_FAILED, "a second mapping: %s", gm_errno_name(errno));
		a->hva = own;
	}
	if (probe->flags & GM_ACC_WRITE)
		for (size_t i = 0; i < a->len / 8; i++)
			((uint64_t *)a->buf)[i] = written(page, i);
	else
		gm_matrix_poison(a->buf, a->len);
	o = gm_access_run(a);
	if (own)
		munmap(own, a->len);
	return o;
}

/* Without a->hva the probe has its own mapping, so the address of a signal is not checked. */
static bool check_outcome(const struct gm_access *a, struct gm_outcome *o, const struct rule *r,
			  struct pvm *p, uint64_t page)
{
	struct gm_page at = gm_vm_page(p->vm, pvm_gpa(page));

	if (o->sig && !a->hva)
		o->addr = 0;
	return gm_matrix_judge(a, o, &r->want, &at, "a request on unshared pages");
}

/* The word that the host must read in a reclaimed page. */
static uint64_t left(const struct gm_probe *p, uint64_t page, size_t word)
{
	if (!(p->flags & GM_ACC_WRITE) || ((p->flags & GM_ACC_WORD) && word % GM_PAGE_WORDS))
		return 0;
	return written(page, word);
}

static void expect_reclaimed(struct pvm *p, const struct gm_access *a, uint64_t page)
{
	const struct gm_probe *probe = a->probe;

	for (uint64_t i = 0; i < a->len / PG; i++) {
		struct gm_page at = gm_vm_page(p->vm, pvm_gpa(page + i));
		struct gm_op op = { .code = GM_OP_READ, .addr = pvm_gpa(page + i) };
		uint64_t *host = (uint64_t *)pvm_hva(p, page + i);
		size_t w = 0, step = probe->flags & GM_ACC_WORD ? GM_PAGE_WORDS : 1;
		struct gm_exit ex;

		for (size_t k = 0; k < GM_PAGE_WORDS && (probe->flags & GM_ACC_READ); k += step)
			if (!GM_EXPECT_AT(
				    &at, !((uint64_t *)a->buf)[i * GM_PAGE_WORDS + k],
				    "%s: word %zu of a reclaimed page: expected 0, observed %s",
				    probe->name, k,
				    gm_word_str(((uint64_t *)a->buf)[i * GM_PAGE_WORDS + k])))
				break;
		if (!GM_EXPECT_AT(
			    &at, !pkvm_load(host).signo,
			    "%s: the page is still the guest's, expected that the host can read it",
			    probe->name))
			continue;
		while (w < GM_PAGE_WORDS && host[w] == left(probe, page, i * GM_PAGE_WORDS + w))
			w++;
		GM_EXPECT_AT(&at, w == GM_PAGE_WORDS || (probe->flags & GM_ACC_OPAQUE),
			     "%s: word %zu of the reclaimed page: expected %s, observed %s",
			     probe->name, w, gm_word_str(left(probe, page, i * GM_PAGE_WORDS + w)),
			     gm_word_str(host[w]));
		GM_EXPECT_AT(&at,
			     !__gm_run(p->vm, 0, &op, 1, &ex, NULL) && ex.ret == -1 &&
				     ex.err == EFAULT,
			     "%s: the guest's next access: expected KVM_RUN -1 EFAULT, observed %s",
			     probe->name, gm_exit_str(&ex));
	}
}

static void on_private(struct pvm *p, const struct gm_probe *probe, uint64_t page, uint64_t nr)
{
	struct gm_access a = { .probe = probe, .len = nr * PG, .buf = gm_matrix_buf(nr * PG) };
	struct rule r = rule_of(probe);
	struct gm_outcome o = attempt(p, &a, page);
	bool ok = check_outcome(&a, &o, &r, p, page);

	gm_matrix_search(a.buf, a.len, probe->name);
	if (r.fate == GOES && ok)
		expect_reclaimed(p, &a, page);
	for (uint64_t i = page; i < page + nr && r.fate == STAYS; i++)
		pvm_expect_hidden(p, i, probe->name);
	if (r.fate == HOLE)
		gm_host_check_zero(pvm_hva(p, page), nr, "a hole in the file");
	if (r.fate == STAYS || r.fate == HOLE)
		gm_guest_check(p->vm, 0, pvm_gpa(page), nr, GM_WRITER_SECRET, 1, probe->name);
	if (r.fate == SPREAD)
		return;
	pvm_expect_hidden(p, page - 1, "the page below");
	pvm_expect_hidden(p, page + nr, "the page above");
	gm_guest_check(p->vm, 0, pvm_gpa(page - 1), 1, GM_WRITER_SECRET, 1, "the page below");
	gm_guest_check(p->vm, 0, pvm_gpa(page + nr), 1, GM_WRITER_SECRET, 1, "the page above");
}

/* A shared page behaves as ordinary memory, except that another VM still cannot have it. */
static void on_shared(struct pvm *p, const struct gm_probe *probe)
{
	struct gm_access a = { .probe = probe, .len = 2 * PG, .buf = gm_matrix_buf(2 * PG) };
	struct gm_want w = probe->path == GM_PATH_KVM ? rule_of(probe).want
						      : gm_access_want(probe, GM_CLASS_ORDINARY);
	struct gm_page at = gm_vm_page(p->vm, pvm_gpa(SHARED));
	struct gm_outcome o = attempt(p, &a, SHARED);
	size_t step = probe->flags & GM_ACC_WORD ? GM_PAGE_WORDS : 1;

	if (!gm_matrix_judge(&a, &o, &w, &at, "a request on shared pages") ||
	    w.kind != GM_WANT_REACH)
		return;
	for (size_t i = 0; i < a.len / 8 && (probe->flags & GM_ACC_READ); i += step) {
		uint64_t want = gm_word(pvm_gpa(SHARED) / PG + i / GM_PAGE_WORDS, GM_WRITER_SHARED,
					2, i % GM_PAGE_WORDS);

		if (!GM_EXPECT_AT(&at, ((uint64_t *)a.buf)[i] == want,
				  "%s: word %zu of shared pages: expected %s, observed %s",
				  probe->name, i, gm_word_str(want),
				  gm_word_str(((uint64_t *)a.buf)[i])))
			break;
	}
	if ((probe->flags & GM_ACC_WRITE) && !(probe->flags & GM_ACC_OPAQUE)) {
		struct gm_op op = { .code = GM_OP_CHECK,
				    .writer = GM_WRITER_HOST,
				    .gen = WRITTEN,
				    .addr = pvm_gpa(SHARED),
				    .nr = 2,
				    .stride = step };

		gm_run(p->vm, 0, &op, 1);
		GM_EXPECT_AT(&at, !op.bad,
			     "%s: the guest reads shared pages: expected %s, observed %s",
			     probe->name, gm_word_str(op.expected), gm_word_str(op.observed));
	}
}

/* Children must not inherit the guest's code: a copy-on-write copy would reclaim its pages. */
static void hide_code_from_children(struct pvm *p)
{
	struct userspace_mem_region *own = memslot2region(p->vm->kvm, 0);

	GM_SETUP_OK(madvise(own->mmap_start, own->mmap_size, MADV_DONTFORK));
}

static void run(const struct gm_case *self)
{
	const struct gm_probe *probe = self->arg;
	struct rule r = rule_of(probe);
	struct pvm *p;

	/* Unrelated processes have the VM open until they end: adopt them, to wait for them. */
	GM_SETUP_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	p = pvm_new(1, GM_MEM_SHMEM, NPAGES);
	hide_code_from_children(p);
	if (is_dma(probe))
		gm_note(NO_DMA);
	gm_guest_fill(p->vm, 0, GM_BASE, PRIVATE, GM_WRITER_SECRET, 1);
	gm_guest_fill(p->vm, 0, pvm_gpa(SHARED), NPAGES - SHARED, GM_WRITER_SHARED, 2);
	pvm_share_all(p, 0, SHARED, NPAGES - SHARED);
	pvm_share_all(p, 0, TAKEN, 1);
	pvm_unshare_all(p, 0, TAKEN, 1);
	gm_matrix_controls(probe, false);
	if (r.fate == STAYS || r.fate == GOES)
		on_shared(p, probe);
	on_private(p, probe, OWN, 2);
	if (r.fate != SPREAD)
		on_private(p, probe, TAKEN, 1);
	gm_note("cell: %s", r.want.kind == GM_WANT_SIGNAL  ? "SIGSEGV"
			    : r.want.kind == GM_WANT_ERRNO ? gm_errno_name(r.want.val)
			    : r.fate == GOES		   ? "zeroes"
							   : "ok");
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	pvm_free(p);
}

/* One probe of each path in the quick profile: protected VMs are slow if EL2 is emulated. */
static bool is_quick(const char *name)
{
	static const char *const quick[] = { "cpu_load",	 "write",	   "vmsplice",
					     "process_vm_readv", "proc_mem_write", "gup_hold",
					     "kvm_slot_load",	 "mlock" };

	for (size_t i = 0; i < ARRAY_SIZE(quick); i++)
		if (!strcmp(quick[i], name))
			return true;
	return false;
}

static void generate(void)
{
	const struct gm_probe *p;

	for (size_t i = 0; (p = gm_probe_at(i)); i++) {
		struct rule r = rule_of(p);
		struct gm_case *c = calloc(1, sizeof(*c));
		char *text;

		GM_SETUP(c, "out of memory");
		/* The region is shmem, so no probes for anonymous memory. */
		if (r.want.kind == GM_WANT_ABSENT || (p->flags & GM_ACC_ANON))
			continue;
		*c = (struct gm_case){ .profile = "P2",
				       .needs = p->needs | GM_NEEDS(PROTECTED),
				       .caps = GM_CAPS_ALL,
				       .timeout = 180,
				       .run = run,
				       .arg = p };
		GM_SETUP(asprintf((char **)&c->name, "gup.%s.pkvm", p->name) > 0 &&
				 asprintf((char **)&c->clause, "gup.%s", p->name) > 0 &&
				 asprintf(&text, "%s: shared and unshared memory of a protected VM",
					  p->text) > 0,
			 "out of memory");
		c->text = text;
		if (!is_quick(p->name))
			c->flags |= GM_FULL_ONLY;
		if (r.want.kind == GM_WANT_ERRNO || r.want.kind == GM_WANT_SIGNAL)
			c->flags |= GM_REFUSAL;
		if (p->flags & GM_ACC_ROOT)
			c->needs |= GM_NEEDS(ROOT);
		if (c->needs & GM_NEEDS(IOMMUFD))
			c->tokens |= GM_TOKEN_IOMMU;
		gm_case_add(c);
	}
}

GM_GENERATE(generate)
