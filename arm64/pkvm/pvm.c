// SPDX-License-Identifier: GPL-2.0-only
/* Protected VMs for the pkvm.* cases: fixture, calls of the guest, accesses by the host. */
#include "guard.h"
#include "pkvm.h"
#include "text.h"

struct pvm *pvm_new(unsigned int vcpus, enum gm_mem_kind kind, uint64_t npages)
{
	struct pvm *p = calloc(1, sizeof(*p));

	GM_SETUP(p, "out of memory");
	p->npages = npages;
	p->vm = GM_VM_NEW(.kind = GM_VM_PROTECTED, .vcpus = vcpus,
			  .extra_pages = 16 + npages * PG / GM_2M);
	p->mem = gm_mem_new(kind, npages * PG);
	gm_slot_set(p->vm, GM_SLOT, 0, GM_BASE, npages * PG, p->mem->hva, -1, 0);
	/* The host writes the guest's page tables, which it can do only before the first run. */
	gm_vm_map(p->vm, GM_BASE, npages * PG, PG);
	return p;
}

void pvm_kill(struct pvm *p)
{
	if (p->vm)
		gm_vm_free(p->vm);
	p->vm = NULL;
}

void pvm_free(struct pvm *p)
{
	pvm_kill(p);
	gm_mem_free(p->mem);
	free(p);
}

int64_t pvm_call(struct pvm *p, unsigned int v, uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct gm_op op = {
		.code = GM_OP_HYPERCALL, .val = nr, .addr = a1, .nr = a2, .stride = a3
	};

	gm_run(p->vm, v, &op, 1);
	return op.ret;
}

int64_t pvm_share(struct pvm *p, unsigned int v, uint64_t page)
{
	return pvm_call(p, v, GM_SMCCC_MEM_SHARE, pvm_gpa(page), 0, 0);
}

int64_t pvm_unshare(struct pvm *p, unsigned int v, uint64_t page)
{
	return pvm_call(p, v, GM_SMCCC_MEM_UNSHARE, pvm_gpa(page), 0, 0);
}

static void convert_all(struct pvm *p, unsigned int v, uint64_t page, uint64_t npages, bool unshare)
{
	uint64_t done;

	if (gm_pkvm_convert(p->vm, v, pvm_gpa(page), npages * PG, unshare, &done)) {
		struct gm_page at = gm_vm_page(p->vm, pvm_gpa(page) + done);

		GM_FAIL_AT(&at, "%s of %lu pages: refused at page %lu of them",
			   unshare ? "MEM_UNSHARE" : "MEM_SHARE", npages, done / PG);
	}
	gm_checked();
}

void pvm_share_all(struct pvm *p, unsigned int v, uint64_t page, uint64_t npages)
{
	convert_all(p, v, page, npages, false);
}

void pvm_unshare_all(struct pvm *p, unsigned int v, uint64_t page, uint64_t npages)
{
	convert_all(p, v, page, npages, true);
}

bool pvm_expect_ret(int64_t ret, int64_t want, uint64_t page, const char *what)
{
	return GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(pvm_gpa(page))), ret == want,
			    "%s: result for the guest: expected %ld, observed %ld", what, want,
			    ret);
}

static struct pkvm_touch touch(uint64_t *addr, bool write, uint64_t val)
{
	struct pkvm_touch t = {};
	struct sigaction old[2];
	struct gm_fault f = {};

	GM_SETUP_OK(gm_guard_catch(SIGSEGV, &old[0]));
	GM_SETUP_OK(gm_guard_catch(SIGBUS, &old[1]));
	if (write)
		gm_guard_store(addr, val, &f);
	else
		gm_guard_load(addr, &t.val, &f);
	sigaction(SIGSEGV, &old[0], NULL);
	sigaction(SIGBUS, &old[1], NULL);
	t.signo = f.sig;
	t.code = f.code;
	t.addr = f.addr;
	return t;
}

struct pkvm_touch pkvm_load(const void *addr)
{
	return touch((uint64_t *)addr, false, 0);
}

struct pkvm_touch pkvm_store(void *addr, uint64_t val)
{
	return touch(addr, true, val);
}

bool pvm_expect_hidden(struct pvm *p, uint64_t page, const char *when)
{
	/* Another word for each page, as the whole page must be hidden. */
	uint64_t *word = (uint64_t *)pvm_hva(p, page) + page * 37 % GM_PAGE_WORDS;
	struct gm_page at = gm_vm_page(p->vm, pvm_gpa(page));
	struct pkvm_touch t;
	bool ok = true;

	for (int write = 0; write < 2; write++) {
		t = write ? pkvm_store(word, ~0UL) : pkvm_load(word);
		ok &= GM_EXPECT_AT(
			&at,
			t.signo == SIGSEGV && t.code == SEGV_ACCERR && t.addr == (uint64_t)word,
			"%s: a %s by the host: expected SIGSEGV code 2 at %p, observed signal %d code %d at %#lx, value %s",
			when, write ? "store" : "load", word, t.signo, t.code, t.addr,
			gm_word_str(t.val));
	}
	return ok;
}

bool pvm_expect_host(struct pvm *p, uint64_t page, enum gm_writer writer, unsigned int gen,
		     const char *when)
{
	struct gm_page at = gm_vm_page(p->vm, pvm_gpa(page));
	struct pkvm_touch t = pkvm_load(pvm_hva(p, page));

	if (!GM_EXPECT_AT(&at, !t.signo,
			  "%s: a load by the host: expected success, observed signal %d code %d",
			  when, t.signo, t.code))
		return false;
	return gm_host_check(pvm_hva(p, page), pvm_gpa(page) / PG, 1, writer, gen, when);
}

void pvm_expect_stop(struct pvm *p, unsigned int v, uint64_t gpa, int err, const char *what)
{
	struct gm_op op = { .code = GM_OP_READ, .addr = gpa };
	struct gm_exit ex = {};
	bool whole = __gm_run(p->vm, v, &op, 1, &ex, NULL);

	GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(gpa)), !whole && ex.ret == -1 && ex.err == err,
		     "%s: KVM_RUN: expected %s, observed: the load %s: %s", what,
		     gm_errno_name(err), whole ? "succeeded" : "stopped", gm_exit_str(&ex));
}

uint64_t pkvm_status(const char *field)
{
	long kb;

	GM_SETUP(gm_read_field("/proc/self/status", field, &kb), "/proc/self/status has no %s",
		 field);
	return kb * 1024;
}
