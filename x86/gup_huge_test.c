// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host reaches the shared single pages of a guest_memfd of huge pages, and never the private
 * ones beside them: gup.huge_file*. The cases are in gup_huge/.
 */
#include "gm.h"
