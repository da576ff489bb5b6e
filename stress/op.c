// SPDX-License-Identifier: GPL-2.0-only
/* The table of operations: their names, whose they are, what they do. */
#include <stdio.h>
#include <string.h>

#include "prog.h"

static const char *const to[] = { "shared", "private", NULL };
static const char *const bad[] = { "unaligned",		"empty",     "wrap",
				   "unaligned_private", "wrap_zero", NULL };
static const char *const advice[] = { "cold",	  "willneed",  "populate", "hugepage", "nohugepage",
				      "collapse", "mergeable", "dontneed", NULL };
static const char *const refused[] = { "dirty_log",
				       "readonly",
				       "move",
				       "attr_unaligned",
				       "attr_empty",
				       "attr_unknown",
				       "overlap",
				       "fallocate",
				       "attr_flag",
				       "attr_high_flag",
				       "attr_bit",
				       "attr_wrap",
				       "attr_size",
				       "prefault_gpa",
				       "prefault_size",
				       "prefault_empty",
				       "prefault_flag",
				       "prefault_no_slot",
				       "same_slot",
				       "slot_flag",
				       "bind_fd",
				       "bind_offset",
				       "bind_end",
				       "bind_wrap",
				       "overlap_last",
				       "gfn_overlap",
				       "alloc_mode",
				       "zero_range",
				       "alloc_end",
				       "punch_len",
				       "truncate",
				       "mmap",
				       "read",
				       "ioctl",
				       "create_flag",
				       "create_negative",
				       "create_unaligned",
				       "create_empty",
				       "file_reserved",
				       "file_end",
				       "file_ioctl_on_vm",
				       NULL };

_Static_assert(sizeof(refused) / sizeof(refused[0]) == ST_REFUSALS + 1, "as in refuse.c");

#define ST_CONVERTS (ST_VCPU | ST_PAGES | ST_WRITES | ST_READS)
#define PV (ST_VCPU | ST_PAGES)
#define PT ST_PAGES
#define PF (ST_PAGES | ST_CAN_FAIL)

const struct st_op_info st_ops[GM_SOP_NR] = {
	[GM_SOP_NOP] = { "nop", 0, NULL, "nothing" },
	[GM_SOP_CONV] = { "conv", PV | ST_WRITES, to, "the guest asks to convert" },
	[GM_SOP_WRITE] = { "write", PV | ST_WRITES, NULL, "the guest writes the pages" },
	[GM_SOP_READ] = { "read", PV | ST_READS, NULL, "the guest reads the pages" },
	[GM_SOP_POKE] = { "poke", PV | ST_WRITES, NULL, "the guest writes one word a page" },
	[GM_SOP_PEEK] = { "peek", PV | ST_READS, NULL, "the guest reads one word a page" },
	[GM_SOP_ADD] = { "add", PV | ST_READS | ST_WRITES, NULL, "the guest counts atomically" },
	[GM_SOP_FLUSH] = { "flush", PV, NULL, "the guest flushes its TLB" },
	[GM_SOP_BAD] = { "badcall", PV, bad, "a conversion request that is refused" },
	[GM_SOP_HCONV] = { "hconv", PF | ST_WRITES, to, "the VMM converts" },
	[GM_SOP_PUNCH] = { "punch", PF | ST_WRITES, NULL, "a hole in the guest_memfd" },
	[GM_SOP_ALLOC] = { "alloc", PF, NULL, "fallocate() of the guest_memfd" },
	[GM_SOP_PREFAULT] = { "prefault", PF, NULL, "KVM_PRE_FAULT_MEMORY" },
	[GM_SOP_HWRITE] = { "hwrite", PT | ST_WRITES, NULL, "the host writes shared memory" },
	[GM_SOP_HREAD] = { "hread", PT | ST_READS, NULL, "the host reads shared memory" },
	[GM_SOP_HPOKE] = { "hpoke", PT | ST_WRITES, NULL, "the host writes one word a page" },
	[GM_SOP_HPEEK] = { "hpeek", PT | ST_READS, NULL, "the host reads one word a page" },
	[GM_SOP_DROP] = { "drop", PT | ST_WRITES, NULL,
			  "shared memory is given back; in place: MADV_REMOVE, a hole" },
	[GM_SOP_MADV] = { "madvise", PT, advice, "advice about shared memory" },
	[GM_SOP_MPROTECT] = { "mprotect", PT, NULL, "the host's mapping read-only and back" },
	[GM_SOP_FORK] = { "fork", PT | ST_READS, NULL, "a child reads shared memory" },
	[GM_SOP_GUP] = { "gup", PT | ST_READS, NULL, "an access probe on shared memory" },
	[GM_SOP_SLOT] = { "slot", PT, NULL, "the slot is deleted and made again" },
	[GM_SOP_VM2] = { "vm2", 0, NULL, "a second VM comes and goes" },
	[GM_SOP_REFUSE] = { "refuse", PT, refused, "an ioctl that is refused" },
	[GM_SOP_KICK] = { "kick", 0, NULL,
			  "a signal into KVM_RUN, or into a thread's hole or conversion" },
	[GM_SOP_MIGRATE] = { "migrate", 0, NULL, "a vCPU moves to another CPU" },
	[GM_SOP_PRESSURE] = { "pressure", PT, NULL, "other memory is taken and given back" },
	[GM_SOP_MAP] = { "map", PT, NULL, "iommufd maps shared memory" },
	[GM_SOP_UNMAP] = { "unmap", 0, NULL, "iommufd unmaps it" },
	[GM_SOP_DREAD] = { "dread", ST_READS, NULL, "the device reads" },
	[GM_SOP_DWRITE] = { "dwrite", ST_WRITES, NULL, "the device writes" },
	[GM_SOP_KILL] = { "kill", 0, NULL, "the process ends here" },
	[GM_SOP_STACK] = { "stack", ST_CONVERTS, to, "the guest converts the page of its stack" },
	[GM_SOP_EXEC] = { "exec", PV, NULL, "the guest executes from the page" },
	[GM_SOP_PIN] = { "pin", PT, NULL, "the kernel pins shared memory for long" },
	[GM_SOP_UNPIN] = { "unpin", ST_READS, NULL, "what is pinned is read and let go" },
	[GM_SOP_COMPACT] = { "compact", 0, NULL, "the kernel compacts memory" },
	[GM_SOP_POOL] = { "pool", ST_TWO_ONLY, NULL, "the pool of huge pages grows and shrinks" },
	[GM_SOP_SYNC] = { "sync", 0, NULL, "everybody waits for everybody" },
};

bool st_is_vcpu(const struct gm_sop *op)
{
	return !(op->actor & GM_SOP_HOST);
}

unsigned int st_actor_nr(const struct gm_sop *op)
{
	return op->actor & ~GM_SOP_HOST;
}

static const char *arg_name(const struct st_op_info *info, unsigned int arg)
{
	for (unsigned int i = 0; info->args && info->args[i]; i++)
		if (i == arg)
			return info->args[i];
	return NULL;
}

const char *st_op_str(const struct gm_sop *op)
{
	static __thread char s[128];
	const struct st_op_info *info = &st_ops[op->code];
	bool fail = !st_is_vcpu(op) && info->flags & ST_CAN_FAIL && op->arg & GM_SOP_FAIL;
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
