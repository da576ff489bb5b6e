/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the pkvm.* cases: a protected VM with one region under test, bulk calls of its guest,
 * and accesses to host memory that may fault.
 *
 * Every page of the region is in one of three states: the host's (the guest never accessed it), the
 * guest's (donated), or shared by the guest. Exits of a protected VM are slow if EL2 is emulated,
 * so the guest handles many pages per exit.
 */
#ifndef PKVM_H
#define PKVM_H

#include <signal.h>
#include <sys/mman.h>

#include "arm64/smccc.h"
#include "gm.h"

#define PG GM_PAGE_SIZE
#define INVALID_PARAMETER (-3L) /* SMCCC_RET_INVALID_PARAMETER, include/linux/arm-smccc.h */

struct pvm {
	struct gm_vm *vm;
	struct gm_mem *mem; /* behind slot GM_SLOT at GM_BASE */
	uint64_t npages;
};

/* A VM with npages at GM_BASE, mapped 1:1, in slot GM_SLOT. It has not run yet. */
struct pvm *pvm_new(unsigned int vcpus, enum gm_mem_kind kind, uint64_t npages);
/* Frees the VM but not its memory, which returns to the host. */
void pvm_kill(struct pvm *p);
void pvm_free(struct pvm *p);

static inline uint64_t pvm_gpa(uint64_t page)
{
	return GM_BASE + page * PG;
}

static inline uint8_t *pvm_hva(struct pvm *p, uint64_t page)
{
	return p->mem->hva + page * PG;
}

/* One hypercall by vCPU v, which must not exit to user space. Returns X0. */
int64_t pvm_call(struct pvm *p, unsigned int v, uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3);
/* MEM_SHARE, MEM_UNSHARE of one page of the region. Return X0. */
int64_t pvm_share(struct pvm *p, unsigned int v, uint64_t page);
int64_t pvm_unshare(struct pvm *p, unsigned int v, uint64_t page);
/* The same for npages pages in one run; expects each call to succeed. */
void pvm_share_all(struct pvm *p, unsigned int v, uint64_t page, uint64_t npages);
void pvm_unshare_all(struct pvm *p, unsigned int v, uint64_t page, uint64_t npages);
/* Expects that ret, the guest's result, is want. */
bool pvm_expect_ret(int64_t ret, int64_t want, uint64_t page, const char *what);

/* The result of an access by the host; signo 0: success. */
struct pkvm_touch {
	int signo, code;
	uint64_t addr; /* si_addr */
	uint64_t val;  /* the value of a load */
};

struct pkvm_touch pkvm_load(const void *addr);
struct pkvm_touch pkvm_store(void *addr, uint64_t val);

/* Expects SIGSEGV, SEGV_ACCERR at the exact address for a load and a store by the host. */
bool pvm_expect_hidden(struct pvm *p, uint64_t page, const char *when);
/* Expects that the host reads the words of (writer, gen) in the whole page. */
bool pvm_expect_host(struct pvm *p, uint64_t page, enum gm_writer writer, unsigned int gen,
		     const char *when);

/* Expects this errno of KVM_RUN for one load by the guest. */
void pvm_expect_stop(struct pvm *p, unsigned int v, uint64_t gpa, int err, const char *what);

/* "VmLck" and the like of /proc/self/status, in bytes. */
uint64_t pkvm_status(const char *field);

#endif
