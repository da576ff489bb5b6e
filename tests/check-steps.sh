# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What make check consists of. Sourced by tests/check.

# A handful of defects, from every area and cheap to show: a check that cannot fail is worth less
# than none. make mutants plants them all.
CHECK_MUTANTS=${CHECK_MUTANTS-fd_punch_border,fd_guest_no_zero,gup_fault_remote,huge_pre_no_tail,iommu_file_end}
CHECK_MUTANTS_ARM64=${CHECK_MUTANTS_ARM64-arm64_smccc_end,arm64_dirty_block,arm64_teardown_zero}

# lab_twice NAME MAKE_ARGS...: a step in the lab; what failed there is asked once more, alone, and
# only a second failure fails the step. Emulated CPUs let a guest shut down now and then (see the
# README's limits); a defect of the kernel or of the suite fails both times. Both logs stay.
lab_twice() {
	# shellcheck disable=SC2154 # tests/check sets it
	local name=$1 results=$logs/$1.results
	shift
	run_lab "$name" "$results" "$@" && return
	echo "== $name: asking what failed once more"
	step "$name-again" make --no-print-directory lab "$@" ARGS="--results $results --failed" &&
		forgive "$name"
}

run_lab() {
	local name=$1 results=$2
	shift 2
	step "$name" make --no-print-directory lab "$@" ARGS="--results $results ${LAB_ONLY:-}"
}

steps() {
	step packages lab/packages check || return
	step build make --no-print-directory all || return
	step unit make --no-print-directory unit
	step style make --no-print-directory style
	step consumers make --no-print-directory consumers
	lab_twice lab
	LAB_ONLY='--clause iommu.*' lab_twice lab-amd IOMMU=amd
	lab_twice lab-arm64 ARCH=arm64 LAB_MODE=plain
	lab_twice lab-pkvm ARCH=arm64 LAB_MODE=protected
	if [ -n "$CHECK_MUTANTS" ]; then
		step mutants mutants/run --no-clean --only "$CHECK_MUTANTS"
	fi
	if [ -n "$CHECK_MUTANTS_ARM64" ]; then
		step mutants-arm64 env ARCH=arm64 mutants/run --no-clean --only "$CHECK_MUTANTS_ARM64"
	fi
}
