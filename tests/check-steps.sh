# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The steps of make check. Sourced by tests/check.

# A few planted defects that are quick to show, one of each area: they prove that the checks can
# fail. make mutants plants all of them.
CHECK_MUTANTS=${CHECK_MUTANTS-fd_punch_border,fd_guest_no_zero,gup_fault_remote,huge_pre_no_tail,iommu_file_end}
CHECK_MUTANTS_ARM64=${CHECK_MUTANTS_ARM64-arm64_smccc_end,arm64_dirty_block,arm64_teardown_zero}

# One kernel for each architecture: a kernel with planted defects, none of which is on, behaves as one
# without them (each is a plain test of a variable), and the defects need no second build.
planted() {	# planted ARCH: builds it; its path goes to $logs/kernel-ARCH
	step "kernel-$1" env ARCH="$1" mutants/run --kernel || return
	# shellcheck disable=SC2154 # tests/check sets it
	ARCH=$1 mutants/run --kernel > "$logs/kernel-$1" 2> /dev/null
}

run_lab() {	# run_lab NAME VARIABLES...: the quick profile, or the part of it that LAB_ONLY selects
	local name=$1 results=$logs/$1.results
	shift
	step "$name" make --no-print-directory lab "$@" ARGS="--results $results ${LAB_ONLY:-}"
}

on_arm64() {
	local image
	step build-arm64 make --no-print-directory ARCH=arm64 all || return
	planted arm64 || return
	image=$(cat "$logs/kernel-arm64")
	run_lab lab-arm64 ARCH=arm64 LAB_MODE=plain KERNEL="$image"
	run_lab lab-pkvm ARCH=arm64 LAB_MODE=protected KERNEL="$image"
	[ -z "$CHECK_MUTANTS_ARM64" ] || step mutants-arm64 env ARCH=arm64 \
		mutants/run --no-clean --image "$image" --only "$CHECK_MUTANTS_ARM64"
}

# This lane is the shorter one, so it has the steps that need no VM.
second_lane() {
	on_arm64
	step style make --no-print-directory style
}

steps() {
	local image
	step packages lab/packages check || return
	step build make --no-print-directory all || return
	# A lab mostly runs one case on one CPU, so two architectures run in parallel.
	start_lane second second_lane
	step unit make --no-print-directory unit
	step consumers make --no-print-directory consumers
	if [ -w /dev/kvm ]; then
		step policy make --no-print-directory policy ARGS=--short
		# The cases that count free memory or look where pages lie.
		step load make --no-print-directory load N=2 \
			"ARGS=--filter 'fungible.*,fd.mempolicy.*,fd.memory_back.*,iommu.map_hva.*'"
	fi
	if planted x86; then
		image=$(cat "$logs/kernel-x86")
		run_lab lab KERNEL="$image"
		LAB_ONLY='--clause iommu.*' run_lab lab-amd IOMMU=amd KERNEL="$image"
		[ -z "$CHECK_MUTANTS" ] ||
			step mutants mutants/run --no-clean --image "$image" --only "$CHECK_MUTANTS"
	fi
	# The contract kernel converts in place as KERNEL_PATCHES=inplace does, and has huge pages.
	LAB_ONLY="--filter '*inplace*,*.huge,*huge_file*,contract*,fungible.huge_*'" run_lab lab-contract \
		KERNEL_PATCHES=contract KCMD=kvm.gmem_in_place_conversion=1
}
