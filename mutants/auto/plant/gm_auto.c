// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mechanical defects of kvm-gmem-tests: the switch, and what was reached. /proc/gm_auto lists the
 * numbers of the places that were reached since the last write to it; the first line is how many
 * defects there are.
 */
#include <linux/bitmap.h>
#include <linux/cache.h>
#include <linux/export.h>
#include <linux/gm_auto.h>
#include <linux/init.h>
#include <linux/moduleparam.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

u8 gm_auto_states[GM_AUTO_NR + 1] __read_mostly;
EXPORT_SYMBOL_GPL(gm_auto_states);

static unsigned int gm_auto_on;

bool gm_auto_slow(unsigned int nr)
{
	u8 old = READ_ONCE(gm_auto_states[nr]);

	/* A lost update would switch a defect off, so no plain store. */
	while (!(old & GM_AUTO_REACHED) &&
	       !try_cmpxchg(&gm_auto_states[nr], &old, old | GM_AUTO_REACHED))
		;
	return old & GM_AUTO_ON;
}
EXPORT_SYMBOL_GPL(gm_auto_slow);

static int gm_auto_set(const char *value, const struct kernel_param *kp)
{
	unsigned int nr;
	int err = kstrtouint(value, 0, &nr);

	if (err)
		return err;
	if (nr > GM_AUTO_NR)
		return -ERANGE;
	if (gm_auto_on)
		WRITE_ONCE(gm_auto_states[gm_auto_on], 0);
	gm_auto_on = nr;
	if (nr)
		WRITE_ONCE(gm_auto_states[nr], GM_AUTO_ON);
	return 0;
}

static const struct kernel_param_ops gm_auto_ops = {
	.set = gm_auto_set,
	.get = param_get_uint,
};
module_param_cb(on, &gm_auto_ops, &gm_auto_on, 0644);

static int gm_auto_show(struct seq_file *m, void *v)
{
	unsigned long *reached = bitmap_zalloc(GM_AUTO_NR + 1, GFP_KERNEL);
	unsigned int nr;

	if (!reached)
		return -ENOMEM;
	for (nr = 1; nr <= GM_AUTO_NR; nr++)
		if (READ_ONCE(gm_auto_states[nr]) & GM_AUTO_REACHED)
			__set_bit(nr, reached);
	seq_printf(m, "%u\n%*pbl\n", GM_AUTO_NR, GM_AUTO_NR + 1, reached);
	bitmap_free(reached);
	return 0;
}

static int gm_auto_open(struct inode *inode, struct file *file)
{
	return single_open(file, gm_auto_show, NULL);
}

/* Any write: nothing was reached yet. */
static ssize_t gm_auto_write(struct file *file, const char __user *text, size_t size, loff_t *at)
{
	unsigned int nr;

	for (nr = 1; nr <= GM_AUTO_NR; nr++)
		WRITE_ONCE(gm_auto_states[nr], nr == gm_auto_on ? GM_AUTO_ON : 0);
	return size;
}

static const struct proc_ops gm_auto_proc_ops = {
	.proc_open = gm_auto_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
	.proc_write = gm_auto_write,
};

static int __init gm_auto_init(void)
{
	return proc_create("gm_auto", 0644, NULL, &gm_auto_proc_ops) ? 0 : -ENOMEM;
}
late_initcall(gm_auto_init);
