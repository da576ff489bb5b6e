# SPDX-License-Identifier: GPL-2.0-only
# kvm-gmem-tests: does this kernel's guest_memfd keep its promises?
#
#   make lab		build a kernel, boot it in QEMU, put every promise to it
#   make run_tests	the same on the running kernel
#   make check		the project's own tests
#
# Variables: O= build folder, ARCH=x86|arm64, KSRC= kernel tree (7.3 or later) that the selftests
# framework comes from, ARGS= options of the runner (make run_tests ARGS=--help).

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

HOST_ARCH := $(subst x86_64,x86,$(subst aarch64,arm64,$(shell uname -m)))
ARCH ?= $(HOST_ARCH)
ifeq ($(filter x86 arm64,$(ARCH)),)
$(error ARCH=$(ARCH) is not one of x86, arm64: say ARCH=x86 or ARCH=arm64, or leave it out for this machine's own)
endif
O ?= build
override O := $(patsubst %/,%,$(O))
GM_OUT := $(O)/$(ARCH)
GM_VERSION := $(shell git -C $(CURDIR) describe --always --dirty 2>/dev/null || cat VERSION 2>/dev/null || echo unknown)
export ARCH O GM_OUT GM_VERSION

ifneq ($(ARCH),$(HOST_ARCH))
CROSS_COMPILE ?= $(if $(filter arm64,$(ARCH)),aarch64-linux-gnu-,x86_64-linux-gnu-)
endif
CC := $(CROSS_COMPILE)gcc
# What is being built, on standard output; with make -s nothing is said there but the answer.
GM_SAY := @$(if $(findstring s,$(firstword -$(MAKEFLAGS))),:,echo)
# Runs a program of the other architecture, for listing only.
GM_EMULATOR := $(if $(filter-out $(HOST_ARCH),$(ARCH)),qemu-$(if $(filter arm64,$(ARCH)),aarch64,x86_64)-static)

# Goals that need no kernel tree, no compiler, nothing.
GM_BARE_GOALS := clean help style check mutants mutants-auto lab matrix matrix-boot lab-build \
	lab-packages lab-kernel lab-clean findings findings-repros findings-table
GM_GOALS := $(or $(MAKECMDGOALS),all)
GM_NEEDS_KSRC := $(filter-out $(GM_BARE_GOALS),$(GM_GOALS))

include lib/framework/framework.mk
include lib/lib.mk
-include runner/runner.mk
-include doctor/doctor.mk
-include lab/lab.mk
-include mutants/mutants.mk
-include findings/findings.mk
-include mutants/auto/auto.mk
-include common/gup/gup.mk
-include stress/stress.mk
-include bench/bench.mk
-include mutants/upstream.mk
-include bench/upstream.mk
-include tests/tests.mk
include dist.mk
include style.mk
include check.mk

.PHONY: all
all: $(GM_PROGRAMS) $(GM_OUT)/bin/gm-run $(GM_OUT)/bin/gm-doctor $(GM_OUT)/bin/gm-hold-vm $(GM_LIB_HEADERS)

# One full case name a line and nothing else; opens neither /dev/kvm nor anything of the sort. The
# catalogue of both architectures, where the other's compiler is at hand; ARCH= names one of them.
OTHER_ARCH := $(filter-out $(ARCH),x86 arm64)
OTHER_GNU := $(if $(filter arm64,$(OTHER_ARCH)),aarch64,x86_64)
.PHONY: list
list: $(GM_PROGRAMS) $(GM_OUT)/bin/gm-run
	@{ for p in $(GM_PROGRAMS); do $(GM_EMULATOR) $$p --list || exit 2; done; \
	if [ '$(origin ARCH)' = file ] && command -v $(OTHER_GNU)-linux-gnu-gcc >/dev/null && \
	   command -v qemu-$(OTHER_GNU)-static >/dev/null; then \
		$(MAKE) -s --no-print-directory ARCH=$(OTHER_ARCH) list || exit 2; \
	fi; } >$(GM_OUT)/list && sort -u $(GM_OUT)/list

.PHONY: doctor
doctor: $(GM_OUT)/bin/gm-doctor
	@$<

.PHONY: run_tests
run_tests: all
	@$(GM_OUT)/bin/gm-run --contract contract/clauses.tsv $(ARGS)

.PHONY: clean
clean:
	rm -rf -- $(O)/x86 $(O)/arm64
	-@rmdir $(O) 2>/dev/null || true
