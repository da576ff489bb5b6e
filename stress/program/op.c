// SPDX-License-Identifier: GPL-2.0-only
/* The table of operations, and their text form. */
#include <stdio.h>
#include <string.h>

#include "op.h"

#define ST_OP_ROW(NAME, name) extern const struct st_op st_op_##name;
ST_OPS(ST_OP_ROW)
#undef ST_OP_ROW

#define ST_OP_ROW(NAME, name) &st_op_##name,
const struct st_op *const st_ops[ST_OP_NR] = { ST_OPS(ST_OP_ROW) };
#undef ST_OP_ROW

unsigned int st_op_find(const char *name)
{
	unsigned int code = 0;

	while (code < ST_OP_NR && strcmp(st_ops[code]->name, name))
		code++;
	return code;
}

static const char *arg_name(const struct st_op *info, unsigned int arg)
{
	for (unsigned int i = 0; info->args && info->args[i]; i++)
		if (i == arg)
			return info->args[i];
	return NULL;
}

const char *st_op_str(const struct gm_sop *op)
{
	static __thread char s[128];
	const struct st_op *info = st_ops[op->code];
	bool fail = !st_is_vcpu(op) && st_injected(op);
	unsigned int val = fail ? op->arg & ~GM_SOP_FAIL : op->arg;
	const char *arg = arg_name(info, val);
	int n = snprintf(s, sizeof(s), "%c%u %s", st_is_vcpu(op) ? 'v' : 't', st_actor_nr(op),
			 info->name);

	if (arg)
		n += snprintf(s + n, sizeof(s) - n, " %s", arg);
	else if (val)
		n += snprintf(s + n, sizeof(s) - n, " arg=%u", val);
	if (info->flags & ST_PAGES)
		n += snprintf(s + n, sizeof(s) - n, " %#x %u", op->page, op->len);
	if (op->meet)
		n += snprintf(s + n, sizeof(s) - n, " meet=%u", op->meet);
	if (op->wait || fail)
		snprintf(s + n, sizeof(s) - n, " %s=%u", fail ? "fail" : "wait", op->wait);
	return s;
}
