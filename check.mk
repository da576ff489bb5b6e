# SPDX-License-Identifier: GPL-2.0-only
# make check: all tests of this project, see tests/check-steps.sh.

.PHONY: check
check:
	@tests/check
