mmio_test.o: arm64/mmio_test.c lib/gm.h lib/case/caps.h lib/case/case.h \
 lib/case/iommu_kind.h lib/case/need.h lib/case/each.h \
 lib/case/need_table.h lib/watch/protocol.h lib/case/provider.h \
 lib/case/check.h lib/kvm/convert.h lib/model/model.h lib/model/word.h \
 lib/sys/page.h lib/case/provider.h lib/kvm/vm.h lib/kvm/framework.h \
 lib/kvm/guest/guest.h lib/kvm/guest/op.h lib/model/word.h \
 lib/case/main.h lib/case/platform.h lib/watch/seed.h \
 lib/watch/underway.h lib/kvm/vm.h
lib/gm.h:
lib/case/caps.h:
lib/case/case.h:
lib/case/iommu_kind.h:
lib/case/need.h:
lib/case/each.h:
lib/case/need_table.h:
lib/watch/protocol.h:
lib/case/provider.h:
lib/case/check.h:
lib/kvm/convert.h:
lib/model/model.h:
lib/model/word.h:
lib/sys/page.h:
lib/case/provider.h:
lib/kvm/vm.h:
lib/kvm/framework.h:
lib/kvm/guest/guest.h:
lib/kvm/guest/op.h:
lib/model/word.h:
lib/case/main.h:
lib/case/platform.h:
lib/watch/seed.h:
lib/watch/underway.h:
lib/kvm/vm.h:
