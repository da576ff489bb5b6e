# SPDX-License-Identifier: GPL-2.0-only
# The library, and the test programs that use it.
#
# A room is a folder of lib/. Its include path has its own headers and those of the rooms below it, and
# nothing else: to include a header of a room above is a compile error.

# Static libraries of the other architecture come unpacked, not installed: see lab/sysroot.
ifneq ($(ARCH),$(HOST_ARCH))
ifneq ($(GM_NEEDS_KSRC),)
GM_SYSROOT := $(shell lab/sysroot $(ARCH))
ifeq ($(GM_SYSROOT),)
$(error no libraries for $(ARCH), see the line above)
endif
GM_SYSROOT_CFLAGS := -isystem $(GM_SYSROOT)/usr/include
GM_SYSROOT_LDFLAGS := -L$(GM_SYSROOT)/usr/lib/aarch64-linux-gnu
endif
endif

GM_WARN := -Wall -Wextra -Wno-unused-parameter -Wstrict-prototypes -Wmissing-declarations \
	-Wno-missing-field-initializers -Woverride-init -Wno-format-truncation -Wno-format-zero-length -Werror
# For code that does not use KVM.
GM_CFLAGS := -O2 -g -std=gnu11 -D_GNU_SOURCE $(GM_WARN) $(GM_SYSROOT_CFLAGS) \
	-DGM_VERSION='"$(GM_VERSION)"'
# For code that uses the framework. No warnings for its headers (-isystem).
GM_KVM_CFLAGS := $(GM_WARN) $(subst -I$(KSRC),-isystem $(KSRC),$(GM_FW_CFLAGS)) \
	$(GM_SYSROOT_CFLAGS)

# The rooms that each room sees. The first five do not see the KVM framework; the runner and the doctor
# see the first three only.
GM_SEES_sys := sys
GM_SEES_watch := $(GM_SEES_sys) watch
GM_SEES_case := $(GM_SEES_watch) case
GM_SEES_host := $(GM_SEES_case) host
GM_SEES_model := $(GM_SEES_case) model
GM_SEES_kvm := $(GM_SEES_case) host model kvm
GM_SEES_iommu := $(GM_SEES_kvm) iommu
GM_SEES_access := $(GM_SEES_iommu) access
GM_RUN_ROOMS := $(GM_SEES_case)
GM_PLAIN_ROOMS := $(GM_RUN_ROOMS) host model
GM_KVM_ROOMS := kvm iommu access
# The include path of code that sees the rooms $(1). Test programs write "access/access.h".
gm_see = $(addprefix -Ilib/,$(1))
GM_TEST_SEES := -Ilib $(call gm_see,$(GM_SEES_iommu))

# The sources of room $(1), with its subfolders and with the folder of architecture $(2).
gm_room = $(wildcard lib/$(1)/*.c $(foreach d,$(filter-out %/x86/ %/arm64/,$(wildcard lib/$(1)/*/)),$(d)*.c) \
	lib/$(1)/$(2)/*.c)
gm_room_obj = $(patsubst %.c,$(GM_OUT)/obj/%.o,$(call gm_room,$(1),$(ARCH)))
GM_RUN_ROOMS_OBJ := $(foreach r,$(GM_RUN_ROOMS),$(call gm_room_obj,$(r)))
GM_LIB_OBJ := $(foreach r,$(filter-out $(GM_RUN_ROOMS),$(GM_PLAIN_ROOMS)) $(GM_KVM_ROOMS),$(call gm_room_obj,$(r)))
GM_TEST_SRC := $(wildcard common/*_test.c $(ARCH)/*_test.c)
# Further files of a program lie in a folder of its name: common/gup_test.c and common/gup/*.c.
gm_parts = $(wildcard $(patsubst %_test,%,$(1))/*.c)
GM_PROGRAMS := $(foreach s,$(GM_TEST_SRC),$(GM_OUT)/bin/$(notdir $(s:.c=)))
GM_TEST_PARTS := $(foreach s,$(GM_TEST_SRC),$(call gm_parts,$(s:.c=)))

define gm_room_flags
$(GM_OUT)/obj/lib/$(1)/%: GM_OBJ_CFLAGS = $(2) $(call gm_see,$(GM_SEES_$(1)))
endef
$(foreach r,$(GM_PLAIN_ROOMS),$(eval $(call gm_room_flags,$(r),$$(GM_CFLAGS) $$(GM_KHDR_CFLAGS))))
$(foreach r,$(GM_KVM_ROOMS),$(eval $(call gm_room_flags,$(r),$$(GM_KVM_CFLAGS))))
# The mock's ioctl structures are not in an exported header; they come from the tree under test.
$(GM_OUT)/obj/lib/iommu/mock.o: GM_OBJ_CFLAGS = $(GM_KVM_CFLAGS) $(call gm_see,$(GM_SEES_iommu)) \
	-isystem $(KSRC)/drivers/iommu/iommufd
# Guest code uses integer registers only: KVM emulates only a few vector instructions.
$(GM_OUT)/obj/lib/kvm/guest/%.o $(GM_OUT)/obj/lib/kvm/$(ARCH)/guest.o: \
	GM_OBJ_CFLAGS = $(GM_KVM_CFLAGS) $(call gm_see,$(GM_SEES_kvm)) -mgeneral-regs-only
$(GM_OUT)/obj/%.o: GM_OBJ_CFLAGS ?= $(GM_KVM_CFLAGS) $(GM_TEST_SEES)

$(GM_OUT)/obj/%.o: %.c $(GM_FW)/headers.stamp lib/lib.mk
	$(GM_SAY) "  CC      $<"
	@mkdir -p $(@D)
	@$(CC) $(GM_OBJ_CFLAGS) -MMD -MP -c $< -o $@

# Compiles each header alone with the include path of its room: this checks the rule also for headers
# that only higher rooms include.
GM_LIB_HEADERS := $(filter-out %/$(if $(filter x86,$(ARCH)),arm64,x86)/,$(dir $(wildcard lib/*/*.h lib/*/*/*.h)))
GM_LIB_HEADERS := $(patsubst %,$(GM_OUT)/obj/%.ok,$(wildcard $(addsuffix *.h,$(sort $(GM_LIB_HEADERS)))))
$(GM_OUT)/obj/%.h.ok: %.h $(GM_FW)/headers.stamp lib/lib.mk
	@mkdir -p $(@D)
	@$(CC) $(GM_OBJ_CFLAGS) -fsyntax-only -x c -MMD -MP -MF $@.d -MT $@ $<
	@touch $@

# libplain.a: the rooms of the runner and the doctor. A program links only the objects that it uses.
$(GM_OUT)/libplain.a: $(GM_RUN_ROOMS_OBJ)
$(GM_OUT)/libgm.a: $(GM_LIB_OBJ)
$(GM_OUT)/libplain.a $(GM_OUT)/libgm.a:
	$(GM_SAY) "  AR      $@"
	@rm -f $@ && $(CROSS_COMPILE)ar rcs $@ $^

# Programs link all of libgm.a: no code refers to its registered cases and constructors by name.
GM_LIBS := $(GM_OUT)/libgm.a $(GM_OUT)/libplain.a $(GM_FW)/libkvm.a
GM_LINK_LIBS := -Wl,--whole-archive $(GM_OUT)/libgm.a -Wl,--no-whole-archive $(GM_OUT)/libplain.a \
	$(GM_FW)/libkvm.a -lcap -luring
# lib/kvm/create_vm.c intercepts every KVM_CREATE_VM.
GM_ARCH_LDFLAGS := -Wl,--wrap=ioctl
ifeq ($(ARCH),x86)
# lib/kvm/x86/width.c limits the depth of the guests' page tables.
GM_ARCH_LDFLAGS += -Wl,--wrap=kvm_get_cpu_address_width
endif

define gm_program
$(GM_OUT)/bin/$(notdir $(1)): $(GM_OUT)/obj/$(1).o \
		$(patsubst %.c,$(GM_OUT)/obj/%.o,$(call gm_parts,$(1))) \
		$(GM_LIBS)
	$(GM_SAY) "  LD      $$@"
	@mkdir -p $$(@D)
	@$$(CC) -static -no-pie -pthread $(GM_SYSROOT_LDFLAGS) $(GM_ARCH_LDFLAGS) -o $$@ \
		$$(filter %.o,$$^) $(GM_LINK_LIBS)
endef
$(foreach s,$(GM_TEST_SRC),$(eval $(call gm_program,$(s:.c=))))

-include $(GM_LIB_HEADERS:=.d) $(GM_RUN_ROOMS_OBJ:.o=.d) $(GM_LIB_OBJ:.o=.d) $(patsubst %.c,$(GM_OUT)/obj/%.d,$(GM_TEST_SRC) $(GM_TEST_PARTS))
