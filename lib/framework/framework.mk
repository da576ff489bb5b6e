# SPDX-License-Identifier: GPL-2.0-only
# Builds the KVM selftests framework and the exported kernel headers from KSRC= in our build folder.
# Writes nothing to the kernel tree, and copies nothing of it to ours.

ifneq ($(GM_NEEDS_KSRC),)
ifeq ($(KSRC),)
override KSRC := $(shell lab/ksrc)
ifeq ($(KSRC),)
$(error no kernel tree, see the line above; set KSRC=/path/to/linux)
endif
else
GM_KSRC_CHECKED := $(shell KSRC='$(KSRC)' lab/ksrc 2>&1)
ifeq ($(filter /%,$(GM_KSRC_CHECKED)),)
$(error $(GM_KSRC_CHECKED))
endif
override KSRC := $(GM_KSRC_CHECKED)
endif
endif
export KSRC

GM_KVM := $(KSRC)/tools/testing/selftests/kvm
GM_FW := $(GM_OUT)/framework
GM_HDR := $(GM_FW)/include

GM_KHDR_CFLAGS = -isystem $(GM_HDR)
GM_FW_INCLUDES = -I$(KSRC)/tools/include -I$(KSRC)/tools/arch/$(ARCH)/include $(GM_KHDR_CFLAGS) \
	-I$(GM_KVM)/include -I$(GM_KVM)/include/$(ARCH) -I$(KSRC)/tools/testing/selftests/rseq \
	-I$(KSRC)/tools/testing/selftests

# Flags as in tools/testing/selftests/kvm/Makefile.kvm: guest code is in the same program as host code,
# so no stack protector, no PIE, and no vector instructions that trap on a new vCPU.
GM_FW_CFLAGS = -O2 -g -std=gnu11 -D_GNU_SOURCE -DCONFIG_64BIT -U_FORTIFY_SOURCE \
	-fno-builtin-memcmp -fno-builtin-memcpy -fno-builtin-memset -fno-builtin-strnlen \
	-fno-stack-protector -fno-PIE -fno-strict-aliasing $(GM_FW_INCLUDES)
ifeq ($(ARCH),x86)
GM_FW_CFLAGS += -march=x86-64-v2
endif
ifeq ($(ARCH),arm64)
GM_FW_CFLAGS += -I$(GM_FW)/tools/arch/arm64/include/generated
$(GM_FW)/headers.stamp: $(GM_FW)/sysreg.stamp
$(GM_FW)/sysreg.stamp: $(KSRC)/arch/arm64/tools/sysreg
	@mkdir -p $(GM_FW)/tools
	@$(MAKE) --no-print-directory -s -C $(KSRC)/tools/arch/arm64/tools \
		OUTPUT=$(abspath $(GM_FW))/tools/
	@touch $@
endif

# lru_gen_util.c needs the cgroup library, and only a benchmark that we do not build uses it.
GM_FW_SRC := $(filter-out lru_gen_util.c,$(notdir $(wildcard $(GM_KVM)/lib/*.c)))
GM_FW_ARCH_SRC := $(notdir $(wildcard $(GM_KVM)/lib/$(ARCH)/*.[cS]))
GM_FW_OBJ := $(addprefix $(GM_FW)/lib/,$(GM_FW_SRC:.c=.o)) \
	$(addprefix $(GM_FW)/lib/$(ARCH)/,$(addsuffix .o,$(basename $(GM_FW_ARCH_SRC))))

$(GM_FW)/lib/string_override.o: GM_FW_EXTRA = -ffreestanding
# Makes the framework's constructor call a no-op: lib/kvm/framework.c starts the framework later.
$(GM_FW)/lib/kvm_util.o: GM_FW_EXTRA = -Dkvm_selftest_arch_init=gm_framework_not_yet

$(GM_FW)/headers.stamp: $(KSRC)/include/uapi/linux/kvm.h $(KSRC)/include/uapi/linux/iommufd.h
	$(GM_SAY) "  HDRS    $(KSRC)"
	@lib/framework/headers $(KSRC) $(ARCH) $(GM_HDR)
	@touch $@

define GM_FW_CC
	@mkdir -p $(@D)
	@$(CC) $(GM_FW_CFLAGS) $(GM_FW_EXTRA) -w -MMD -MP -c $< -o $@
endef

$(GM_FW)/lib/%.o: $(GM_KVM)/lib/%.c $(GM_FW)/headers.stamp
	$(GM_FW_CC)
$(GM_FW)/lib/%.o: $(GM_KVM)/lib/%.S $(GM_FW)/headers.stamp
	$(GM_FW_CC)

# If the build folder was used for another kernel tree, remove what was built from it.
GM_FW_KEY := $(GM_FW)/ksrc
ifneq ($(GM_NEEDS_KSRC),)
ifneq ($(KSRC),$(shell cat $(GM_FW_KEY) 2>/dev/null))
$(shell rm -rf $(GM_FW) && mkdir -p $(GM_FW) && echo $(KSRC) > $(GM_FW_KEY))
endif
endif

$(GM_FW)/libkvm.a: $(GM_FW_OBJ)
	$(GM_SAY) "  AR      $@"
	@rm -f $@ && $(CROSS_COMPILE)ar rcs $@ $^

-include $(GM_FW_OBJ:.o=.d)
