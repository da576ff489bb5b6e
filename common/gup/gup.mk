# SPDX-License-Identifier: GPL-2.0-only
# make gup-matrix: probe x state of the last run, as text.
# RESULTS= names another run's folder.

GM_RESULTS := $(or $(RESULTS),results/latest)

.PHONY: gup-matrix
gup-matrix:
	@common/gup/matrix $(GM_RESULTS)/results.json
