// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table: the bytes that KVM's calls give out: fd.bytes_out.
 *
 * No cell: KVM_RUN, whose page is allocated with zeroes and only written by name; the log of a slot
 * (huge.dirty_slots).
 */
#include "bytes.h"
#include "gm.h"
#include "vm.h"

GM_FILE(.clause = "fd.bytes_out", .profile = "any", .needs = GM_NEEDS(KVM))

static void fill_msrs(void *buf, void *arg __attribute__((unused)))
{
	static const uint32_t index[] = { 0x1b, 0x174, 0x277, 0xc0000080, 0xc0000081 };
	struct kvm_msrs *msrs = buf;

	msrs->nmsrs = ARRAY_SIZE(index);
	for (unsigned int i = 0; i < ARRAY_SIZE(index); i++)
		msrs->entries[i].index = index[i];
}

#define MSRS (sizeof(struct kvm_msrs) + 5 * sizeof(struct kvm_msr_entry))
#define ENTRIES 256
#define CPUID (sizeof(struct kvm_cpuid2) + ENTRIES * sizeof(struct kvm_cpuid_entry2))
#define LIST (sizeof(struct kvm_msr_list) + 1024 * 4)

static void fill_cpuid(void *buf, void *arg __attribute__((unused)))
{
	struct kvm_cpuid2 *c = buf;

	c->nent = ENTRIES;
	c->padding = 0;
}

/* Takes entries of zeroes only. */
static void fill_emulated(void *buf, void *arg)
{
	memset(buf, 0, CPUID);
	fill_cpuid(buf, arg);
}

static void fill_list(void *buf, void *arg __attribute__((unused)))
{
	((struct kvm_msr_list *)buf)->nmsrs = 1024;
}

static void fill_nested(void *buf, void *arg __attribute__((unused)))
{
	((struct kvm_nested_state *)buf)->size = 0x2000;
}

/* Each GET on a vCPU; one line each. */
static const struct gm_bytes vcpu_rows[] = {
	{ "KVM_GET_REGS", KVM_GET_REGS, sizeof(struct kvm_regs), .all = true },
	{ "KVM_GET_SREGS", KVM_GET_SREGS, sizeof(struct kvm_sregs), .all = true },
	{ "KVM_GET_SREGS2", KVM_GET_SREGS2, sizeof(struct kvm_sregs2), .all = true },
	{ "KVM_GET_FPU", KVM_GET_FPU, sizeof(struct kvm_fpu), .all = true },
	{ "KVM_GET_XSAVE", KVM_GET_XSAVE, sizeof(struct kvm_xsave), .all = true, .absent = EINVAL },
	{ "KVM_GET_XCRS", KVM_GET_XCRS, sizeof(struct kvm_xcrs), .all = true,
	  .zero = { { offsetof(struct kvm_xcrs, flags), 4 },
		    { offsetof(struct kvm_xcrs, padding), 128 } } },
	{ "KVM_GET_LAPIC", KVM_GET_LAPIC, sizeof(struct kvm_lapic_state), .all = true },
	{ "KVM_GET_VCPU_EVENTS", KVM_GET_VCPU_EVENTS, sizeof(struct kvm_vcpu_events), .all = true,
	  .zero = { { offsetof(struct kvm_vcpu_events, reserved),
		      sizeof(((struct kvm_vcpu_events *)0)->reserved) } } },
	{ "KVM_GET_DEBUGREGS", KVM_GET_DEBUGREGS, sizeof(struct kvm_debugregs), .all = true,
	  .zero = { { offsetof(struct kvm_debugregs, flags), 8 },
		    { offsetof(struct kvm_debugregs, reserved), 72 } } },
	{ "KVM_GET_MP_STATE", KVM_GET_MP_STATE, sizeof(struct kvm_mp_state), .all = true },
	{ "KVM_GET_CPUID2", KVM_GET_CPUID2, CPUID, fill_cpuid },
	{ "KVM_GET_MSRS", KVM_GET_MSRS, MSRS, fill_msrs },
	{ "KVM_GET_NESTED_STATE", KVM_GET_NESTED_STATE, 0x2000, fill_nested, .absent = EINVAL },
};

static void fill_pic(void *buf, void *arg __attribute__((unused)))
{
	struct kvm_irqchip *chip = buf;

	chip->chip_id = KVM_IRQCHIP_PIC_MASTER;
	chip->pad = 0;
}

static void fill_pic_slave(void *buf, void *arg __attribute__((unused)))
{
	struct kvm_irqchip *chip = buf;

	chip->chip_id = KVM_IRQCHIP_PIC_SLAVE;
	chip->pad = 0;
}

static void fill_ioapic(void *buf, void *arg __attribute__((unused)))
{
	struct kvm_irqchip *chip = buf;

	chip->chip_id = KVM_IRQCHIP_IOAPIC;
	chip->pad = 0;
}

#define CLOCK_AT(field) offsetof(struct kvm_clock_data, field), 8
#define PIT2_RESERVED                                                                              \
	{                                                                                          \
		offsetof(struct kvm_pit_state2, reserved),                                         \
			sizeof(((struct kvm_pit_state2 *)0)->reserved)                             \
	}

static const struct gm_bytes vm_rows[] = {
	{ "KVM_GET_IRQCHIP, PIC", KVM_GET_IRQCHIP, sizeof(struct kvm_irqchip), fill_pic },
	{ "KVM_GET_IRQCHIP, second PIC", KVM_GET_IRQCHIP, sizeof(struct kvm_irqchip),
	  fill_pic_slave },
	{ "KVM_GET_IRQCHIP, IOAPIC", KVM_GET_IRQCHIP, sizeof(struct kvm_irqchip), fill_ioapic },
	{ "KVM_GET_PIT", KVM_GET_PIT, sizeof(struct kvm_pit_state), .all = true },
	{ "KVM_GET_PIT2", KVM_GET_PIT2, sizeof(struct kvm_pit_state2), .all = true,
	  .zero = { PIT2_RESERVED } },
	{ "KVM_GET_CLOCK", KVM_GET_CLOCK, sizeof(struct kvm_clock_data), .all = true,
	  .varies = { { CLOCK_AT(clock) }, { CLOCK_AT(realtime) }, { CLOCK_AT(host_tsc) } },
	  .zero = { { offsetof(struct kvm_clock_data, pad0), 4 },
		    { offsetof(struct kvm_clock_data, pad), 16 } } },
};

static const struct gm_bytes system_rows[] = {
	{ "KVM_GET_SUPPORTED_CPUID", KVM_GET_SUPPORTED_CPUID, CPUID, fill_cpuid },
	{ "KVM_GET_EMULATED_CPUID", KVM_GET_EMULATED_CPUID, CPUID, fill_emulated },
	{ "KVM_GET_MSR_INDEX_LIST", KVM_GET_MSR_INDEX_LIST, LIST, fill_list },
	{ "KVM_GET_MSR_FEATURE_INDEX_LIST", KVM_GET_MSR_FEATURE_INDEX_LIST, LIST, fill_list },
};

/* Values of statistics may change; their names and descriptions may not. */
static int read_stats(int fd, void *buf, void *arg)
{
	struct kvm_stats_header header;
	size_t size = *(size_t *)arg;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header))
		return -1;
	return pread(fd, buf, size < header.data_offset ? size : header.data_offset, 0) < 0 ? -1
											    : 0;
}

static void check_all(const struct gm_bytes *rows, size_t nr, int fd, void *arg)
{
	for (size_t i = 0; i < nr; i++)
		gm_bytes_check(&rows[i], fd, arg);
}

GM_CASE(bytes_kvm, .name = "fd.bytes_out.kvm",
	.text = "each GET of KVM, of a VM, of a vCPU and of statistics: no byte of the kernel's stack or heap")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1);
	struct kvm_pit_config pit = { 0 };
	static size_t size = 0x1000;
	const struct gm_bytes stats = { "statistics", 0, 0x1000, .call = read_stats };
	int fd;

	__vm_ioctl(vm->kvm, KVM_CREATE_PIT2, &pit);
	check_all(vcpu_rows, ARRAY_SIZE(vcpu_rows), vm->vcpu[0]->fd, NULL);
	check_all(vm_rows, ARRAY_SIZE(vm_rows), vm->kvm->fd, NULL);
	check_all(system_rows, ARRAY_SIZE(system_rows), vm->kvm->kvm_fd, NULL);
	fd = GM_SETUP_OK(ioctl(vm->kvm->fd, KVM_GET_STATS_FD, NULL));
	gm_bytes_check(&stats, fd, &size);
	close(fd);
	fd = GM_SETUP_OK(ioctl(vm->vcpu[0]->fd, KVM_GET_STATS_FD, NULL));
	gm_bytes_check(&stats, fd, &size);
	close(fd);
	gm_vm_free(vm);
}
