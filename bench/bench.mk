# SPDX-License-Identifier: GPL-2.0-only
# make bench: the cost of conversions, on the running kernel. Never part of a verdict.
#
# BENCH=GLOB picks some. RATIOS=FILE has the ratios of the last run, and gets those of this one. In the lab: make lab LAB_SHELL=1 LAB_EXTRA=<build>/x86/bench, then run-bench.

GM_BENCH := $(GM_OUT)/bench
GM_BENCH_SRC := $(wildcard bench/*.c)

.PHONY: bench
bench: $(GM_BENCH)/gm_bench $(GM_BENCH)/run-bench
	@GM_BENCH_DIR='$(GM_BENCH)/results' $(GM_BENCH)/run-bench '$(or $(BENCH),*)' | \
		bench/moved '$(or $(RATIOS),$(GM_BENCH)/ratios)'

$(GM_BENCH)/run-bench: bench/run-bench
	@mkdir -p $(@D)
	@cp $< $@

# The stress engine without its cases and commands: bench.stress measures it.
GM_BENCH_STRESS := $(filter-out %/stress_test.o %/cli.o %/cases.o,$(GM_STRESS_OBJ))

$(GM_OUT)/obj/bench/%.o: GM_OBJ_CFLAGS = $(GM_STRESS_CFLAGS)
$(GM_BENCH)/gm_bench: $(GM_BENCH_SRC:%.c=$(GM_OUT)/obj/%.o) $(GM_BENCH_STRESS) $(GM_LIBS)
	@echo "  LD      $@"
	@mkdir -p $(@D)
	@$(CC) -static -no-pie -pthread $(GM_SYSROOT_LDFLAGS) $(GM_ARCH_LDFLAGS) -o $@ $(filter %.o,$^) \
		$(GM_LINK_LIBS)

-include $(GM_BENCH_SRC:%.c=$(GM_OUT)/obj/%.d)
