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

# $(O)/kvm-gmem-tests-<version>-<arch>.tar.gz: static programs, the runner, the contract, run_tests.
.PHONY: dist
dist: all
	@rm -rf $(GM_OUT)/dist
	@mkdir -p $(GM_OUT)/dist/$(GM_DIST)/bin $(GM_OUT)/dist/$(GM_DIST)/contract
	@cp $(GM_PROGRAMS) $(GM_OUT)/bin/gm-run $(GM_OUT)/bin/gm-doctor $(GM_OUT)/dist/$(GM_DIST)/bin
	@$(CROSS_COMPILE)strip $(GM_OUT)/dist/$(GM_DIST)/bin/gm-*
	@ln -s stress_test $(GM_OUT)/dist/$(GM_DIST)/bin/gm-stress
	@cp contract/clauses.tsv $(GM_OUT)/dist/$(GM_DIST)/contract
	@cp -r LICENSE README.md docs findings known $(GM_OUT)/dist/$(GM_DIST)
	@install -m 755 dist/run_tests $(GM_OUT)/dist/$(GM_DIST)/run_tests
	@tar -C $(GM_OUT)/dist --owner=0 --group=0 -czf $(O)/$(GM_DIST).tar.gz $(GM_DIST)
	@rm -rf $(GM_OUT)/dist
	@echo "$(O)/$(GM_DIST).tar.gz"
