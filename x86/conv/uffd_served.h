/* SPDX-License-Identifier: GPL-2.0-only */
/* The fixture of conv.uffd_shared: a slot over a memfd whose faults the case answers. */
#ifndef GM_UFFD_SERVED_H
#define GM_UFFD_SERVED_H

#include "conv.h"

#define PG GM_PAGE_SIZE
#define NPAGES PAGES(GM_2M)

/* A slot of 2 MiB with two mappings of its file, both aligned to 2 MiB. */
struct served {
	struct gm_fixture *w;
	int fd;		/* a memfd, or another file of tmpfs */
	uint8_t *other; /* not registered: the case accesses the file through it */
	struct uffd_server s;
};

/* The file is that of fd, or a new memfd if fd is -1. s.user is the struct served. */
void served_new(struct served *a, int fd, void (*answer)(struct uffd_server *s, uint64_t page));
/* Registers the slot's mapping: UFFD_FEATURE_* and UFFDIO_REGISTER_MODE_* bits. */
void served_register(struct served *a, uint64_t features, uint64_t mode);
void served_free(struct served *a);
/* Writes the words of n pages through the other mapping; the first word of such a page. */
void served_fill(struct served *a, uint64_t page, uint64_t n, unsigned int gen);
uint64_t served_word(struct served *a, uint64_t page, unsigned int gen);
/* Makes the 2 MiB of the file one folio, through this mapping, or SKIPs. */
void served_collapse(uint8_t *hva);

/* Answers: UFFDIO_CONTINUE; the same after generation 2 was written; written, and woken only. */
void served_continue(struct uffd_server *s, uint64_t page);
void served_fill_continue(struct uffd_server *s, uint64_t page);
void served_fill_wake(struct uffd_server *s, uint64_t page);

#endif
