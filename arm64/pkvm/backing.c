// SPDX-License-Identifier: GPL-2.0-only
/* pkvm.file_vma, pkvm.pinned, pkvm.other_vm: which host memory can be donated, and for how long. */
#include <fcntl.h>

#include "pkvm.h"

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif

GM_FILE(.profile = "P2", .needs = GM_NEEDS(PROTECTED))

#define FAR (GM_BASE + GM_1G)
#define FAR_SLOT (GM_SLOT + 1)

/* Other memory than the fixture's, in a slot far above. */
static void far_slot(struct gm_vm *vm, void *hva, uint64_t npages)
{
	gm_slot_set(vm, FAR_SLOT, 0, FAR, npages * PG, hva, -1, 0);
	gm_vm_map(vm, FAR, npages * PG, PG);
}

static uint8_t *map_file(int fd, uint64_t npages, int how)
{
	uint8_t *map;

	GM_SETUP_OK(ftruncate(fd, npages * PG));
	map = mmap(NULL, npages * PG, PROT_READ | PROT_WRITE, how, fd, 0);
	GM_SETUP(map != MAP_FAILED, "mmap of a file: %s", gm_errno_name(errno));
	return map;
}

/*
 * Expects err for the guest's loads of two pages of a shared mapping of fd, which the host keeps.
 */
static void expect_refused(int fd, int err, const char *what)
{
	struct pvm *p = pvm_new(1, GM_MEM_SHMEM, 4);
	uint8_t *map = map_file(fd, 4, MAP_SHARED);
	uint64_t locked;

	gm_host_fill(map, 0, 4, GM_WRITER_HOST, 1);
	far_slot(p->vm, map, 4);
	gm_guest_fill(p->vm, 0, GM_BASE, 2, GM_WRITER_PRIVATE, 1);
	gm_promise(pkvm_load(p->mem->hva).signo == SIGSEGV, "shmem can be donated");
	/* The first load also donates the guest's code and page tables, so count after it. */
	pvm_expect_stop(p, 0, FAR, err, what);
	locked = pkvm_status("VmLck");
	pvm_expect_stop(p, 0, FAR + PG, err, what);
	GM_EXPECT_EQ(pkvm_status("VmLck"), locked, "locked memory after the refusal");
	gm_host_check(map, 0, 4, GM_WRITER_HOST, 1, "the memory that was refused");
	gm_guest_check(p->vm, 0, GM_BASE, 2, GM_WRITER_PRIVATE, 1, "the guest continues");
	pvm_free(p);
	munmap(map, 4 * PG);
}

static int disk_file(void)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/gm.XXXXXX", gm_platform_dio_dir());
	fd = GM_SETUP_OK(mkostemp(path, O_CLOEXEC));
	unlink(path);
	return fd;
}

GM_CASE(file_disk, .name = "pkvm.file_vma.disk", .clause = "pkvm.file_vma", .flags = GM_REFUSAL,
	.needs = GM_NEEDS(DISK_DIO), .caps = GM_CAPS_ALL,
	.text = "a slot with a shared mapping of a file on a disk, which needs dirty tracking: EFAULT")
{
	int fd = disk_file();

	expect_refused(fd, EFAULT, "a page of a file on a disk");
	close(fd);
}

GM_CASE(file_private, .name = "pkvm.file_vma.private", .clause = "pkvm.file_vma",
	.needs = GM_NEEDS(DISK_DIO), .caps = GM_CAPS_ALL,
	.text = "a private mapping of a file: the guest gets a copy of the page, and the file does not change")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 4);
	int fd = disk_file();
	uint8_t *map = map_file(fd, 4, MAP_SHARED), *own = map_file(fd, 4, MAP_PRIVATE);

	gm_host_fill(map, FAR / PG, 4, GM_WRITER_HOST, 1);
	far_slot(p->vm, own, 4);
	gm_guest_check(p->vm, 0, FAR, 2, GM_WRITER_HOST, 1, "the content of the file");
	gm_guest_fill(p->vm, 0, FAR, 2, GM_WRITER_SECRET, 2);
	GM_EXPECT(pkvm_load(own).signo == SIGSEGV && pkvm_load(own + PG).signo == SIGSEGV,
		  "the host can read the copy, which is donated");
	gm_host_check(map, FAR / PG, 4, GM_WRITER_HOST, 1, "the file");
	pvm_free(p);
	munmap(map, 4 * PG);
	munmap(own, 4 * PG);
	close(fd);
}

/*
 * mm/memfd.c: a file cannot be sealed against writes while its pages have references. 0, or errno.
 */
static int seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) ? errno : 0;
}

GM_CASE(no_pin_left, .name = "pkvm.pinned.none_left", .clause = "pkvm.pinned", .flags = GM_REFUSAL,
	.text = "pages of a memfd are pinned while a VM has them, and not after it; a refused page is not pinned either")
{
	int fd = GM_SETUP_OK(memfd_create("gm", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 4), *q = pvm_new(1, GM_MEM_ANON, 4);
	uint8_t *map = map_file(fd, 8, MAP_SHARED);
	struct gm_op op[2] = {
		{ .code = GM_OP_HYPERCALL, .val = GM_SMCCC_MEM_SHARE, .addr = FAR },
		{ .code = GM_OP_HYPERCALL, .val = GM_SMCCC_MEM_SHARE, .addr = FAR + PG }
	};

	far_slot(p->vm, map, 8);
	far_slot(q->vm, map, 8);
	gm_guest_fill(p->vm, 0, FAR, 6, GM_WRITER_PRIVATE, 1);
	gm_run(p->vm, 0, op, 2);
	pvm_expect_stop(q, 0, FAR + 3 * PG, EPERM, "a page of the other VM");
	munmap(map, 8 * PG);
	pvm_free(q);
	gm_promise(seal(fd) == EBUSY, "pages of a VM are pinned");
	pvm_free(p);
	GM_EXPECT_EQ(seal(fd), 0, "errno of F_SEAL_WRITE after the VMs");
	close(fd);
}

GM_CASE(ordinary_vm, .name = "pkvm.other_vm.ordinary", .clause = "pkvm.other_vm",
	.flags = GM_REFUSAL, .timeout = 120,
	.text = "a page that ordinary VMs have mapped is EPERM for a protected VM until the last of them is gone")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 4);
	struct gm_mem *m = gm_mem_new(GM_MEM_ANON, 8 * PG);
	struct gm_vm *vm[2];

	gm_host_fill(m->hva, FAR / PG, 8, GM_WRITER_HOST, 1);
	for (int i = 0; i < 2; i++) {
		vm[i] = GM_VM_NEW(.vcpus = 1, .extra_pages = 16);
		far_slot(vm[i], m->hva, 8);
		gm_guest_check(vm[i], 0, FAR, 4, GM_WRITER_HOST, 1, "an ordinary VM");
	}
	far_slot(p->vm, m->hva, 8);
	gm_guest_touch(p->vm, 0, FAR + 5 * PG, PG, PG);
	gm_promise(pkvm_load(m->hva + 5 * PG).signo == SIGSEGV,
		   "a page of no other VM can be donated");
	pvm_expect_stop(p, 0, FAR + PG, EPERM, "a page of two ordinary VMs");
	gm_vm_free(vm[0]);
	pvm_expect_stop(p, 0, FAR + PG, EPERM, "a page of the second ordinary VM");
	gm_guest_check(vm[1], 0, FAR, 4, GM_WRITER_HOST, 1, "the second ordinary VM keeps it");
	gm_vm_free(vm[1]);
	gm_guest_check(p->vm, 0, FAR, 4, GM_WRITER_HOST, 1, "after both VMs");
	for (int i = 0; i < 4; i++)
		GM_EXPECT(pkvm_load(m->hva + i * PG).signo == SIGSEGV,
			  "the host can read page %d, which is donated", i);
	pvm_free(p);
	gm_mem_free(m);
}

GM_CASE(ordinary_thp, .name = "pkvm.other_vm.block", .clause = "pkvm.other_vm",
	.needs = GM_NEEDS(THP, PAGES_4K), .timeout = 120,
	.text = "each page of a 2 MiB block that an ordinary VM had can be donated to a protected VM later")
{
	struct gm_mem *m = gm_mem_new(GM_MEM_THP, GM_2M);
	struct gm_vm *vm = GM_VM_NEW(.vcpus = 1, .extra_pages = 16);
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 4);
	const uint64_t npages = GM_2M / PG;

	gm_host_fill(m->hva, FAR / PG, npages, GM_WRITER_HOST, 1);
	far_slot(vm, m->hva, npages);
	far_slot(p->vm, m->hva, npages);
	gm_guest_check(vm, 0, FAR, 1, GM_WRITER_HOST, 1, "one touch");
	gm_vm_free(vm);
	for (uint64_t page = 1; page < npages; page += 102)
		gm_guest_check(p->vm, 0, FAR + page * PG, 1, GM_WRITER_HOST, 1, "the next VM");
	pvm_free(p);
	gm_mem_free(m);
}

/* Expects EPERM for a load by an ordinary VM's guest. */
static void expect_denied(struct gm_vm *vm, uint64_t gpa, const char *what)
{
	struct gm_op op = { .code = GM_OP_READ, .addr = gpa };
	struct gm_exit ex = {};
	bool whole = __gm_run(vm, 0, &op, 1, &ex, NULL);

	GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(gpa)), !whole && ex.ret == -1 && ex.err == EPERM,
		     "%s: KVM_RUN: expected EPERM, observed: loaded %s: %s", what,
		     whole ? gm_word_str(op.val) : "nothing", whole ? "" : gm_exit_str(&ex));
}

GM_CASE(mixed_block, .name = "pkvm.other_vm.mixed_block", .clause = "pkvm.other_vm",
	.flags = GM_REFUSAL, .needs = GM_NEEDS(THP, PAGES_4K), .timeout = 120,
	.text = "2 MiB with a page of a protected VM, shared or not, cannot be a block of an ordinary VM: EPERM, the page stays hidden")
{
	const uint64_t npages = GM_2M / PG, hit[2] = { npages / 2 + 3, npages - 1 };
	struct gm_mem *m = gm_mem_new(GM_MEM_THP, 3 * GM_2M);
	struct gm_vm *vm = GM_VM_NEW(.vcpus = 1, .extra_pages = 16);
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 4);
	struct gm_op op = { .code = GM_OP_HYPERCALL,
			    .val = GM_SMCCC_MEM_SHARE,
			    .addr = FAR + GM_2M + hit[1] * PG };

	gm_host_fill(m->hva, FAR / PG, 3 * npages, GM_WRITER_HOST, 1);
	far_slot(vm, m->hva, 3 * npages);
	far_slot(p->vm, m->hva, 3 * npages);
	gm_guest_fill(p->vm, 0, FAR + hit[0] * PG, 1, GM_WRITER_SECRET, 2);
	gm_guest_fill(p->vm, 0, op.addr, 1, GM_WRITER_SHARED, 2);
	gm_run(p->vm, 0, &op, 1);
	GM_EXPECT_EQ(op.ret, 0, "MEM_SHARE");
	gm_guest_check(vm, 0, FAR + 2 * GM_2M, 1, GM_WRITER_HOST, 1, "2 MiB of no other VM");
	gm_control(true, "2 MiB of no other VM can be mapped");
	for (int i = 0; i < 2; i++) {
		expect_denied(vm, FAR + i * GM_2M, "the first page of such 2 MiB");
		expect_denied(vm, FAR + i * GM_2M + hit[i] * PG, "the protected VM's page");
	}
	gm_guest_check(p->vm, 0, FAR + hit[0] * PG, 1, GM_WRITER_SECRET, 2, "the owner's data");
	GM_EXPECT(pkvm_load(m->hva + hit[0] * PG).signo == SIGSEGV,
		  "the host can read the owner's page");
	pvm_free(p);
	gm_guest_check(vm, 0, FAR, 1, GM_WRITER_HOST, 1, "after the protected VM");
	gm_guest_check_zero(vm, 0, FAR + hit[0] * PG, 1, "the page that was donated");
	gm_vm_free(vm);
	gm_mem_free(m);
}

static volatile struct {
	bool running; /* MADV_HWPOISON also sends a signal, which does not count */
	int times, code;
	void *addr;
} bad;

/* Maps a new page in its place, as a VMM does. */
static void on_poisoned(int signo, siginfo_t *info, void *context)
{
	if (!bad.running)
		return;
	bad.times++;
	bad.code = info->si_code;
	bad.addr = info->si_addr;
	mmap((void *)((uintptr_t)info->si_addr & -PG), PG, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* Loses a page frame until the next boot, and adds a few lines to the kernel log. */
GM_CASE(bad_page, .name = "pkvm.hwpoison.first_touch", .clause = "pkvm.hwpoison",
	.needs = GM_NEEDS(HWPOISON), .caps = GM_CAPS_ALL, .tokens = GM_TOKEN_MODULE,
	.text = "the guest's first touch of a poisoned page: SIGBUS, BUS_MCEERR_AR at its address; with a new page the guest continues")
{
	struct sigaction sa = { .sa_sigaction = on_poisoned, .sa_flags = SA_SIGINFO }, old;
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 4);

	gm_host_fill(p->mem->hva, GM_BASE / PG, 4, GM_WRITER_HOST, 1);
	GM_SETUP_OK(sigaction(SIGBUS, &sa, &old));
	GM_SETUP_OK(madvise(pvm_hva(p, 2), PG, MADV_HWPOISON));
	bad.running = true;
	gm_guest_check(p->vm, 0, GM_BASE, 2, GM_WRITER_HOST, 1, "the pages below");
	GM_EXPECT_EQ(bad.times, 0, "signals for the pages below");
	gm_guest_check_zero(p->vm, 0, pvm_gpa(2), 1, "the new page");
	GM_EXPECT(
		bad.times == 1 && bad.code == BUS_MCEERR_AR && bad.addr == pvm_hva(p, 2),
		"expected one SIGBUS, BUS_MCEERR_AR at %p, observed %d, the last with code %d at %p",
		pvm_hva(p, 2), bad.times, bad.code, bad.addr);
	gm_guest_check(p->vm, 0, pvm_gpa(3), 1, GM_WRITER_HOST, 1, "the page above");
	GM_SETUP_OK(sigaction(SIGBUS, &old, NULL));
	pvm_free(p);
}
