# SPDX-License-Identifier: GPL-2.0-only
# The lab: make lab builds a kernel, boots it in QEMU and runs the suite in it.
#
#   KERNEL=	a ready bzImage or Image: no kernel is built	KCMD=	added to its command line
#   KTREE=	tree of the kernel under test: a folder, or debian:6.12 (that of the suite, KSRC=)
#   KERNEL_PATCHES=	names in mutants/ or lab/patches/, files or folders of *.patch, for that build
#   ACCEL=	auto|kvm|tcg		CPUS=	1 to 8 (4; arm64: 2)	MEM=	6G, 3000M
#   IOMMU=	none|intel|amd|smmuv3	LAB_SHELL=1	a shell in the VM instead
#   LAB_MODE=	arm64: plain|protected KVM (both, one after the other)
#   LAB_PAGES=	4k|16k|64k: page size of the arm64 kernel that is built (4k)
#   LAB_DEBUG=	kasan,lockdep,kmemleak,kcsan: checks that the kernel is built with
#   LAB_EXTRA=	a folder to add as /extra	ARGS=	options of the runner
#   LAB_SWAP=	1G: swap on a disk of this size
#
# make matrix runs it on several kernels, and with several parameters of KVM; make matrix-boot once for
# each way to boot that lab/matrix lists:
#   KERNELS=	"debian:6.12 debian:7.3+kasan bzImage"	PARAMS=	"kvm.tdp_mmu=0|1 kvm_amd.npt=0|1"
#   ONLY=	names of runs

export KERNEL KTREE KERNEL_PATCHES KCMD ACCEL CPUS MEM IOMMU LAB_MODE LAB_PAGES LAB_DEBUG LAB_SHELL LAB_EXTRA
export LAB_SWAP ONLY KERNELS PARAMS

# The goals below call make with -j for all CPUs, unless the user gave a -j.
GM_LAB_MAKE = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: lab matrix matrix-boot lab-build lab-packages lab-kernel lab-clean
lab: lab-build
	@kernel='$(KERNEL)'; : $${kernel:=$$(lab/kernel)} && [ -n "$$kernel" ] || exit 2; \
	exec lab/run "$$kernel" $(GM_OUT)/bin $(O)/$(HOST_ARCH)/bin/gm-run --known known/linux.tsv $(ARGS)

matrix matrix-boot: lab-build
	@lab/matrix $(if $(filter matrix,$@),params,boots) $(GM_OUT)/bin $(O)/$(HOST_ARCH)/bin/gm-run \
		--known known/linux.tsv $(ARGS)

lab-build: lab-packages
	@+$(GM_LAB_MAKE) all
ifneq ($(ARCH),$(HOST_ARCH))
	@+$(GM_LAB_MAKE) ARCH=$(HOST_ARCH) $(O)/$(HOST_ARCH)/bin/gm-run
endif

# The reference that keeps all of the contract, and its story from start to end (P3 to P6 in one
# kernel). With ARGS any other selection: make contract ARGS=.
.PHONY: contract
contract: private export KERNEL_PATCHES := contract
contract: private export KCMD := kvm.gmem_in_place_conversion=1 $(KCMD)
contract: private export MEM := $(or $(MEM),7G)
contract:
	@+$(MAKE) --no-print-directory lab $(if $(filter undefined,$(origin ARGS)),ARGS="--filter contract.*")

# Builds the kernel and prints its path.
lab-kernel: lab-packages
	@lab/kernel

lab-packages:
	@lab/check
	@lab/packages lab

# Removes built kernels and their build folders from the cache; fetched sources stay.
lab-clean:
	@lab/clean

# The lab's VM runs it in parallel to the suite.
$(GM_OUT)/bin/gm-hold-vm: lab/hold_vm.c $(GM_FW)/headers.stamp lab/lab.mk
	$(GM_SAY) "  CC      $@"
	@mkdir -p $(@D)
	@$(CC) $(GM_CFLAGS) $(GM_KHDR_CFLAGS) -fno-PIE -static -no-pie -o $@ $<
