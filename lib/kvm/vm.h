/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM whose vCPUs run the interpreter of guest/interp.c, its slots and its memory.
 *
 * One rule for a call that fails. __gm_x() returns -1 and errno, for cases that test the failure.
 * gm_x() ends the case: with FAIL if the contract covers the call (guest_memfd, slots, conversion:
 * GM_GRANTED(), for which ENOMEM is an ERROR; and KVM_RUN); with ERROR for all other calls (host
 * memory, threads, statistics, prefault).
 *
 * Addresses and sizes are in bytes. Guest memory under test is mapped 1:1 (gva == gpa) by
 * gm_vm_map().
 */
#ifndef GM_VM_H
#define GM_VM_H

#include "check.h"
#include "framework.h"
#include "guest/guest.h"
#include "page.h"

#define GM_2M (2UL << 20)
#define GM_1G (1UL << 30)
/* Memory under test starts here: above the framework's own memory, 1 GiB aligned. */
#define GM_BASE (4 * GM_1G)
/* The framework uses the slots below. */
#define GM_SLOT 10

enum gm_vm_kind {
	GM_VM_DEFAULT,	    /* the ordinary VM type: P1, P1p */
	GM_VM_SW_PROTECTED, /* x86 KVM_X86_SW_PROTECTED_VM: P0 */
	GM_VM_PROTECTED,    /* arm64 pKVM: P2 */
};

struct gm_vm;
struct gm_provider;

/* The last exit of a run. */
struct gm_exit {
	int ret;	     /* of KVM_RUN: 0 or -1 */
	int err;	     /* errno, if ret is -1 */
	unsigned int reason; /* KVM_EXIT_* */
	struct {
		uint64_t flags, gpa, size;
	} fault; /* of KVM_EXIT_MEMORY_FAULT */
	struct {
		uint64_t nr, args[6], flags;
	} hypercall; /* of KVM_EXIT_HYPERCALL */
};

struct gm_vm_args {
	enum gm_vm_kind kind;
	unsigned int vcpus;   /* at most GM_MAX_VCPUS; 0: no vCPU, and no guest code */
	uint64_t extra_pages; /* for guest page tables: one per 2 MiB mapped at 4 KiB */
	/*
	 * Handles a conversion request of the guest; returns the result for the guest. NULL:
	 * gm_vm_convert_on_request(), which converts. Called on the thread that runs the vCPU.
	 */
	int64_t (*on_convert)(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
			      uint64_t attrs);
	/*
	 * Handles an exit that is neither a conversion request nor the end of the batch. True: the
	 * vCPU continues. False, or NULL: __gm_run() returns the exit.
	 */
	bool (*on_exit)(struct gm_vm *vm, unsigned int vcpu, const struct gm_exit *ex);
	uint32_t dirty_ring;	/* bytes of each vCPU's dirty ring; 0: none */
	bool no_exit_hypercall; /* do not enable the conversion hypercall */
};

/* Memory of the host that can back a slot. */
enum gm_mem_kind {
	GM_MEM_ANON,
	GM_MEM_SHMEM,
	GM_MEM_THP,
	GM_MEM_HUGE_2M,
	GM_MEM_HUGE_1G,
	/*
	 * 2 MiB pages of hugetlb that are not reserved: memory larger than the pool, of which only a
	 * few pages are used.
	 */
	GM_MEM_HUGE_2M_SPARSE,
};

struct gm_mem {
	enum gm_mem_kind kind;
	uint8_t *hva; /* aligned to the kind's page size */
	uint64_t size;
	int fd;	   /* of the memfd; -1 for anonymous memory */
	void *map; /* for munmap() */
	uint64_t map_size;
};

/* A slot that gm_slot_set() has set. */
struct gm_slot {
	uint32_t id, flags;
	uint64_t gpa, size;
	uint8_t *hva; /* userspace_addr; NULL: none */
	int gmem;     /* guest_memfd; -1: none */
	uint64_t gmem_off;
	bool used;
};

#define GM_MAX_SLOTS 64

struct gm_vm {
	struct gm_vm_args args;
	const struct gm_provider *provider; /* of conversions; NULL: none */
	struct kvm_vm *kvm;
	struct kvm_vcpu *vcpu[GM_MAX_VCPUS];
	unsigned int vcpus;
	struct gm_slot slot[GM_MAX_SLOTS];
	/* The host's mapping of a whole guest_memfd with shared memory; NULL: none. */
	uint8_t *file_map;
	int file_map_of;	    /* the fd of that guest_memfd */
	struct gm_mbox *mbox;	    /* the host's mapping of gm_mbox[]; NULL without vCPUs */
	void *start[GM_MAX_VCPUS];  /* result of gm_arch_vcpu_start() */
	bool stopped[GM_MAX_VCPUS]; /* in an operation that will not continue */
	void *user;		    /* of the test, for on_convert */
};

struct gm_vm *gm_vm_new(const struct gm_vm_args *args);
#define GM_VM_NEW(...) gm_vm_new(&(const struct gm_vm_args){ __VA_ARGS__ })
/* Frees the VM and closes its fds. Backing memory and guest_memfds stay: their owner frees them. */
void gm_vm_free(struct gm_vm *vm);

/* --- memory and slots --- */

/* Zeroed host memory; rounds size up to the kind's page size. */
struct gm_mem *gm_mem_new(enum gm_mem_kind kind, uint64_t size);
void gm_mem_free(struct gm_mem *mem);
uint64_t gm_mem_pagesize(enum gm_mem_kind kind);

/* A guest_memfd of `size` bytes; the caller closes it. */
int __gm_gmem_new(struct gm_vm *vm, uint64_t size, uint64_t flags);
int gm_gmem_new(struct gm_vm *vm, uint64_t size, uint64_t flags);
/* fallocate(KEEP_SIZE [| PUNCH_HOLE]); -1 and errno. */
int __gm_gmem_punch(int gmem, uint64_t off, uint64_t len);
int __gm_gmem_allocate(int gmem, uint64_t off, uint64_t len);
void gm_gmem_punch(int gmem, uint64_t off, uint64_t len);
void gm_gmem_allocate(int gmem, uint64_t off, uint64_t len);
/* How many pages of the range the file has, by cachestat(); -1: this kernel does not have it. */
int64_t gm_gmem_cached(int gmem, uint64_t off, uint64_t len);

/*
 * KVM_SET_USER_MEMORY_REGION2. gmem -1: an ordinary slot; else adds KVM_MEM_GUEST_MEMFD to flags.
 * size 0 deletes. If the ioctl fails, vm->slot stays as it is.
 */
int __gm_slot_set(struct gm_vm *vm, uint32_t id, uint32_t flags, uint64_t gpa, uint64_t size,
		  void *hva, int gmem, uint64_t gmem_off);
void gm_slot_set(struct gm_vm *vm, uint32_t id, uint32_t flags, uint64_t gpa, uint64_t size,
		 void *hva, int gmem, uint64_t gmem_off);
void gm_slot_delete(struct gm_vm *vm, uint32_t id);

/* Maps [gpa, gpa + size) 1:1 in the guest's own page tables, with entries of `pagesize` bytes. */
void gm_vm_map(struct gm_vm *vm, uint64_t gpa, uint64_t size, uint64_t pagesize);
/* The slot of gpa in vm->slot; NULL: none. */
struct gm_slot *gm_slot_at(struct gm_vm *vm, uint64_t gpa);
/*
 * The host's address of gpa while it is shared: in vm->file_map if the slot has that file, else at
 * userspace_addr. NULL: there is neither.
 */
uint8_t *gm_hva(struct gm_vm *vm, uint64_t gpa);
/* All known addresses of a page, for GM_EXPECT_AT(). */
struct gm_page gm_vm_page(struct gm_vm *vm, uint64_t gpa);

/* --- conversion: see convert.h --- */

/* The attributes argument of the guest's conversion request; page-size hints may be ORed in. */
#define GM_MAP_SHARED 0UL	  /* KVM_MAP_GPA_RANGE_DECRYPTED */
#define GM_MAP_PRIVATE (1UL << 4) /* KVM_MAP_GPA_RANGE_ENCRYPTED, uapi/linux/kvm_para.h */

/* --- running --- */

/*
 * Runs the batch on the vCPU until it is done; op[] gets the results. on_convert handles conversion
 * requests. On any other exit __gm_run() returns false, with the exit in *ex and the number of
 * completed operations in *done (both may be NULL); gm_run() makes it a miss and ends the case. The
 * operation in which the vCPU stopped is dropped: the next batch starts normally. One thread per
 * vCPU; at most GM_MBOX_OPS operations.
 */
bool __gm_run(struct gm_vm *vm, unsigned int vcpu, struct gm_op *op, unsigned int nr,
	      struct gm_exit *ex, unsigned int *done);
void gm_run(struct gm_vm *vm, unsigned int vcpu, struct gm_op *op, unsigned int nr);
/*
 * gm_run() for a vCPU whose pages are converted at the same time. If a page changes its state
 * during a fault, KVM_RUN returns KVM_EXIT_MEMORY_FAULT (kvm_mmu_faultin_pfn() of
 * arch/x86/kvm/mmu/mmu.c); then enters again, as a VMM does. Any other exit is a miss. Returns how
 * many such faults there were.
 */
unsigned int gm_run_racing(struct gm_vm *vm, unsigned int vcpu, struct gm_op *op, unsigned int nr);
/* Posts the batch but does not enter: for cases that call gm_enter(). */
void gm_post(struct gm_vm *vm, unsigned int vcpu, const struct gm_op *op, unsigned int nr);
/*
 * One KVM_RUN, entered again on EINTR. Returns its result, with errno and the exit in *ex. All
 * cases that call KVM_RUN themselves use this.
 */
int gm_enter(struct gm_vm *vm, unsigned int vcpu, struct gm_exit *ex);
/* "exit 39 (MEMORY_FAULT), KVM_RUN -1 EFAULT, gpa 0x..., size 0x..., flags 0x8" */
const char *gm_exit_str(const struct gm_exit *ex);

/* Run one operation on vCPU v. A failed check is a miss with the addresses of the page. */
void gm_guest_fill(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
		   enum gm_writer writer, unsigned int gen);
bool gm_guest_check(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
		    enum gm_writer writer, unsigned int gen, const char *when);
bool gm_guest_check_zero(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
			 const char *when);
/* Reads one word every `stride` bytes of [gpa, gpa + len). */
void gm_guest_touch(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t len, uint64_t stride);
/* The guest requests a conversion; expects that it gets 0. */
void gm_guest_convert(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
		      bool to_private);
/*
 * Expects that the guest's access to gpa exits with KVM_EXIT_MEMORY_FAULT and exactly these fields.
 */
bool gm_guest_expect_fault(struct gm_vm *vm, unsigned int v, uint64_t gpa, bool write,
			   uint64_t flags, uint64_t size, const char *when);

/*
 * Runs every operation once on every vCPU, so that no access to the guest's code, stack, mailbox or
 * page tables faults later. Counts of mappings and faults are exact from here on.
 */
void gm_vm_warm(struct gm_vm *vm);

/* The host writes and checks the same words. `gfn` is that of the first page. */
void gm_host_fill(void *hva, uint64_t gfn, uint64_t npages, enum gm_writer writer,
		  unsigned int gen);
bool gm_host_check(const void *hva, uint64_t gfn, uint64_t npages, enum gm_writer writer,
		   unsigned int gen, const char *when);
bool gm_host_check_zero(const void *hva, uint64_t npages, const char *when);

/*
 * Checks that the guest's gpa and the host's hva are the same memory: each side writes a new value
 * that the other one must read. Restores the word.
 */
bool gm_prove_same_page(struct gm_vm *vm, unsigned int v, uint64_t gpa, void *hva);

/* --- binary statistics of KVM; a missing one is an ERROR --- */

uint64_t gm_vm_stat(struct gm_vm *vm, const char *name);
uint64_t gm_vcpu_stat(struct gm_vm *vm, unsigned int v, const char *name);

/* KVM_PRE_FAULT_MEMORY; the kernel updates *gpa and *size to the rest. 0, or -1 and errno. */
int gm_prefault(struct gm_vm *vm, unsigned int v, uint64_t *gpa, uint64_t *size, uint64_t flags);
/* The same until nothing is left. A failure is an ERROR. */
void gm_prefault_all(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t size);

/* Runs fn(i, arg) on nr threads, for example one per vCPU, and waits for all of them. */
void gm_parallel(unsigned int nr, void (*fn)(unsigned int i, void *arg), void *arg);

/* --- architecture hooks, lib/kvm/<arch>/vm.c --- */

/* The KVM_CREATE_VM type of the kind. */
unsigned long gm_arch_vm_type(enum gm_vm_kind kind);
/*
 * The type for the framework's vm_shape. If the framework does not support types, the hook prepares
 * gm_arch_more_type() instead. Without the hook: gm_arch_vm_type().
 */
unsigned long gm_arch_shape_type(enum gm_vm_kind kind);
/* Type bits to add to the framework's next KVM_CREATE_VM. Without the hook: none. */
unsigned long gm_arch_more_type(void);
/* Makes the guest's conversion requests exit to user space. */
void gm_arch_enable_conversion_exits(struct kvm_vm *kvm);
/* Maps with entries of pagesize if the guest's page tables allow, else with pages. */
void gm_arch_map(struct kvm_vm *kvm, uint64_t gpa, uint64_t size, uint64_t pagesize);
/* Is this exit that of gm_arch_guest_yield()? */
bool gm_arch_is_yield(struct kvm_vcpu *vcpu);
/* Is this exit a conversion request? If so, gets its arguments. */
bool gm_arch_is_convert(struct kvm_vcpu *vcpu, uint64_t *gpa, uint64_t *npages, uint64_t *attrs);
/* Sets the result of the request for the guest. */
void gm_arch_convert_return(struct kvm_vcpu *vcpu, int64_t ret);
/*
 * Called before every entry. KVM does not set the exit reason on every return, so a previous one
 * could be taken for the new one. Without the hook it is set to KVM_EXIT_UNKNOWN.
 */
void gm_arch_clear_exit(struct kvm_vcpu *vcpu);
/*
 * Saves the state of a vCPU before its first entry, for gm_arch_vcpu_restart() to restore;
 * malloc()ed, freed by gm_vm_free(). Called once, when the vCPU is set up. Without the two hooks
 * (NULL) a vCPU that stopped in an operation continues there.
 */
void *gm_arch_vcpu_start(struct kvm_vcpu *vcpu);
void gm_arch_vcpu_restart(struct kvm_vcpu *vcpu, const void *start);

#endif
