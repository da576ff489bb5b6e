/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files behind platform.h share; nobody else includes it. */
#ifndef GM_PLATFORM_PRIV_H
#define GM_PLATFORM_PRIV_H

#include "platform.h"

/*
 * A probe gives 0 when the platform has it, else the negative errno that says how it is missing
 * (EACCES and EPERM: rights; anything else: it is not there). It may write what would mend it
 * into `remedy`, GM_REMEDY_LEN bytes; otherwise the table in platform.c says it.
 */
#define GM_REMEDY_LEN 256
typedef int gm_probe(char *remedy);

gm_probe gm_probe_kvm, gm_probe_gmem, gm_probe_gmem_default, gm_probe_gmem_mmap,
	gm_probe_init_shared, gm_probe_sw_protected, gm_probe_attributes, gm_probe_ordinary_private,
	gm_probe_protected, gm_probe_inplace, gm_probe_prefault, gm_probe_hypercall_exit,
	gm_probe_page_stats, gm_probe_tdp, gm_probe_stage2_dump;
gm_probe gm_probe_iommufd, gm_probe_map_file, gm_probe_iommufd_test, gm_probe_vfio_edu,
	gm_probe_vfio_edu_pair, gm_probe_vfio_type1, gm_probe_map_gmem;
gm_probe gm_probe_huge_2m, gm_probe_huge_1g, gm_probe_thp, gm_probe_cma, gm_probe_secretmem,
	gm_probe_userfaultfd, gm_probe_ksm, gm_probe_hwpoison, gm_probe_unpoison, gm_probe_swap,
	gm_probe_numa, gm_probe_memcg;
gm_probe gm_probe_gup_test, gm_probe_debugfs, gm_probe_io_uring, gm_probe_udmabuf, gm_probe_xdp,
	gm_probe_packet, gm_probe_loop, gm_probe_blkdev, gm_probe_disk_dio, gm_probe_root,
	gm_probe_fail_nth;
gm_probe gm_probe_pages_4k, gm_probe_gmem_fs;

/* A guest_memfd of one page on a fresh default VM; both fds are the caller's. 0 or -errno. */
int gm_probe_gmem_file(uint64_t flags, int *vm, int *gmem);

/* 'y', 'm' or 'n' as the running kernel was configured; 0 when its configuration is not to be had. */
char gm_kconfig(const char *option);

/* open() with O_CLOEXEC that a close follows: 0, or the negative errno. */
int gm_try_open(const char *path, int flags);
/* First bytes of a small file, without trailing newline, NUL-terminated: length or -1. */
int gm_read_text(const char *path, char *buf, size_t len);
/* The same for a file that holds one number. */
bool gm_read_number(const char *path, unsigned long *value);

#endif
