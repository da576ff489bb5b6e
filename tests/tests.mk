# SPDX-License-Identifier: GPL-2.0-only
# The project's own tests that need no KVM: they run on the build machine, under AddressSanitizer
# and UndefinedBehaviorSanitizer.
#
#   make unit		unit tests, end-to-end tests of the runner; last line "N passed, N failed"
#   make consumers	other projects' readers parse the reports of a run
#   make policy	denies the suite one call at a time: no case may FAIL (ARGS=--short, ...)
#   make bundle-check	the bundle in the lab: by gm-run, the kernel's run_kselftest.sh and LAVA's steps
#   make load	the suite N=20 times on this machine while it is busy: no new FAIL, no ERROR

GM_SAY ?= @echo
GM_UNIT := $(O)/unit
GM_UNIT_CC ?= gcc
GM_UNIT_FLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Wno-unused-parameter \
	-Wno-missing-field-initializers -Wno-format-zero-length -Werror -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -DGM_VERSION='"unit"'
# All code that knows no KVM, but for the two files with a main(), and the operations of the stress.
GM_UNIT_LIB := $(filter-out %/main.c,$(wildcard runner/*.c) $(foreach r,$(GM_RUN_ROOMS),$(call gm_room,$(r),$(HOST_ARCH))))
GM_UNIT_LIB += $(wildcard stress/program/*.c stress/ops/*.c)
GM_UNIT_LIB_OBJ := $(GM_UNIT_LIB:%.c=$(GM_UNIT)/obj/%.o)
GM_UNIT_SRC := $(wildcard tests/unit/*_test.c)
GM_UNIT_BIN := $(GM_UNIT_SRC:tests/unit/%.c=$(GM_UNIT)/bin/%)
GM_UNIT_FAKE := $(GM_UNIT)/fake/fake_test

# The include paths are those of the real programs.
define gm_unit_room
$(GM_UNIT)/obj/lib/$(1)/%.o: GM_UNIT_SEES = $(call gm_see,$(GM_SEES_$(1))) $$(GM_KHDR_CFLAGS)
endef
$(foreach r,$(GM_RUN_ROOMS),$(eval $(call gm_unit_room,$(r))))
$(GM_UNIT)/obj/runner/%.o: GM_UNIT_SEES = $(call gm_see,$(GM_RUN_ROOMS))
$(GM_UNIT)/obj/stress/program/%.o: GM_UNIT_SEES = $(GM_STRESS_PROGRAM_SEES)
# Only the rows of the operations: the functions that run and judge them are not linked, and not
# called.
$(GM_UNIT)/obj/stress/ops/%.o: GM_UNIT_SEES = $(filter -I%,$(GM_STRESS_CFLAGS)) \
	$(subst -I$(KSRC),-isystem $(KSRC),$(filter -I%,$(GM_FW_INCLUDES))) $(GM_KHDR_CFLAGS)
$(GM_UNIT)/obj/tests/unit/%.o: GM_UNIT_SEES = $(call gm_see,$(GM_RUN_ROOMS) model)
$(GM_UNIT)/obj/tests/unit/stress_%.o: GM_UNIT_SEES = $(GM_STRESS_PROGRAM_SEES) -Istress/program
# This test includes a provider and replaces the framework.
$(GM_UNIT)/obj/tests/unit/provider_%.o: GM_UNIT_SEES = $(call gm_see,$(GM_SEES_kvm))
$(GM_UNIT)/bin/stress_prog_test: GM_UNIT_FLAGS += -no-pie -Wl,--unresolved-symbols=ignore-all
$(GM_UNIT)/obj/%.o: %.c tests/tests.mk | $(GM_FW)/headers.stamp
	$(GM_SAY) "  CC      $< (sanitized)"
	@mkdir -p $(@D)
	@$(GM_UNIT_CC) $(GM_UNIT_FLAGS) $(GM_UNIT_SEES) -DGM_FAKE_PROGRAM='"$(abspath $(GM_UNIT_FAKE))"' \
		-MMD -MP -c $< -o $@

$(GM_UNIT)/libunit.a: $(GM_UNIT_LIB_OBJ)
	@rm -f $@ && ar rcs $@ $^

$(GM_UNIT)/bin/%: $(GM_UNIT)/obj/tests/unit/%.o $(GM_UNIT)/libunit.a
	@mkdir -p $(@D)
	@$(GM_UNIT_CC) $(GM_UNIT_FLAGS) -o $@ $^ -lcmocka -ljansson -lmxml -lm -lpthread

$(GM_UNIT)/gm-run: $(GM_UNIT)/obj/runner/main.o $(GM_UNIT)/libunit.a
	@mkdir -p $(@D)
	@$(GM_UNIT_CC) $(GM_UNIT_FLAGS) -o $@ $^ -ljansson -lmxml -lm -lpthread

# Not sanitized: this fake test program crashes on purpose.
$(GM_UNIT_FAKE): tests/fake/fake_test.c $(GM_OUT)/libplain.a tests/tests.mk
	@mkdir -p $(@D)
	@$(GM_UNIT_CC) -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror $(call gm_see,$(GM_SEES_watch)) \
		-o $@ $(filter %.c %.a,$^)

.SECONDARY: $(GM_UNIT_SRC:%.c=$(GM_UNIT)/obj/%.o)

.PHONY: unit
unit: $(GM_UNIT_BIN) $(GM_UNIT)/gm-run $(GM_UNIT_FAKE)
	@tests/unit.sh $(GM_UNIT)/gm-run $(GM_UNIT_FAKE) $(GM_UNIT_BIN) tests/batch.py tests/stressed.py \
		tests/lab_args.sh tests/bench_moved.sh tests/auto.py tests/auto_run.py tests/findings.py

.PHONY: consumers
consumers: $(GM_UNIT)/gm-run $(GM_UNIT_FAKE)
	@KSRC="$(KSRC)" tests/consumers.sh $(GM_UNIT)/gm-run $(GM_UNIT_FAKE)

.PHONY: policy
policy: all
	@tests/policy $(ARGS)

.PHONY: bundle-check
bundle-check: lab-packages dist
	@kernel='$(KERNEL)'; : $${kernel:=$$(lab/kernel)} && [ -n "$$kernel" ] || exit 2; \
	tests/bundle "$$kernel" $(GM_OUT)/bin $(O)/$(GM_DIST).tar.gz 'fd_test=fd.create_args*,fd.bind_bounds*' \
		'fd_p0_test=fd.bind_overlap*' 'iommu_test=iommu.map_file_fd_mode.sealed.mock' $(ARGS)

.PHONY: load
load: all
	@tests/load -n $(or $(N),20) $(ARGS)

$(GM_UNIT)/obj/runner/html.o: runner/page.css

-include $(GM_UNIT_LIB_OBJ:.o=.d) $(GM_UNIT)/obj/runner/main.d $(GM_UNIT_SRC:%.c=$(GM_UNIT)/obj/%.d)
