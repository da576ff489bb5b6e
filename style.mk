# SPDX-License-Identifier: GPL-2.0-only
# make style: the kernel's own checkers on what is ours.

GM_STYLE_C := $(shell git ls-files '*.c' '*.h' 2>/dev/null)
GM_STYLE_SH := $(shell git ls-files 2>/dev/null | xargs -r grep -lE '^\#!.*\b(sh|bash)$$' 2>/dev/null)

# .checkpatch.conf and .clang-format of this tree say which of the kernel's rules are for kernel
# code only. checkpatch reports on standard output and fails with 1.
.PHONY: style
style:
	$(GM_SAY) "  STYLE   checkpatch, $(words $(GM_STYLE_C)) files"
	@k=$$(lab/ksrc) || exit 2; \
	printf '%s\n' $(GM_STYLE_C) | xargs -n 24 -P 2 \
		perl $$k/scripts/checkpatch.pl --no-tree --no-summary --terse --quiet -f
	$(GM_SAY) "  STYLE   clang-format"
	@clang-format --dry-run -Werror $(GM_STYLE_C)
	$(GM_SAY) "  STYLE   shellcheck, $(words $(GM_STYLE_SH)) scripts"
	@shellcheck -x $(GM_STYLE_SH)
