/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VM fixtures: a VM whose vCPUs run the interpreter of guest/interp.c, its slots, its memory.
 *
 * Two names for a call: gm_x() is for what the kernel must grant on the way to what the case is
 * about. A refusal is a miss and ends the case (FAIL); ENOMEM is an ERROR, see GM_GRANTED(). __gm_x()
 * returns the refusal, -1 and errno, for cases that are about it. Host memory, threads and whatever
 * else is no promise of guest_memfd are the suite's own: ERROR.
 *
 * Addresses and sizes are in bytes. Guest memory under test is mapped 1:1 (gva == gpa) by gm_vm_map().
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
/* Slots below are the framework's. */
#define GM_SLOT 10

enum gm_vm_kind {
	GM_VM_DEFAULT,	    /* the ordinary VM type: P1, P1p */
	GM_VM_SW_PROTECTED, /* x86 KVM_X86_SW_PROTECTED_VM: P0 */
	GM_VM_PROTECTED,    /* arm64 pKVM: P2 */
};

struct gm_vm;
struct gm_provider;

/* How one KVM_RUN sequence came back to the host. */
struct gm_exit {
	int ret;	     /* of KVM_RUN: 0 or -1 */
	int err;	     /* errno then */
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
	unsigned int vcpus;   /* at most GM_MAX_VCPUS; 0: no vCPU, no code in the guest */
	uint64_t extra_pages; /* for guest page tables: one per 2 MiB mapped at 4 KiB */
	/*
	 * What the VMM does when the guest asks to convert; gives what the guest gets back. NULL:
	 * gm_vm_convert_on_request(), which honours it. Called on the thread that runs the vCPU.
	 */
	int64_t (*on_convert)(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
			      uint64_t attrs);
	/*
	 * An exit that is neither a conversion nor the end of the batch: true enters again, where
	 * the vCPU stopped. NULL, or false: __gm_run() returns it. KVM_RUN's errno is in ex.
	 */
	bool (*on_exit)(struct gm_vm *vm, unsigned int vcpu, const struct gm_exit *ex);
	bool no_exit_hypercall; /* do not enable the conversion hypercall */
};

/* Memory of the host that can back a slot. */
enum gm_mem_kind { GM_MEM_ANON, GM_MEM_SHMEM, GM_MEM_THP, GM_MEM_HUGE_2M, GM_MEM_HUGE_1G };

struct gm_mem {
	enum gm_mem_kind kind;
	uint8_t *hva; /* aligned to the kind's page size */
	uint64_t size;
	int fd;	   /* of the memfd; -1 for anonymous memory */
	void *map; /* what munmap() takes */
	uint64_t map_size;
};

/* One slot as the fixture knows it; gm_hva() and gm_vm_page() look here. */
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
	const struct gm_provider *provider; /* who converts its memory; NULL: nobody */
	struct kvm_vm *kvm;
	struct kvm_vcpu *vcpu[GM_MAX_VCPUS];
	unsigned int vcpus;
	struct gm_slot slot[GM_MAX_SLOTS];
	/* The host's mapping of a whole guest_memfd that serves shared accesses; NULL: none. */
	uint8_t *file_map;
	int file_map_of;	    /* ... and which file */
	struct gm_mbox *mbox;	    /* the host's view of gm_mbox[]; NULL without vCPUs */
	void *start[GM_MAX_VCPUS];  /* gm_arch_vcpu_start() of each */
	bool stopped[GM_MAX_VCPUS]; /* in the middle of an operation that will not go on */
	void *user;		    /* the test's own, for on_convert */
};

struct gm_vm *gm_vm_new(const struct gm_vm_args *args);
#define GM_VM_NEW(...) gm_vm_new(&(const struct gm_vm_args){ __VA_ARGS__ })
/* Frees the VM and closes its fds. Backing memory and guest_memfds stay: their owner frees them. */
void gm_vm_free(struct gm_vm *vm);

/* --- memory and slots --- */

/* Zeroed memory of the host; size is rounded up to the kind's page size. */
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
/* How many pages of the range the file has, by cachestat(); -1: this kernel does not tell. */
int64_t gm_gmem_cached(int gmem, uint64_t off, uint64_t len);

/*
 * KVM_SET_USER_MEMORY_REGION2. gmem -1: an ordinary slot; else KVM_MEM_GUEST_MEMFD is added to
 * flags. size 0 deletes. The twin updates the fixture's table only when the ioctl succeeds.
 */
int __gm_slot_set(struct gm_vm *vm, uint32_t id, uint32_t flags, uint64_t gpa, uint64_t size,
		  void *hva, int gmem, uint64_t gmem_off);
void gm_slot_set(struct gm_vm *vm, uint32_t id, uint32_t flags, uint64_t gpa, uint64_t size,
		 void *hva, int gmem, uint64_t gmem_off);
void gm_slot_delete(struct gm_vm *vm, uint32_t id);

/* Maps [gpa, gpa + size) 1:1 in the guest's own page tables, with entries of `pagesize` bytes. */
void gm_vm_map(struct gm_vm *vm, uint64_t gpa, uint64_t size, uint64_t pagesize);
/* The slot of gpa; NULL: none. The VM's own. */
struct gm_slot *gm_slot_at(struct gm_vm *vm, uint64_t gpa);
/*
 * Where the host sees gpa while it is shared: in its mapping of the file, where that serves shared
 * accesses, else at userspace_addr. NULL where there is neither.
 */
uint8_t *gm_hva(struct gm_vm *vm, uint64_t gpa);
/* All the names of a page that the fixture knows, for GM_EXPECT_AT(). */
struct gm_page gm_vm_page(struct gm_vm *vm, uint64_t gpa);

/* --- conversion: see convert.h --- */

/* The attributes argument of the guest's request; page-size hints may be or'ed in. */
#define GM_MAP_SHARED 0UL	  /* KVM_MAP_GPA_RANGE_DECRYPTED */
#define GM_MAP_PRIVATE (1UL << 4) /* KVM_MAP_GPA_RANGE_ENCRYPTED, uapi/linux/kvm_para.h */

/* --- running --- */

/*
 * Runs the batch on the vCPU until it is done. The op structs receive the results. Conversion
 * requests go to on_convert. The twin returns at any other exit, with op[] as far as it came
 * (*done, may be NULL) and what the exit was; gm_run() makes that a miss and ends the case.
 * The operation it stopped in is given up: the next batch starts afresh, whatever stopped this one.
 * One thread per vCPU; at most GM_MBOX_OPS operations.
 */
bool __gm_run(struct gm_vm *vm, unsigned int vcpu, struct gm_op *op, unsigned int nr,
	      struct gm_exit *ex, unsigned int *done);
void gm_run(struct gm_vm *vm, unsigned int vcpu, struct gm_op *op, unsigned int nr);
/*
 * gm_run() for a vCPU whose pages others convert meanwhile. A fault that began in one state and
 * found the other comes back as KVM_EXIT_MEMORY_FAULT of a page of a slot (kvm_mmu_faultin_pfn() of
 * arch/x86/kvm/mmu/mmu.c), which a VMM answers by entering again; any other exit is a miss. Gives
 * how many there were.
 */
unsigned int gm_run_racing(struct gm_vm *vm, unsigned int vcpu, struct gm_op *op, unsigned int nr);
/* Posts the batch without entering: for cases that enter by hand. */
void gm_post(struct gm_vm *vm, unsigned int vcpu, const struct gm_op *op, unsigned int nr);
/*
 * One KVM_RUN, the only way into it; a signal does not count. Its result, with errno, and the exit.
 * What the exit means is the caller's.
 */
int gm_enter(struct gm_vm *vm, unsigned int vcpu, struct gm_exit *ex);
/* "exit 39 (KVM_EXIT_MEMORY_FAULT), errno EFAULT, gpa 0x..., size 0x..., flags 0x8" */
const char *gm_exit_str(const struct gm_exit *ex);

/* One operation each, on vCPU v; checks are misses of the clause with the page named. */
void gm_guest_fill(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
		   enum gm_half half, unsigned int gen);
bool gm_guest_check(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
		    enum gm_half half, unsigned int gen, const char *when);
bool gm_guest_check_zero(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
			 const char *when);
/* Touches one word every `stride` bytes of [gpa, gpa + len). */
void gm_guest_touch(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t len, uint64_t stride);
/* The guest asks to convert; expects 0 back. */
void gm_guest_convert(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t npages,
		      bool to_private);
/* Expects the guest to stop at gpa with KVM_EXIT_MEMORY_FAULT, every field exact. */
bool gm_guest_expect_fault(struct gm_vm *vm, unsigned int v, uint64_t gpa, bool write,
			   uint64_t flags, uint64_t size, const char *when);

/* The same words from the host's side. `gfn` is that of the first page. */
void gm_host_fill(void *hva, uint64_t gfn, uint64_t npages, enum gm_half half, unsigned int gen);
bool gm_host_check(const void *hva, uint64_t gfn, uint64_t npages, enum gm_half half,
		   unsigned int gen, const char *when);
bool gm_host_check_zero(const void *hva, uint64_t npages, const char *when);

/*
 * Same page: proves with a fresh nonce, both ways, that the guest's gpa and the host's hva are
 * one memory. A difference is a miss. The word's old content is put back.
 */
bool gm_prove_same_page(struct gm_vm *vm, unsigned int v, uint64_t gpa, void *hva);

/* --- binary statistics of KVM; a missing one is an ERROR --- */

uint64_t gm_vm_stat(struct gm_vm *vm, const char *name);
uint64_t gm_vcpu_stat(struct gm_vm *vm, unsigned int v, const char *name);

/* KVM_PRE_FAULT_MEMORY; *gpa and *size become what is left. -1 and errno. */
int gm_prefault(struct gm_vm *vm, unsigned int v, uint64_t *gpa, uint64_t *size, uint64_t flags);
/* Until nothing is left: what KVM does not finish at once goes on. A refusal is an ERROR. */
void gm_prefault_all(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t size);

/* Runs fn(i) on nr threads and waits for all of them: one vCPU each, say. */
void gm_parallel(unsigned int nr, void (*fn)(unsigned int i, void *arg), void *arg);

/* --- architecture hooks, lib/kvm/<arch>/vm.c --- */

/* The KVM_CREATE_VM type of the kind. */
unsigned long gm_arch_vm_type(enum gm_vm_kind kind);
/*
 * The type that the framework's vm_shape must have for a VM of the kind. Where the framework takes
 * none, the hook sees to it that the next KVM_CREATE_VM gets it. Without the hook: gm_arch_vm_type().
 */
unsigned long gm_arch_shape_type(enum gm_vm_kind kind);
/* Bits that the next KVM_CREATE_VM gets beside those that the framework gives. Without the hook: none. */
unsigned long gm_arch_more_type(void);
/* Lets the guest's conversion requests reach user space. */
void gm_arch_enable_conversion_exits(struct kvm_vm *kvm);
/* Maps with entries of pagesize where the framework can, else 4 KiB. */
void gm_arch_map(struct kvm_vm *kvm, uint64_t gpa, uint64_t size, uint64_t pagesize);
/* Where is the yield of gm_arch_guest_yield(): true if this exit is it. */
bool gm_arch_is_yield(struct kvm_vcpu *vcpu);
/* If the exit is a conversion request: its arguments. */
bool gm_arch_is_convert(struct kvm_vcpu *vcpu, uint64_t *gpa, uint64_t *npages, uint64_t *attrs);
/* What the guest gets back from it. */
void gm_arch_convert_return(struct kvm_vcpu *vcpu, int64_t ret);
/*
 * Before every entry: the exit reason left over would pass for the next exit's, where KVM sets it
 * only when it has something to say. Without the hook it is overwritten.
 */
void gm_arch_forget_exit(struct kvm_vcpu *vcpu);
/*
 * What gm_arch_vcpu_restart() needs to put a vCPU back to where it was before its first entry;
 * malloc()ed, freed by gm_vm_free(). Called once, when everything about the vCPU is set. Without
 * the pair (NULL) a vCPU that stopped in an operation goes on with it.
 */
void *gm_arch_vcpu_start(struct kvm_vcpu *vcpu);
void gm_arch_vcpu_restart(struct kvm_vcpu *vcpu, const void *start);

#endif
