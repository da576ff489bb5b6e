# SPDX-License-Identifier: GPL-2.0-only
# gm-stress, which is the same program as bin/stress_test with the stress.* cases for the runner.
#
#   make stress ARGS="run --profile conversion --for 10m"

GM_STRESS_SRC := $(wildcard stress/*.c stress/program/*.c stress/ops/*.c)
GM_STRESS_OBJ := $(GM_STRESS_SRC:%.c=$(GM_OUT)/obj/%.o)
# The code that makes and reads programs knows no KVM: of lib/ it sees only rooms that know none.
GM_STRESS_PROGRAM_SEES := $(call gm_see,$(GM_SEES_model))
$(GM_OUT)/obj/stress/program/%.o: GM_OBJ_CFLAGS = $(GM_CFLAGS) $(GM_KHDR_CFLAGS) $(GM_STRESS_PROGRAM_SEES)
# The rest of the stress, and bench/, which builds on it.
GM_STRESS_CFLAGS := $(GM_KVM_CFLAGS) $(GM_TEST_SEES) -Istress -Istress/program
$(GM_OUT)/obj/stress/%.o: GM_OBJ_CFLAGS = $(GM_STRESS_CFLAGS)
# These files have guest code, too: integer registers only, as in lib/kvm/guest/.
$(GM_OUT)/obj/stress/ops/%.o: GM_OBJ_CFLAGS = $(GM_STRESS_CFLAGS) -mgeneral-regs-only
$(GM_OUT)/obj/stress/soak.o: GM_OBJ_CFLAGS = $(GM_STRESS_CFLAGS) -DGM_VERSION='"$(GM_VERSION)"'

$(GM_OUT)/bin/stress_test: $(GM_STRESS_OBJ) $(GM_LIBS)
	$(GM_SAY) "  LD      $@"
	@mkdir -p $(@D)
	@$(CC) -static -no-pie -pthread $(GM_SYSROOT_LDFLAGS) $(GM_ARCH_LDFLAGS) -o $@ $(filter %.o,$^) \
		$(GM_LINK_LIBS)
	@ln -sf stress_test $(@D)/gm-stress
GM_PROGRAMS += $(GM_OUT)/bin/stress_test

# Builds the reproducer of a failure: make reproducer C=stress-results/7.c builds stress-results/7.
.PHONY: reproducer
reproducer: $(GM_OUT)/bin/stress_test
	@[ -n '$(C)' ] || { echo 'usage: make reproducer C=FILE.c' >&2; exit 2; }
	@$(CC) $(GM_KVM_CFLAGS) -I. -static -no-pie -pthread $(GM_SYSROOT_LDFLAGS) $(GM_ARCH_LDFLAGS) \
		-o '$(C:.c=)' '$(C)' $(filter-out %/stress_test.o %/cli.o %/cases.o,$(GM_STRESS_OBJ)) \
		$(GM_LINK_LIBS)
	@echo '$(C:.c=)'

.PHONY: stress
stress: $(GM_OUT)/bin/stress_test
	@$(GM_OUT)/bin/gm-stress $(or $(ARGS),help)

-include $(GM_STRESS_OBJ:.o=.d)
