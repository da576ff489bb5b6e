// SPDX-License-Identifier: GPL-2.0-only
/* nop does nothing. sync is a barrier: exec.c ends the round there. */
#include "op.h"

const struct st_op st_op_nop = { .name = "nop", .text = "nothing" };

const struct st_op st_op_sync = { .name = "sync", .text = "all actors wait for each other" };
