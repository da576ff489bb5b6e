// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest_memfd of huge pages of the hugetlb pool, converted by single pages in place. The cases are
 * in huge_file/, by topic; lab/patches/contract has the rules.
 */
#include "gm.h"
