# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2054
# The lab's machine as a QEMU command line. All uses of QEMU are here, in lab/run and in lab/batch.
# Needs lib.sh; qemu_check checks ARCH, ACCEL, CPUS, MEM, IOMMU, LAB_MODE, LAB_PAGES, KCMD.

# qemu_check: validates the user's variables; sets arch, cpus, mem (MiB), iommu, pages, mode (arm64:
# plain or protected KVM; empty: none chosen).
qemu_check()
{
	arch=$(gm_arch "${ARCH:-}")
	gnu=x86_64
	[ "$arch" = x86 ] || gnu=aarch64
	qemu=qemu-system-$gnu
	# Guests have up to four vCPUs, and the first CPU may run none: see qemu_guest_cpus.
	cpus=${CPUS:-$([ "$arch" = x86 ] && echo 5 || echo 2)}
	case $cpus in
	[1-8]) ;;
	*) gm_die "CPUS=$cpus: the lab's VM has 1 to 8" ;;
	esac
	iommu=${IOMMU:-$([ "$arch" = x86 ] && echo intel || echo smmuv3)}
	case $arch-$iommu in
	*-none | x86-intel | x86-amd | arm64-smmuv3) ;;
	x86-*) gm_die "IOMMU=$iommu: on x86 use none, intel or amd" ;;
	*) gm_die "IOMMU=$iommu: on arm64 use none or smmuv3" ;;
	esac
	mode=${LAB_MODE:-}
	case $arch-$mode in
	*- | arm64-protected | arm64-plain) ;;
	x86-*) gm_die "LAB_MODE=$mode: x86 has one mode only: leave it out" ;;
	*) gm_die "LAB_MODE=$mode: use protected or plain" ;;
	esac
	case " ${KCMD:-}" in
	*' kvm-arm.mode='*) mode=${mode:-plain} ;;
	esac
	pages=$(gm_pages "$arch" "${LAB_PAGES:-}")
	case ${ACCEL:=auto} in
	auto | tcg) ;;
	kvm)
		{ [ -r /dev/kvm ] && [ -w /dev/kvm ]; } ||
			gm_die "ACCEL=kvm: /dev/kvm is missing or not accessible: join the group kvm, or leave ACCEL out" ;;
	*) gm_die "ACCEL=$ACCEL: use auto, kvm or tcg" ;;
	esac
	mem=$(qemu_mem)
}

# qemu_mem: prints the VM's memory in MiB: MEM=, or a default that fits this host.
qemu_mem()
{
	local want=6144 free

	[ "$arch" = x86 ] || want=3072
	free=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
	case ${MEM:-} in
	"")
		[ "$free" -gt $((want + 512)) ] || want=$((free - 512))
		[ "$want" -ge 768 ] || gm_die "only $free MB of memory are free: the lab's VM needs 1280"
		;;
	*[!0-9GM]* | [GM]* | *[GM]?*) gm_die "MEM=$MEM: give a size like MEM=6G or MEM=3000M" ;;
	*G) want=$((${MEM%G} * 1024)) ;;
	*M) want=${MEM%M} ;;
	*) gm_die "MEM=$MEM: give a size like MEM=6G or MEM=3000M" ;;
	esac
	[ "$want" -ge 512 ] || gm_die "MEM=$MEM: the VM needs at least 512M"
	[ "$free" -gt "$want" ] || gm_die "MEM=$MEM: only $free MB of memory are free on this machine"
	echo "$want"
}

# qemu_nests: whether /dev/kvm here can run nested VMs: the module allows it, and QEMU can start
# such a CPU.
qemu_nests()
{
	local module flag nested

	[ "$arch" = x86 ] && [ "$(gm_arch "")" = x86 ] && [ -r /dev/kvm ] && [ -w /dev/kvm ] || return 1
	for module in kvm_amd:svm kvm_intel:vmx; do
		flag=${module#*:}
		nested=$(cat "/sys/module/${module%:*}/parameters/nested" 2> /dev/null || :)
		case $nested in
		1 | Y)
			echo quit | timeout 10 "$qemu" -M q35 -accel kvm -cpu "host,+$flag,enforce" -m 64 \
				-nodefaults -no-user-config -display none -S -monitor stdio > /dev/null 2>&1 &&
				return
			;;
		esac
	done
	return 1
}

# qemu_accel: sets accel to kvm or tcg. ACCEL=kvm is used without a check for nesting.
qemu_accel()
{
	accel=tcg
	if [ "$ACCEL" = kvm ] || { [ "$ACCEL" = auto ] && qemu_nests; }; then
		accel=kvm
	fi
}

# qemu_guest_cpus: prints the CPUs of the VM that may run guests, as a list for taskset; nothing if
# all may.
#
# In QEMU's TCG (7.2 to 10.0) every CPU that restores x87 state, with XRSTOR at any context switch,
# clears a bit in the first CPU's env.hflags2, without a lock (cpu_clear_ignne() in
# target/i386/tcg/sysemu/fpu_helper.c). If the first CPU enters or leaves a guest at that moment,
# its own change of that word may be lost: nested paging stays on in the host, or interrupts stay
# off. A guest then shuts down, or its VM hangs, although the kernel is correct. So no guest runs on
# that CPU.
qemu_guest_cpus()
{
	[ "$arch-$accel" != x86-tcg ] || [ "$cpus" -eq 1 ] || echo "1-$((cpus - 1))"
}

# qemu_hold_vm: prints "yes" if gm-hold-vm must run from the start to the end.
#
# The start of the first VM and the end of the last one patch a branch in the scheduler
# (preempt_notifier_key, a static key; CONFIG_JUMP_LABEL is always on for arm64). With QEMU 7.2's
# TCG on a busy host a CPU may then switch away from a vCPU without putting it, as if it still ran
# the code translated before the patch. This gives a warning in kvm_vcpu_load_debug(), a process
# that lost its registers, a vCPU or a VM that hangs, although the kernel is correct. A loop that
# creates and ends VMs hung within a minute in two of two tries, and did not while another VM
# existed: the branch is not patched then.
qemu_hold_vm()
{
	[ "$accel" != tcg ] || echo yes
}

# qemu_cmdline: prints the kernel's command line. KCMD is last, so that it overrides the rest.
qemu_cmdline()
{
	local console=ttyS0 huge kvm='' giga=$(((mem - 2048) / 1024))

	[ "$arch" = x86 ] || console=ttyAMA0
	# Huge pages at boot, before memory is fragmented: three of 1 GiB, fewer if memory is short.
	[ "$giga" -le 3 ] || giga=3
	huge="hugepagesz=2M hugepages=64"
	# A kernel with pages of 64 KiB has huge pages of 2 MiB, 512 MiB and 16 GiB.
	[ "$giga" -le 0 ] || [ "$pages" = 64k ] || huge="hugepagesz=1G hugepages=$giga $huge"
	if [ "$mode" = protected ]; then
		kvm="kvm-arm.mode=protected"
		# With E2H under QEMU 7.2 private pages keep their content after teardown; without
		# E2H they do not. A TLBI VAE2IS that misses the EL2&0 regime would explain it (not
		# proven).
		[ "$accel" != tcg ] || kvm+=' arm64_sw.hvhe=0 id_aa64mmfr1.vh=0'
	fi
	# A busy host may stall an emulated CPU for long: raise the lockup and RCU limits, and skip
	# the timer check. Expedite grace periods, since every change of a slot and every end of a
	# VM waits for some: without jiffies_till_*_fqs the end of a VM takes twice as long. QEMU's
	# amd-iommu does not remap interrupts, so VFIO needs both allow_unsafe_interrupts.
	# proc_mem.force_override: FOLL_FORCE writes through /proc/PID/mem must reach guest_memfd,
	# which refuses them; the hardening default would refuse them earlier.
	# slab_debug=FZP, page_table_check, iommu.debug_pagealloc: a use after free and a write beyond an
	# object's end are found at once and reported, for 2 % of the time.
	# The time tells a new report on the console from one that an earlier case has.
	echo "console=$console panic=-1 printk.time=1 quiet loglevel=5 sysrq_always_enabled=1 watchdog_thresh=60" \
		"rcupdate.rcu_cpu_stall_timeout=120 rcupdate.rcu_expedited=1" \
		"rcutree.jiffies_till_first_fqs=0 rcutree.jiffies_till_next_fqs=1" \
		"proc_mem.force_override=always $huge" \
		"slab_debug=FZP page_table_check=on iommu.debug_pagealloc=1" \
		"$([ "$arch" != x86 ] || echo no_timer_check)" \
		"$([ "$iommu" != intel ] || echo intel_iommu=on)" \
		"$([ "$iommu" != amd ] || echo iommufd.allow_unsafe_interrupts=1 \
			vfio_iommu_type1.allow_unsafe_interrupts=1)" \
		"$kvm" "${KCMD:-}"
}

# qemu_args KERNEL INITRD DISK: sets the array args to the machine without its character devices.
qemu_args()
{
	local machine

	args=(-nodefaults -no-user-config -display none -no-reboot -smp "$cpus" -m "$mem"
		-kernel "$1" -initrd "$2" -append "$(qemu_cmdline)"
		-drive "file=$3,format=raw,if=none,id=disk,cache=unsafe" -device virtio-blk-pci,drive=disk,serial=gm-scratch
		-device virtio-serial-pci)
	# edu reaches 256 MiB only: with 39 bits it can reach an IOVA that is aligned to 1 GiB, too.
	args+=(-device edu,dma_mask=0x7fffffffff -device edu,dma_mask=0x7fffffffff)
	if [ "$accel" = kvm ]; then
		args+=(-accel kvm -cpu host)
	elif [ "$arch" = x86 ]; then
		# A model without REP_GOOD (init_amd_k8()): emulated string instructions take 1.5
		# times as long as plain stores to clear a page.
		args+=(-accel tcg,thread=multi -cpu max,+svm,+npt,-erms,-fsrm,model=4,stepping=1)
	else
		# Emulating architected pointer authentication and LPA2 (52-bit addresses) is very
		# slow: without LPA2 a run takes a third of the time.
		args+=(-accel tcg,thread=multi -cpu max,pauth-impdef=on,lpa2=off)
	fi
	# A second memory node, without CPUs, to which pages could be migrated.
	if [ "$arch" = x86 ] && [ "$mem" -ge 1024 ]; then
		args+=(-object "memory-backend-ram,id=node0,size=$((mem - 256))M"
			-object memory-backend-ram,id=node1,size=256M
			-numa "node,nodeid=0,cpus=0-$((cpus - 1)),memdev=node0" -numa node,nodeid=1,memdev=node1)
	fi
	case $arch-$iommu in
	x86-intel)
		args=(-M q35,kernel-irqchip=split
			-device intel-iommu,intremap=on,caching-mode=on,device-iotlb=on "${args[@]}") ;;
	x86-amd) args=(-M q35,kernel-irqchip=split -device amd-iommu,intremap=on,device-iotlb=on "${args[@]}") ;;
	x86-none) args=(-M q35 "${args[@]}") ;;
	arm64-*)
		machine=virt,virtualization=on,gic-version=3
		[ "$iommu" = none ] || machine=$machine,iommu=smmuv3
		# KVM gives MTE only if the host's CPU has it.
		[ "$accel" = kvm ] || machine=$machine,mte=on
		args=(-M "$machine" "${args[@]}") ;;
	esac
}

# qemu_swap FILE: adds a disk of LAB_SWAP= bytes (1G, 512M), which lab/init uses for swap.
qemu_swap()
{
	case ${LAB_SWAP:-} in
	"") return ;;
	*[!0-9GM]* | [GM]* | *[GM]?*) gm_die "LAB_SWAP=$LAB_SWAP: give a size like LAB_SWAP=1G" ;;
	esac
	truncate -s "$LAB_SWAP" "$1"
	args+=(-drive "file=$1,format=raw,if=none,id=swap,cache=unsafe"
		-device virtio-blk-pci,drive=swap,serial=gm-swap)
}

# qemu_check_kernel FILE: stops unless FILE is an image that QEMU boots on this architecture.
qemu_check_kernel()
{
	local magic

	{ [ -f "$1" ] && [ -r "$1" ]; } ||
		gm_die "KERNEL=$1 cannot be read: give a bzImage (x86) or Image (arm64), or leave KERNEL out"
	case $arch in
	x86)
		magic=$(dd if="$1" bs=1 skip=514 count=4 2> /dev/null | tr -d '\0')
		[ "$magic" = HdrS ] ||
			gm_die "KERNEL=$1 is not an x86 kernel image: give arch/x86/boot/bzImage of a build" ;;
	arm64)
		magic=$({ gzip -dcf < "$1" 2> /dev/null || :; } | dd bs=1 skip=56 count=4 2> /dev/null | tr -d '\0')
		[ "$magic" = "ARMd" ] ||
			gm_die "KERNEL=$1 is not an arm64 kernel image: give arch/arm64/boot/Image of a build" ;;
	esac
}
