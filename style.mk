# SPDX-License-Identifier: GPL-2.0-only
# make style: the kernel's own checkers on the files of this project.

# The files in git; in an unpacked archive, all files except build folders.
GM_STYLE_ALL := $(shell git ls-files 2>/dev/null || \
	find . -name .git -prune -o -name build -prune -o -type f -printf '%P\n')
GM_STYLE_C := $(filter %.c %.h,$(GM_STYLE_ALL))
GM_STYLE_SH := $(shell grep -lE '^\#!.*\b(sh|bash)$$' /dev/null $(GM_STYLE_ALL) 2>/dev/null)

# .checkpatch.conf and .clang-format of this tree say which of the kernel's rules are for kernel
# code only. checkpatch reports on standard output and fails with 1.
.PHONY: style
style:
	$(GM_SAY) "  STYLE   checkpatch, $(words $(GM_STYLE_C)) files"
	@k=$$(lab/ksrc) || exit 2; \
	printf '%s\n' $(GM_STYLE_C) | xargs -n 24 -P 2 \
		perl $$k/scripts/checkpatch.pl --no-tree --no-summary --terse --quiet -f
	$(GM_SAY) "  STYLE   findings, their patches and the table in README.md"
	@k=$$(lab/ksrc) || exit 2; \
	for p in $(filter findings/%/fix.patch,$(GM_STYLE_ALL)); do \
		perl $$k/scripts/checkpatch.pl --root=$$k --no-summary --terse --quiet --no-signoff \
			- <$$p || { echo "in $$p"; exit 1; }; \
	done
	@findings/run --check
	$(GM_SAY) "  STYLE   clang-format"
	@clang-format --dry-run -Werror $(GM_STYLE_C)
	$(GM_SAY) "  STYLE   shellcheck, $(words $(GM_STYLE_SH)) scripts"
	@shellcheck -x $(GM_STYLE_SH)
	$(GM_SAY) "  STYLE   planted defects, their places"
	@k=$$(lab/ksrc) || exit 2; mutants/where $$k
	$(GM_SAY) "  STYLE   functions that nobody calls"
	@$(MAKE) --no-print-directory -s all
	@tests/uncalled $(GM_OUT)
	$(GM_SAY) "  STYLE   one way into KVM_RUN"
	@! grep -nE '\b_{0,2}vcpu_run\(|ioctl\(.*\bKVM_RUN\b' $(filter-out lib/kvm/run.c findings/%,$(filter %.c,$(GM_STYLE_C)))
	$(GM_SAY) "  STYLE   options in the manual pages"
	@tests/manual $(GM_OUT)
