# SPDX-License-Identifier: GPL-2.0-only
# gm-stress: one program, with the stress.* cases in it; bin/stress_test, for the runner, is the same.
#
#   make stress ARGS="run --profile conversion --for 10m"

GM_STRESS_SRC := $(wildcard stress/*.c stress/ops/*.c)
GM_STRESS_OBJ := $(GM_STRESS_SRC:%.c=$(GM_OUT)/obj/%.o)
# What makes and understands programs knows no KVM: that wall is kept by the compiler.
$(foreach f,op prog layout profile draw gen race oracle minimize,$(GM_OUT)/obj/stress/$(f).o): \
	GM_OBJ_CFLAGS = $(GM_CFLAGS) $(GM_KHDR_CFLAGS)
# The guest's part of an operation lies beside the host's: integer registers only, as lib/guest/.
$(GM_OUT)/obj/stress/ops/%.o: GM_OBJ_CFLAGS = $(GM_KVM_CFLAGS) -Istress -mgeneral-regs-only
$(GM_OUT)/obj/stress/soak.o: GM_OBJ_CFLAGS = $(GM_KVM_CFLAGS) -DGM_VERSION='"$(GM_VERSION)"'

$(GM_OUT)/bin/stress_test: $(GM_STRESS_OBJ) $(GM_OUT)/libgm.a $(GM_FW)/libkvm.a
	$(GM_SAY) "  LD      $@"
	@mkdir -p $(@D)
	@$(CC) -static -no-pie -pthread $(GM_SYSROOT_LDFLAGS) $(GM_ARCH_LDFLAGS) -o $@ $(filter %.o,$^) \
		-Wl,--whole-archive $(GM_OUT)/libgm.a -Wl,--no-whole-archive $(GM_FW)/libkvm.a -lcap -luring
	@ln -sf stress_test $(@D)/gm-stress
GM_PROGRAMS += $(GM_OUT)/bin/stress_test

# A reproducer that a failure left behind: make reproducer C=stress-results/7.c builds
# stress-results/7.
.PHONY: reproducer
reproducer: $(GM_OUT)/bin/stress_test
	@[ -n '$(C)' ] || { echo 'say which: make reproducer C=FILE.c' >&2; exit 2; }
	@$(CC) $(GM_KVM_CFLAGS) -I. -static -no-pie -pthread $(GM_SYSROOT_LDFLAGS) $(GM_ARCH_LDFLAGS) \
		-o '$(C:.c=)' '$(C)' $(filter-out %/stress_test.o %/cli.o %/cases.o,$(GM_STRESS_OBJ)) \
		-Wl,--whole-archive $(GM_OUT)/libgm.a -Wl,--no-whole-archive $(GM_FW)/libkvm.a -lcap -luring
	@echo '$(C:.c=)'

.PHONY: stress
stress: $(GM_OUT)/bin/stress_test
	@$(GM_OUT)/bin/gm-stress $(or $(ARGS),help)

-include $(GM_STRESS_OBJ:.o=.d)
