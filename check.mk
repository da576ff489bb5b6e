# SPDX-License-Identifier: GPL-2.0-only
# make check: everything that this project asks of itself, see tests/check-steps.sh.

.PHONY: check
check:
	@tests/check
