# SPDX-License-Identifier: GPL-2.0-only
# gm-run: one static program without KVM. Two libraries, both maintained, both with a static
# archive in Debian for x86 and arm64: Jansson writes and reads JSON, Mini-XML writes JUnit.

GM_SAY ?= @echo
GM_RUN_SRC := $(wildcard runner/*.c)
GM_RUN_OBJ := $(GM_RUN_SRC:%.c=$(GM_OUT)/runner-obj/%.o)
GM_RUN_CFLAGS ?= -O2 -g
GM_RUN_WARN := -Wall -Wextra -Wno-unused-parameter -Wstrict-prototypes -Wmissing-declarations \
	-Wno-missing-field-initializers -Werror

# Its own folder of objects: those of the test programs are built with the framework's flags.
# Of lib/ it sees only rooms that know no KVM.
$(GM_OUT)/runner-obj/%.o: %.c runner/runner.mk
	$(GM_SAY) "  CC      $<"
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -D_GNU_SOURCE $(GM_RUN_CFLAGS) $(GM_RUN_WARN) $(GM_SYSROOT_CFLAGS) \
		$(call gm_see,$(GM_RUN_ROOMS)) -DGM_VERSION='"$(GM_VERSION)"' -MMD -MP -c $< -o $@

$(GM_OUT)/bin/gm-run: $(GM_RUN_OBJ) $(GM_OUT)/libplain.a
	$(GM_SAY) "  LD      $@"
	@mkdir -p $(@D)
	@$(CC) -static $(GM_SYSROOT_LDFLAGS) -o $@ $^ -ljansson -lmxml -lm -lpthread

# Runs side by side: make report RESULTS=results/a,results/b [OUTPUT=page.html]
GM_REPORT := $(or $(OUTPUT),results/report.html)
GM_COMMA := ,
.PHONY: report
report: $(O)/$(HOST_ARCH)/bin/gm-run
	@[ -n '$(RESULTS)' ] || { echo 'report: say which: make report RESULTS=results/A,results/B' >&2; exit 2; }
	@mkdir -p $(dir $(GM_REPORT))
	@$< $(foreach r,$(subst $(GM_COMMA), ,$(RESULTS)),--report '$(r)') --output '$(GM_REPORT)'
	@echo 'report: $(GM_REPORT)'

# The version is in one object only, which is made anew when it changes.
$(GM_OUT)/runner-obj/runner/machine.o: $(GM_OUT)/runner-obj/version.stamp
$(GM_OUT)/runner-obj/version.stamp: FORCE
	@mkdir -p $(@D)
	@echo '$(GM_VERSION)' | cmp -s - $@ || echo '$(GM_VERSION)' >$@
.PHONY: FORCE
FORCE:

# The assembler reads it, which the compiler does not see.
$(GM_OUT)/runner-obj/runner/html.o: runner/page.css

-include $(GM_RUN_OBJ:.o=.d)
