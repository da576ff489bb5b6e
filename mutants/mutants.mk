# SPDX-License-Identifier: GPL-2.0-only
# make mutants: plants every defect of the tables, one a boot. MUTANTS=name,area,... picks some.

.PHONY: mutants
mutants: all lab-packages
	@mutants/run $(if $(MUTANTS),--only '$(MUTANTS)')
