# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What make check consists of. Sourced by tests/check.

# A handful of defects, from every area and cheap to show: a check that cannot fail is worth less
# than none. make mutants plants them all.
CHECK_MUTANTS=${CHECK_MUTANTS-fd_punch_border,fd_guest_no_zero,gup_fault_remote,huge_pre_no_tail,iommu_file_end}
CHECK_MUTANTS_ARM64=${CHECK_MUTANTS_ARM64-arm64_smccc_end,arm64_dirty_block,arm64_teardown_zero}

run_lab() {	# run_lab NAME VARIABLES...: the quick profile, or what LAB_ONLY leaves of it
	# shellcheck disable=SC2154 # tests/check sets it
	local name=$1 results=$logs/$1.results
	shift
	step "$name" make --no-print-directory lab "$@" ARGS="--results $results ${LAB_ONLY:-}"
}

on_arm64() {
	step build-arm64 make --no-print-directory ARCH=arm64 all || return
	run_lab lab-arm64 ARCH=arm64 LAB_MODE=plain
	run_lab lab-pkvm ARCH=arm64 LAB_MODE=protected
	[ -z "$CHECK_MUTANTS_ARM64" ] ||
		step mutants-arm64 env ARCH=arm64 mutants/run --no-clean --only "$CHECK_MUTANTS_ARM64"
}

# The shorter of the two lanes takes what needs no VM.
others() {
	on_arm64
	step style make --no-print-directory style
}

steps() {
	step packages lab/packages check || return
	step build make --no-print-directory all || return
	# A lab mostly runs one case on one CPU: two architectures fit side by side.
	beside others others
	step unit make --no-print-directory unit
	step consumers make --no-print-directory consumers
	[ ! -w /dev/kvm ] || step policy make --no-print-directory policy ARGS=--short
	run_lab lab
	LAB_ONLY='--clause iommu.*' run_lab lab-amd IOMMU=amd
	LAB_ONLY="--filter '*inplace*'" run_lab lab-inplace KERNEL_PATCHES=inplace \
		KCMD=kvm.gmem_in_place_conversion=1
	[ -z "$CHECK_MUTANTS" ] || step mutants mutants/run --no-clean --only "$CHECK_MUTANTS"
}
