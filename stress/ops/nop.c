// SPDX-License-Identifier: GPL-2.0-only
/* Nothing; and everybody waits for everybody, which the rounds of exec.c do. */
#include "op.h"

const struct st_op st_op_nop = { .name = "nop", .text = "nothing" };

const struct st_op st_op_sync = { .name = "sync", .text = "everybody waits for everybody" };
