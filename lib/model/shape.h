/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of how a correct kernel maps guest memory: with the largest page that the slot, the host
 * and the attributes allow, until an operation zaps or splits it.
 *
 * It follows the contract, not the kernel's code: it has one state per 4 KiB page and checks all
 * pages of a block each time, so it does not repeat a kernel's off-by-one at a border or a level.
 * It makes no ioctl. All addresses and sizes are in bytes.
 */
#ifndef GM_SHAPE_H
#define GM_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "sizes.h"

#define GM_SHAPE_SLOTS 16

struct gm_shape_slot {
	uint32_t id;
	uint64_t gpa, size; /* size 0: unused */
	uint64_t hva;	    /* only its alignment relative to gpa matters */
	bool log;	    /* dirty logging: only 4 KiB mappings */
};

struct gm_shape {
	uint64_t base, size; /* both multiples of 1 GiB */
	uint8_t *private;    /* per page: its attribute */
	uint8_t *mapped;     /* per page: enum gm_size of the leaf that maps it now */
	uint8_t *host;	     /* per page: enum gm_size of the host's mapping */
	struct gm_shape_slot slot[GM_SHAPE_SLOTS];
	struct gm_page_counts now; /* expected changes of the counts */
};

/* Freed with gm_shape_free(); base and size as in the struct. */
struct gm_shape *gm_shape_new(uint64_t base, uint64_t size);
void gm_shape_free(struct gm_shape *s);

/* Sets, moves or (size 0) deletes a slot: zaps its old mappings, and none of other slots. */
void gm_shape_slot(struct gm_shape *s, uint32_t id, uint64_t gpa, uint64_t size, uint64_t hva,
		   enum gm_size host);
/* The host maps [gpa, gpa + len) at this size from now on; changes no guest mapping. */
void gm_shape_host(struct gm_shape *s, uint64_t gpa, uint64_t len, enum gm_size host);

bool gm_shape_has_slot(const struct gm_shape *s, uint64_t gpa);
/* The largest page that may map gpa now. */
enum gm_size gm_shape_allowed(const struct gm_shape *s, uint64_t gpa);
bool gm_shape_private(const struct gm_shape *s, uint64_t gpa);

/* The guest accesses gpa. Returns the size of the page that maps it then. */
enum gm_size gm_shape_touch(struct gm_shape *s, uint64_t gpa);
/* Removes every leaf that overlaps [gpa, gpa + len). */
void gm_shape_zap(struct gm_shape *s, uint64_t gpa, uint64_t len);
/* Converts the range and zaps it; does nothing if all its pages have that state already. */
void gm_shape_convert(struct gm_shape *s, uint64_t gpa, uint64_t len, bool to_private);
/* Dirty logging: on splits huge mappings into 4 KiB at once, off recovers the allowed size. */
void gm_shape_log(struct gm_shape *s, uint32_t id, bool on);

#endif
