# SPDX-License-Identifier: GPL-2.0-only
# make mutants: tests every planted defect of the tables, many in a boot. MUTANTS=name,area,... picks some.
# STRESS=1: by the stress alone, with three seeds of each kind of program, ten for stress.tsv.
# DIRECTED=1: the defects of stress.tsv by all cases except the stress: a miss needs the stress.
# ONE_PER_BOOT=1: one boot for each, on from the start. IMAGE=: a kernel with all of them, no build.

.PHONY: mutants
mutants: lab-packages
	@$(MAKE) --no-print-directory all
ifneq ($(ARCH),$(HOST_ARCH))
	@$(MAKE) --no-print-directory ARCH=$(HOST_ARCH) $(O)/$(HOST_ARCH)/bin/gm-run
endif
	@mutants/run $(if $(STRESS),--stress )$(if $(DIRECTED),--directed )$(if $(ONE_PER_BOOT),--one-per-boot )$(if \
		$(IMAGE),--image '$(IMAGE)' )$(if $(MUTANTS),--only '$(MUTANTS)')
