# SPDX-License-Identifier: GPL-2.0-only
# Builds the kernel's private_mem_conversions_test with a counter of conversions, for bench.rate and
# bench.stress.
# make bench-lab: runs the benchmarks in the lab, on KERNEL= or the lab's own; files go to
# bench/lab-results in the build folder.

$(GM_BENCH)/upstream_conversions: $(GM_KVM)/x86/private_mem_conversions_test.c bench/upstream/count.c \
		$(GM_UPSTREAM)/kvm_util.o $(GM_FW)/libkvm.a
	$(GM_SAY) "  LD      $@"
	@mkdir -p $(@D)
	@$(CC) $(GM_FW_CFLAGS) -w -static -no-pie -pthread -Wl,--wrap=ioctl -o $@ $(filter %.c,$^) \
		$(GM_UPSTREAM)/kvm_util.o $(filter-out %/kvm_util.o,$(GM_FW_OBJ))

ifeq ($(ARCH),x86)
bench bench-lab: $(GM_BENCH)/upstream_conversions
endif

.PHONY: bench-lab
bench-lab: lab-packages all $(GM_BENCH)/gm_bench $(GM_BENCH)/run-bench
	@bench/lab "$${KERNEL:-$$(lab/kernel)}" $(GM_OUT)/bin $(GM_BENCH) '$(or $(BENCH),*)'
