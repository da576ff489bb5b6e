# SPDX-License-Identifier: GPL-2.0-only
# make install, and make dist: one tarball for a board that has only a kernel and a shell.

PREFIX ?= /usr/local
GM_LIBEXEC = $(DESTDIR)$(PREFIX)/libexec/kvm-gmem-tests
GM_MAN1 = $(DESTDIR)$(PREFIX)/share/man/man1
GM_DIST = kvm-gmem-tests-$(GM_VERSION)-$(ARCH)

.PHONY: install
install: all
	install -d $(GM_LIBEXEC)/bin $(GM_LIBEXEC)/contract $(GM_LIBEXEC)/known $(DESTDIR)$(PREFIX)/bin $(GM_MAN1)
	install -m 755 $(GM_PROGRAMS) $(GM_OUT)/bin/gm-run $(GM_OUT)/bin/gm-doctor $(GM_LIBEXEC)/bin
	ln -sf stress_test $(GM_LIBEXEC)/bin/gm-stress
	install -m 644 contract/clauses.tsv $(GM_LIBEXEC)/contract
	install -m 644 known/linux.tsv $(GM_LIBEXEC)/known
	install -m 644 docs/man/gm-run.1 docs/man/gm-stress.1 $(GM_MAN1)
	ln -sf $(addprefix ../libexec/kvm-gmem-tests/bin/,gm-run gm-doctor gm-stress) $(DESTDIR)$(PREFIX)/bin

# $(O)/kvm-gmem-tests-<version>-<arch>.tar.gz: static programs, the runner, the contract, run_tests. It
# is a kselftest install, too: each program is a test of the collection kvm_gmem; the kernel's runner
# comes from KSRC.
GM_KSELFTEST := $(addprefix $(KSRC)/tools/testing/selftests/kselftest/,runner.sh prefix.pl ktap_helpers.sh)
.PHONY: dist
dist: GM_BUNDLE := $(GM_OUT)/dist/$(GM_DIST)
dist: all
	@rm -rf $(GM_OUT)/dist
	@mkdir -p $(GM_BUNDLE)/bin $(GM_BUNDLE)/contract $(GM_BUNDLE)/kselftest $(GM_BUNDLE)/kvm_gmem
	@cp $(GM_PROGRAMS) $(GM_OUT)/bin/gm-run $(GM_OUT)/bin/gm-doctor $(GM_BUNDLE)/bin
	@$(CROSS_COMPILE)strip $(GM_BUNDLE)/bin/gm-*
	@ln -s stress_test $(GM_BUNDLE)/bin/gm-stress
	@cp contract/clauses.tsv $(GM_BUNDLE)/contract
	@cp -r LICENSE README.md docs findings known $(GM_BUNDLE)
	@install -m 755 dist/run_tests dist/lava $(GM_BUNDLE)
	@install -m 755 $(KSRC)/tools/testing/selftests/run_kselftest.sh $(GM_BUNDLE)
	@install -m 755 $(GM_KSELFTEST) $(GM_BUNDLE)/kselftest
	@install -m 644 dist/settings $(GM_BUNDLE)/kvm_gmem
	@install -m 755 dist/kselftest $(GM_BUNDLE)/kselftest/kvm_gmem
	@for name in $(sort $(notdir $(GM_PROGRAMS))); do \
		ln -s ../kselftest/kvm_gmem $(GM_BUNDLE)/kvm_gmem/$$name && echo "kvm_gmem:$$name" || exit 2; \
	done > $(GM_BUNDLE)/kselftest-list.txt
	@echo $(GM_VERSION) > $(GM_BUNDLE)/VERSION
	@tar -C $(GM_OUT)/dist --owner=0 --group=0 -czf $(O)/$(GM_DIST).tar.gz $(GM_DIST)
	@rm -rf $(GM_OUT)/dist
	@echo "$(O)/$(GM_DIST).tar.gz"
