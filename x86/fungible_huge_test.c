// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest_memfd of huge pages of the hugetlb pool: every huge page is counted, and comes back to the
 * pool. The cases are in fungible_huge/, by topic; lab/patches/contract has the rules.
 */
#include "gm.h"
