# SPDX-License-Identifier: GPL-2.0-only
# make mutants: plants every defect of the tables, one a boot. MUTANTS=name,area,... picks some.
# STRESS=1: only the stress cases look for them, with three seeds each.

.PHONY: mutants
mutants: lab-packages
	@$(MAKE) --no-print-directory all
ifneq ($(ARCH),$(HOST_ARCH))
	@$(MAKE) --no-print-directory ARCH=$(HOST_ARCH) $(O)/$(HOST_ARCH)/bin/gm-run
endif
	@mutants/run $(if $(STRESS),--stress )$(if $(MUTANTS),--only '$(MUTANTS)')
