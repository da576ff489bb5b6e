# SPDX-License-Identifier: GPL-2.0-only
# make mutants: plants every defect of the tables, one a boot. MUTANTS=name,area,... picks some.

.PHONY: mutants
mutants: lab-packages
	@$(MAKE) --no-print-directory all
	@mutants/run $(if $(MUTANTS),--only '$(MUTANTS)')
