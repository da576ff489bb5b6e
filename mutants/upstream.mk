# SPDX-License-Identifier: GPL-2.0-only
# make mutants-upstream: which planted defects the kernel's own selftests, from KSRC=, catch.
#
# Builds them unchanged in our build folder, with the framework that is built there anyway.
# MUTANTS=name,area,... picks some; IMAGE=: a kernel with all defects, no build.

GM_UPSTREAM := $(GM_OUT)/upstream
GM_UPSTREAM_KVM := guest_memfd_test set_memory_region_test pre_fault_memory_test
GM_UPSTREAM_x86 := private_mem_conversions_test private_mem_kvm_exits_test dirty_log_page_splitting_test
GM_UPSTREAM_IOMMU := iommufd iommufd_fail_nth
GM_UPSTREAM_ALL := $(addprefix $(GM_UPSTREAM)/,$(GM_UPSTREAM_KVM) $(GM_UPSTREAM_$(ARCH)) \
	$(GM_UPSTREAM_IOMMU))

# The upstream tests need the framework's own kvm_util.c, without the changes of lib/kvm/framework.c.
$(GM_UPSTREAM)/kvm_util.o: $(GM_KVM)/lib/kvm_util.c $(GM_FW)/headers.stamp
	$(GM_FW_CC)

GM_UPSTREAM_LD = @mkdir -p $(@D) && $(CC) $(GM_FW_CFLAGS) -w -static -no-pie -pthread -o $@ \
	$< $(GM_UPSTREAM)/kvm_util.o $(filter-out %/kvm_util.o,$(GM_FW_OBJ)) -lm

$(GM_UPSTREAM)/%: $(GM_KVM)/%.c $(GM_UPSTREAM)/kvm_util.o $(GM_FW)/libkvm.a
	$(GM_SAY) "  LD      $@"
	$(GM_UPSTREAM_LD)
$(GM_UPSTREAM)/%: $(GM_KVM)/$(ARCH)/%.c $(GM_UPSTREAM)/kvm_util.o $(GM_FW)/libkvm.a
	$(GM_SAY) "  LD      $@"
	$(GM_UPSTREAM_LD)
$(GM_UPSTREAM)/%: $(KSRC)/tools/testing/selftests/iommu/%.c $(GM_FW)/headers.stamp
	$(GM_SAY) "  LD      $@"
	@mkdir -p $(@D)
	@$(CC) -O2 -D_GNU_SOURCE -w -static $(GM_KHDR_CFLAGS) -I$(KSRC)/tools/testing/selftests \
		-o $@ $< -lcap

.PHONY: upstream mutants-upstream
upstream: $(GM_UPSTREAM_ALL)
mutants-upstream: upstream all
	@LAB_EXTRA=$(abspath $(GM_UPSTREAM)) mutants/upstream $(if $(IMAGE),--image '$(IMAGE)' )$(if \
		$(MUTANTS),--only '$(MUTANTS)')
