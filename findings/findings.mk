# SPDX-License-Identifier: GPL-2.0-only
# make findings: proves each folder of findings/ of ARCH: boots the kernel without and with the
# fixes, and runs its repro and its case. FINDING=name,... picks some. KERNEL=: on that kernel only.
# make findings-table: writes the table of README.md.

GM_FINDINGS := $(patsubst findings/%/README.md,%,$(shell \
	grep -lE '^\| arch \| ($(ARCH)|any) \|' findings/*/README.md 2>/dev/null))
GM_REPROS := $(addprefix $(GM_OUT)/findings/,$(patsubst findings/%/repro.c,%,$(wildcard \
	$(GM_FINDINGS:%=findings/%/repro.c))))

# As anybody builds it: with the headers of the system, and without those of this project.
$(GM_OUT)/findings/%: findings/%/repro.c
	$(GM_SAY) "  CC      $@"
	@mkdir -p $(@D)
	@$(CC) -O2 -Wall -Wextra -static -pthread -o $@ $<

.PHONY: findings findings-repros findings-table
findings-repros: $(GM_REPROS)
findings: lab-packages
	@$(MAKE) --no-print-directory all findings-repros
ifneq ($(ARCH),$(HOST_ARCH))
	@$(MAKE) --no-print-directory ARCH=$(HOST_ARCH) $(O)/$(HOST_ARCH)/bin/gm-run
endif
	@findings/run $(if $(KERNEL),--image '$(KERNEL)' )$(if $(FINDING),--only '$(FINDING)')
findings-table:
	@findings/run --table
