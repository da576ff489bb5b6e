# SPDX-License-Identifier: GPL-2.0-only
# gm-stress, which is the same program as bin/stress_test with the stress.* cases for the runner.
#
#   make stress ARGS="run --profile conversion --for 10m"

GM_STRESS_SRC := $(wildcard stress/*.c stress/ops/*.c)
GM_STRESS_OBJ := $(GM_STRESS_SRC:%.c=$(GM_OUT)/obj/%.o)
# Generating and parsing programs needs no KVM; the compiler enforces it, without the KVM include
# paths.
$(foreach f,op prog layout mix draw gen race oracle minimize,$(GM_OUT)/obj/stress/$(f).o): \
	GM_OBJ_CFLAGS = $(GM_CFLAGS) $(GM_KHDR_CFLAGS)
# These files have guest code, too: integer registers only, as in lib/guest/.
$(GM_OUT)/obj/stress/ops/%.o: GM_OBJ_CFLAGS = $(GM_KVM_CFLAGS) -Istress -mgeneral-regs-only
$(GM_OUT)/obj/stress/soak.o: GM_OBJ_CFLAGS = $(GM_KVM_CFLAGS) -DGM_VERSION='"$(GM_VERSION)"'

$(GM_OUT)/bin/stress_test: $(GM_STRESS_OBJ) $(GM_OUT)/libgm.a $(GM_FW)/libkvm.a
	$(GM_SAY) "  LD      $@"
	@mkdir -p $(@D)
	@$(CC) -static -no-pie -pthread $(GM_SYSROOT_LDFLAGS) $(GM_ARCH_LDFLAGS) -o $@ $(filter %.o,$^) \
		-Wl,--whole-archive $(GM_OUT)/libgm.a -Wl,--no-whole-archive $(GM_FW)/libkvm.a -lcap -luring
	@ln -sf stress_test $(@D)/gm-stress
GM_PROGRAMS += $(GM_OUT)/bin/stress_test

# Builds the reproducer of a failure: make reproducer C=stress-results/7.c builds stress-results/7.
.PHONY: reproducer
reproducer: $(GM_OUT)/bin/stress_test
	@[ -n '$(C)' ] || { echo 'usage: make reproducer C=FILE.c' >&2; exit 2; }
	@$(CC) $(GM_KVM_CFLAGS) -I. -static -no-pie -pthread $(GM_SYSROOT_LDFLAGS) $(GM_ARCH_LDFLAGS) \
		-o '$(C:.c=)' '$(C)' $(filter-out %/stress_test.o %/cli.o %/cases.o,$(GM_STRESS_OBJ)) \
		-Wl,--whole-archive $(GM_OUT)/libgm.a -Wl,--no-whole-archive $(GM_FW)/libkvm.a -lcap -luring
	@echo '$(C:.c=)'

.PHONY: stress
stress: $(GM_OUT)/bin/stress_test
	@$(GM_OUT)/bin/gm-stress $(or $(ARGS),help)

-include $(GM_STRESS_OBJ:.o=.d)
