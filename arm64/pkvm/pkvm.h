/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the pkvm.* cases share: a protected VM with one region under test, its guest's calls in
 * bulk, and touches of host memory that may fault.
 *
 * Every page of the region is in one of three states: the host's (the guest never touched it),
 * the guest's, or shared by the guest. A run of a protected VM is dear where EL2 is emulated:
 * the guest does its work in bulk, one exit for many pages.
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

/* vCPUs, and npages of memory of the kind at GM_BASE, mapped 1:1, in slot GM_SLOT. Nothing ran yet. */
struct pvm *pvm_new(unsigned int vcpus, enum gm_mem_kind kind, uint64_t npages);
/* The VM goes, the memory stays: what is in it is the host's again. */
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

/* One hypercall of vCPU v; what the guest got back in X0. Expected to end without an exit. */
int64_t pvm_call(struct pvm *p, unsigned int v, uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3);
/* MEM_SHARE, MEM_UNSHARE of one page of the region; what the guest got back. */
int64_t pvm_share(struct pvm *p, unsigned int v, uint64_t page);
int64_t pvm_unshare(struct pvm *p, unsigned int v, uint64_t page);
/* The same for npages pages in one go; expects each to succeed. */
void pvm_share_all(struct pvm *p, unsigned int v, uint64_t page, uint64_t npages);
void pvm_unshare_all(struct pvm *p, unsigned int v, uint64_t page, uint64_t npages);
/* A miss unless ret is what the guest should have got back. */
bool pvm_expect_ret(int64_t ret, int64_t want, uint64_t page, const char *what);

/* How an access of the host to its own address ended: signo 0 means that it succeeded. */
struct pkvm_touch {
	int signo, code;
	uint64_t addr; /* si_addr */
	uint64_t val;  /* what a load gave */
};

struct pkvm_touch pkvm_load(const void *addr);
struct pkvm_touch pkvm_store(void *addr, uint64_t val);

/* Expects a load and a store of the host to be SIGSEGV, SEGV_ACCERR, at the address itself. */
bool pvm_expect_hidden(struct pvm *p, uint64_t page, const char *when);
/* Expects every word of the page, as the host reads it, to be that of (half, gen). */
bool pvm_expect_host(struct pvm *p, uint64_t page, enum gm_half half, unsigned int gen,
		     const char *when);

/* One load of the guest, which stops the vCPU with this errno; a miss, and the end, if it never stops. */
void pvm_expect_stop(struct pvm *p, unsigned int v, uint64_t gpa, int err, const char *what);

/* "VmLck" and the like of /proc/self/status, in bytes. */
uint64_t pkvm_status(const char *field);

#endif
