# SPDX-License-Identifier: GPL-2.0-only
# make mutants: plants every defect of the tables, many a boot. MUTANTS=name,area,... picks some.
# STRESS=1: only the stress looks for them, with three seeds of each kind of program, ten for its own races.
# DIRECTED=1: the stress's own races by all cases but the stress's: which of them nobody else finds.
# ONE_PER_BOOT=1: each from the start of a boot of its own. IMAGE=: a kernel that has them all.

.PHONY: mutants
mutants: lab-packages
	@$(MAKE) --no-print-directory all
ifneq ($(ARCH),$(HOST_ARCH))
	@$(MAKE) --no-print-directory ARCH=$(HOST_ARCH) $(O)/$(HOST_ARCH)/bin/gm-run
endif
	@mutants/run $(if $(STRESS),--stress )$(if $(DIRECTED),--directed )$(if $(ONE_PER_BOOT),--one-per-boot )$(if \
		$(IMAGE),--image '$(IMAGE)' )$(if $(MUTANTS),--only '$(MUTANTS)')
