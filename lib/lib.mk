# SPDX-License-Identifier: GPL-2.0-only
# The library, and the test programs that stand on it.

# Static libraries of the other architecture come unpacked, not installed: see lab/sysroot.
ifneq ($(ARCH),$(HOST_ARCH))
ifneq ($(GM_NEEDS_KSRC),)
GM_SYSROOT := $(shell lab/sysroot $(ARCH))
ifeq ($(GM_SYSROOT),)
$(error no libraries for $(ARCH): the line above says why)
endif
GM_SYSROOT_CFLAGS := -isystem $(GM_SYSROOT)/usr/include
GM_SYSROOT_LDFLAGS := -L$(GM_SYSROOT)/usr/lib/aarch64-linux-gnu
endif
endif

GM_WARN := -Wall -Wextra -Wno-unused-parameter -Wstrict-prototypes -Wmissing-declarations \
	-Wno-missing-field-initializers -Wno-override-init -Wno-format-truncation -Wno-format-zero-length -Werror
# What knows no KVM.
GM_CFLAGS := -O2 -g -std=gnu11 -D_GNU_SOURCE $(GM_WARN) -Ilib $(GM_SYSROOT_CFLAGS) \
	-DGM_VERSION='"$(GM_VERSION)"'
# What stands on the framework. Its headers are not ours: their warnings stay off (-isystem).
GM_KVM_CFLAGS := $(GM_WARN) -Ilib $(subst -I$(KSRC),-isystem $(KSRC),$(GM_FW_CFLAGS)) \
	$(GM_SYSROOT_CFLAGS)

# What watches a case from outside is the runner's.
GM_LIB_SRC := $(filter-out lib/isolate.c,\
	$(wildcard lib/*.c lib/guest/*.c lib/access/*.c lib/iommu/*.c lib/provider/*.c lib/$(ARCH)/*.c))
GM_LIB_OBJ := $(GM_LIB_SRC:%.c=$(GM_OUT)/obj/%.o)
GM_TEST_SRC := $(wildcard common/*_test.c $(ARCH)/*_test.c)
# Further files of a program lie in a folder of its name: common/gup_test.c and common/gup/*.c.
gm_parts = $(wildcard $(patsubst %_test,%,$(1))/*.c)
GM_PROGRAMS := $(foreach s,$(GM_TEST_SRC),$(GM_OUT)/bin/$(notdir $(s:.c=)))
GM_TEST_PARTS := $(foreach s,$(GM_TEST_SRC),$(call gm_parts,$(s:.c=)))

# The rest of lib/ must build, and does, without the framework: that wall is kept by the compiler.
GM_PLAIN := $(foreach f,anchor underway case check main facts provider own_leaks word model need kconfig caps seed journal platform% $(ARCH)/platform policy% $(ARCH)/policy,\
	$(GM_OUT)/obj/lib/$(f).o)
$(GM_PLAIN): GM_OBJ_CFLAGS = $(GM_CFLAGS) $(GM_KHDR_CFLAGS)
# The mock's ioctl structures are no exported header: they come from the tree under test.
$(GM_OUT)/obj/lib/iommu/mock.o: GM_OBJ_CFLAGS = $(GM_KVM_CFLAGS) -isystem $(KSRC)/drivers/iommu/iommufd
# Guest code keeps to integer registers: where KVM emulates a guest, it knows few vector instructions.
$(GM_OUT)/obj/lib/guest/%.o $(GM_OUT)/obj/lib/$(ARCH)/guest.o: \
	GM_OBJ_CFLAGS = $(GM_KVM_CFLAGS) -mgeneral-regs-only
$(GM_OUT)/obj/%.o: GM_OBJ_CFLAGS ?= $(GM_KVM_CFLAGS)

$(GM_OUT)/obj/%.o: %.c $(GM_FW)/headers.stamp lib/lib.mk
	$(GM_SAY) "  CC      $<"
	@mkdir -p $(@D)
	@$(CC) $(GM_OBJ_CFLAGS) -MMD -MP -c $< -o $@

$(GM_OUT)/libgm.a: $(GM_LIB_OBJ)
	$(GM_SAY) "  AR      $@"
	@rm -f $@ && $(CROSS_COMPILE)ar rcs $@ $^

# lib/create_vm.c has a say in every KVM_CREATE_VM.
GM_ARCH_LDFLAGS := -Wl,--wrap=ioctl
ifeq ($(ARCH),x86)
# lib/x86/width.c has a say in how deep the guests' page tables are.
GM_ARCH_LDFLAGS += -Wl,--wrap=kvm_get_cpu_address_width
endif

define gm_program
$(GM_OUT)/bin/$(notdir $(1)): $(GM_OUT)/obj/$(1).o \
		$(patsubst %.c,$(GM_OUT)/obj/%.o,$(call gm_parts,$(1))) \
		$(GM_OUT)/libgm.a $(GM_FW)/libkvm.a
	$(GM_SAY) "  LD      $$@"
	@mkdir -p $$(@D)
	@$$(CC) -static -no-pie -pthread $(GM_SYSROOT_LDFLAGS) $(GM_ARCH_LDFLAGS) -o $$@ \
		$$(filter %.o,$$^) -Wl,--whole-archive $(GM_OUT)/libgm.a -Wl,--no-whole-archive \
		$(GM_FW)/libkvm.a -lcap -luring
endef
$(foreach s,$(GM_TEST_SRC),$(eval $(call gm_program,$(s:.c=))))

-include $(GM_LIB_OBJ:.o=.d) $(patsubst %.c,$(GM_OUT)/obj/%.d,$(GM_TEST_SRC) $(GM_TEST_PARTS))
