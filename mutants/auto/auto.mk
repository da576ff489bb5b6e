# SPDX-License-Identifier: GPL-2.0-only
# make mutants-auto: how many mechanical defects of the kernel the suite finds. SAMPLE=200 of those that
# its cases reach are asked, chosen by SEED=; MINUTES=60 at most. FILES= and CASES= are globs with commas;
# LANES=2 VMs side by side; IMAGE= a kernel built before; AGAIN=1 forgets the earlier results.

GM_AUTO_OPTIONS = $(foreach v,SAMPLE SEED MINUTES FILES CASES LANES IMAGE,$(if $($(v)),--$(shell \
	echo $(v) | tr A-Z a-z) '$($(v))'))

.PHONY: mutants-auto
mutants-auto:
	@lab/packages auto
	@$(MAKE) --no-print-directory all
	@mutants/auto/run $(GM_AUTO_OPTIONS)$(if $(AGAIN), --again)
