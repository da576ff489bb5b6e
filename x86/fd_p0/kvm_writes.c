// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM itself writes guest memory for the guest: the wall clock, the system time, the steal time, the PV
 * EOI flag. It does so through userspace_addr, whatever the guest has mapped: fd.kvm_writes.
 */
#include <asm/kvm_para.h>
#include <sys/mman.h>

#include "apic.h"
#include "fixture.h"
#include "gm.h"

GM_FILE(.clause = "fd.kvm_writes")

#define PG GM_PAGE_SIZE
#define FIRST GFN(GM_BASE)
#define NPAGES 8UL
#define SIZE (NPAGES * PG)
#define VECTOR 0x40
/* Where in its page each of them is. */
#define AT 0x800UL
/* What memory holds before: bit 0 is clear, so no PV EOI is pending, and no version is odd. */
#define BEFORE 0x5a

/* Each has a page of its own: what it writes, and how many bytes of it (uapi/asm/kvm_para.h, pvclock-abi.h). */
enum { WALL_CLOCK, SYSTEM_TIME, STEAL_TIME, PV_EOI, WRITERS };
static const struct {
	const char *name;
	unsigned int len;
} writer[WRITERS] = {
	[WALL_CLOCK] = { "the wall clock", 12 },
	[SYSTEM_TIME] = { "the system time", 32 },
	[STEAL_TIME] = { "the steal time", sizeof(struct kvm_steal_time) },
	[PV_EOI] = { "the PV EOI flag", 1 },
};

static uint64_t place(unsigned int i)
{
	return GM_BASE + i * PG + AT;
}

static uint64_t guest_wrmsr(uint64_t msr, uint64_t val, uint64_t unused __attribute__((unused)))
{
	wrmsr(msr, val);
	return 0;
}

/* The guest's: where the flag is, and all bits that it had while interrupts were in service. */
static uint64_t eoi_at, eoi_seen;

static void guest_irq(struct ex_regs *regs __attribute__((unused)))
{
	eoi_seen |= *(volatile uint8_t *)eoi_at;
	x2apic_write_reg(APIC_EOI, 0);
}

/*
 * KVM sets the flag when it injects the interrupt, and clears it at the next exit: the guest has mapped
 * the page before, and takes several interrupts, since the host's own ones come between, too.
 */
static uint64_t guest_interrupts(uint64_t gpa, uint64_t nr, uint64_t c __attribute__((unused)))
{
	eoi_at = gpa;
	eoi_seen = *(volatile uint8_t *)gpa;
	x2apic_enable();
	while (nr--) {
		x2apic_write_reg(APIC_ICR,
				 APIC_DEST_SELF | APIC_INT_ASSERT | APIC_DM_FIXED | VECTOR);
		asm volatile("sti; nop; cli" ::: "memory");
	}
	return eoi_seen;
}

static uint64_t call(struct gm_vm *vm, uint64_t (*fn)(uint64_t, uint64_t, uint64_t), uint64_t a,
		     uint64_t b)
{
	struct gm_op op = { .code = GM_OP_CALL, .addr = (uintptr_t)fn, .val = a, .nr = b };

	gm_run(vm, 0, &op, 1);
	return op.ret;
}

static uint64_t guest_word(struct gm_vm *vm, uint64_t gpa)
{
	struct gm_op op = { .code = GM_OP_READ, .addr = gpa };

	gm_run(vm, 0, &op, 1);
	return op.val;
}

/* The guest tells KVM where to write: from then on the steal time at each KVM_RUN, the system time on request. */
static void enable(struct gm_vm *vm)
{
	call(vm, guest_wrmsr, MSR_KVM_SYSTEM_TIME_NEW, place(SYSTEM_TIME) | 1);
	call(vm, guest_wrmsr, MSR_KVM_STEAL_TIME, place(STEAL_TIME) | KVM_MSR_ENABLED);
	call(vm, guest_wrmsr, MSR_KVM_PV_EOI_EN, place(PV_EOI) | KVM_MSR_ENABLED);
}

static void disable(struct gm_vm *vm)
{
	call(vm, guest_wrmsr, MSR_KVM_SYSTEM_TIME_NEW, 0);
	call(vm, guest_wrmsr, MSR_KVM_STEAL_TIME, 0);
	call(vm, guest_wrmsr, MSR_KVM_PV_EOI_EN, 0);
}

/* KVM writes all four. Gives the bits of the PV EOI flag that the guest saw while interrupts were in service. */
static uint64_t all_write(struct gm_vm *vm)
{
	call(vm, guest_wrmsr, MSR_KVM_WALL_CLOCK_NEW, place(WALL_CLOCK));
	GM_EXPECT_OK(ioctl(vm->vcpu[0]->fd, KVM_KVMCLOCK_CTRL, 0));
	return call(vm, guest_interrupts, place(PV_EOI), 8);
}

/* The guest's own memory, in an ordinary slot. */
static uint8_t __attribute__((aligned(PG))) ordinary[PG];

/*
 * Does KVM use the PV EOI flag at all? Not where the CPU delivers interrupts (APICv, AVIC: irr_pending
 * is always set, arch/x86/kvm/lapic.c:3434), nor where KVM does not emulate the APIC's delivery.
 */
static bool eoi_used;

static bool probe_eoi(struct gm_vm *vm)
{
	uint64_t seen;

	call(vm, guest_wrmsr, MSR_KVM_PV_EOI_EN,
	     addr_gva2gpa(vm->kvm, (gva_t)ordinary) | KVM_MSR_ENABLED);
	seen = call(vm, guest_interrupts, (uintptr_t)ordinary, 8);
	call(vm, guest_wrmsr, MSR_KVM_PV_EOI_EN, 0);
	if (!(seen & 1))
		gm_note("KVM does not use the PV EOI flag here, in ordinary memory neither");
	return seen & 1;
}

static struct gm_fixture *new_fixture(const struct gm_fixture_args *args)
{
	struct gm_fixture *w = gm_fixture_new(args);

	vm_install_exception_handler(w->vm->kvm, VECTOR, guest_irq);
	eoi_used = probe_eoi(w->vm);
	return w;
}

/*
 * Memory of the host that held `before` in every byte: each of them wrote its own bytes, and nobody any
 * other. The PV EOI flag is clear whenever the guest does not run (arch/x86/kvm/lapic.c:939).
 */
static void expect_written(const uint8_t *hva, uint8_t before, const char *when)
{
	for (unsigned int i = 0; i < NPAGES; i++) {
		const uint8_t *page = hva + i * PG;
		unsigned int len = i < WRITERS ? writer[i].len : 0, inside = 0;
		uint64_t outside = PG;

		for (uint64_t b = 0; b < PG; b++) {
			if (page[b] == before)
				continue;
			if (b >= AT && b < AT + len)
				inside++;
			else if (outside == PG)
				outside = b;
		}
		GM_EXPECT(outside == PG,
			  "%s: KVM changed byte %#lx of page %u, outside what it writes", when,
			  outside, i);
		if (!len)
			continue;
		if (i == PV_EOI)
			GM_EXPECT_EQ(page[AT], eoi_used ? 0 : before, "%s: %s", when,
				     writer[i].name);
		else
			GM_EXPECT(inside, "%s: %s did not come to userspace_addr", when,
				  writer[i].name);
	}
}

/* The guest reads what is at hva: by the wall clock, the only one that does not change while the guest runs. */
static void expect_same(struct gm_fixture *w, const uint8_t *hva, const char *when)
{
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t want = *(const volatile uint64_t *)(hva + AT + 8 * i);

		GM_EXPECT_EQ(guest_word(w->vm, place(WALL_CLOCK) + 8 * i), want,
			     "%s: word %u of the wall clock as the guest reads it", when, i);
	}
}

GM_CASE(beside, .name = "fd.kvm_writes.beside.p1", .profile = "P1",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP),
	.text = "userspace_addr beside the file: KVM's writes land there; guest, file and host mapping never have them")
{
	struct gm_fixture *w = new_fixture(&(struct gm_fixture_args){ .flavour = &gm_p1,
								      .size = SIZE,
								      .mem = GM_MEM_ANON,
								      .uses_uaddr = true,
								      .guest_page = PG });

	memset(w->mem->hva, BEFORE, SIZE);
	enable(w->vm);
	GM_EXPECT_EQ(all_write(w->vm), 0, "the PV EOI flag as the guest sees it");
	expect_written(w->mem->hva, BEFORE, "beside an empty file");
	gm_guest_check_zero(w->vm, 0, GM_BASE, NPAGES, "the guest's memory");
	gm_host_check_zero(w->hva, NPAGES, "the file");
	gm_fixture_fill(w, 0, FIRST, NPAGES);
	memset(w->mem->hva, BEFORE, SIZE);
	all_write(w->vm);
	expect_written(w->mem->hva, BEFORE, "beside a full file");
	gm_fixture_check_guest(w, 0, FIRST, NPAGES, 1, "what the guest wrote");
	gm_fixture_check_host(w, FIRST, NPAGES, 1, "what the guest wrote");
	gm_fixture_free(w);
}

GM_CASE(mapped, .name = "fd.kvm_writes.mapped.p1", .profile = "P1",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED),
	.text = "userspace_addr on the file: the guest reads what KVM writes; after PUNCH_HOLE it comes to the new pages")
{
	struct gm_fixture *w = new_fixture(&(struct gm_fixture_args){
		.flavour = &gm_p1, .size = SIZE, .uaddr = GM_UADDR_SHARED, .guest_page = PG });

	memset(w->hva, BEFORE, SIZE);
	enable(w->vm);
	GM_EXPECT_EQ(all_write(w->vm) & 1, eoi_used, "the PV EOI flag as the guest sees it");
	expect_written(w->hva, BEFORE, "in the file");
	expect_same(w, w->hva, "in the file");
	for (int i = 0; i < 3; i++) {
		gm_gmem_punch(w->gmem, 0, SIZE);
		GM_EXPECT_EQ(all_write(w->vm), eoi_used, "the PV EOI flag after PUNCH_HOLE");
		expect_written(w->hva, 0, "after PUNCH_HOLE");
		expect_same(w, w->hva, "after PUNCH_HOLE");
	}
	gm_fixture_free(w);
}

GM_CASE(private_p0, .name = "fd.kvm_writes.private.p0", .profile = "P0",
	.needs = GM_NEEDS(ATTRIBUTES),
	.text = "at a private gpa: KVM's writes come to the shared memory, and never to the private")
{
	struct gm_fixture *w =
		new_fixture(&(struct gm_fixture_args){ .size = SIZE, .guest_page = PG });
	uint64_t seen;

	gm_fixture_convert(w, FIRST, NPAGES, true);
	gm_fixture_fill(w, 0, FIRST, NPAGES);
	memset(w->hva, BEFORE, SIZE);
	enable(w->vm);
	seen = all_write(w->vm);
	expect_written(w->hva, BEFORE, "the shared memory");
	GM_EXPECT_EQ(seen, guest_word(w->vm, place(PV_EOI)) & 0xff,
		     "the guest's own byte, where the PV EOI flag would be");
	gm_fixture_check_guest(w, 0, FIRST, NPAGES, 1, "the private memory");
	/* Shared, the guest finds it. */
	gm_convert(w->vm, GM_BASE, SIZE, false);
	expect_same(w, w->hva, "converted to shared");
	GM_EXPECT_EQ(all_write(w->vm) & 1, eoi_used, "the PV EOI flag, shared");
	gm_convert(w->vm, GM_BASE, SIZE, true);
	all_write(w->vm);
	gm_fixture_check_guest(w, 0, FIRST, NPAGES, 1, "private again");
	gm_fixture_free(w);
}

/* KVM tries to write to private pages, whose userspace_addr nobody can reach; the guest goes on. */
static void expect_private_kept(struct gm_fixture *w, const char *when)
{
	for (int i = 0; i < 3; i++) {
		uint64_t seen = all_write(w->vm);

		GM_EXPECT_EQ(seen, guest_word(w->vm, place(PV_EOI)) & 0xff,
			     "%s: the guest's own byte, where the PV EOI flag would be", when);
	}
	gm_fixture_check_guest(w, 0, FIRST, NPAGES, 1, when);
}

GM_CASE(private_inplace, .name = "fd.kvm_writes.private", .providers = GM_PROVIDERS(INPLACE),
	.needs = GM_NEEDS(GMEM_GUP),
	.text = "userspace_addr on the file, the pages private: none of KVM's writes comes, and the guest goes on")
{
	struct gm_fixture *w = new_fixture(&(struct gm_fixture_args){
		.size = SIZE, .uaddr = GM_UADDR_SHARED, .guest_page = PG });

	/* Enabled while shared: KVM has the addresses, and of the system time a mapping. It holds no page. */
	memset(w->hva, BEFORE, SIZE);
	enable(w->vm);
	GM_EXPECT_EQ(all_write(w->vm) & 1, eoi_used, "the PV EOI flag, shared");
	expect_written(w->hva, BEFORE, "shared");
	gm_fixture_convert(w, FIRST, NPAGES, true);
	gm_fixture_fill(w, 0, FIRST, NPAGES);
	expect_private_kept(w, "enabled while shared");
	/* Enabled while private. */
	disable(w->vm);
	enable(w->vm);
	expect_private_kept(w, "enabled while private");
	disable(w->vm);
	gm_fixture_convert(w, FIRST, NPAGES, false);
	gm_fixture_check_guest(w, 0, FIRST, NPAGES, 1, "shared again");
	gm_fixture_check_host(w, FIRST, NPAGES, 1, "shared again");
	memset(w->hva, BEFORE, SIZE);
	enable(w->vm);
	GM_EXPECT_EQ(all_write(w->vm) & 1, eoi_used, "the PV EOI flag, shared again");
	expect_written(w->hva, BEFORE, "shared again");
	gm_fixture_free(w);
}
