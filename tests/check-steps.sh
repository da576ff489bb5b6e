# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What make check consists of. Sourced by tests/check.

# A handful of defects, from every area and cheap to show: a check that cannot fail is worth less
# than none. make mutants plants them all.
CHECK_MUTANTS=${CHECK_MUTANTS:-}

steps() {
	step packages lab/packages check || return
	step build make --no-print-directory all || return
	step unit make --no-print-directory unit
	step style make --no-print-directory style
	step consumers make --no-print-directory consumers
	step lab make --no-print-directory lab
	step lab-amd make --no-print-directory lab IOMMU=amd ARGS='--clause iommu.*'
	if [ -n "$CHECK_MUTANTS" ]; then
		step mutants mutants/run --no-clean --only "$CHECK_MUTANTS"
	fi
}
