/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes programs out of a seed: the same seed and options give the same program, anywhere. */
#ifndef ST_GEN_H
#define ST_GEN_H

#include "prog.h"

struct st_gen {
	uint64_t seed;
	const char *profile;	      /* NULL: conversion */
	enum gm_provider_id provider; /* GM_PROVIDER_NONE: attributes */
	const char *layout;	      /* NULL: as the profile has it */
	const char *weights;	      /* "conv=10,punch=0": over the profile's; NULL: none */
	uint32_t ops;		      /* 0: as the profile has it */
	unsigned int vcpus, threads;  /* 0: as the profile has it; threads: ST_NO_THREADS is none */
	int order;		      /* 0: as the profile has it; 1 strict, 2 free, 3 races */
};

#define ST_NO_THREADS 99U

/* 0; or -1 with what is wrong in `why`. */
int st_gen(const struct st_gen *g, struct st_prog *p, char *why, size_t room);

#endif
