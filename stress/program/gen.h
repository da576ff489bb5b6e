/* SPDX-License-Identifier: GPL-2.0-only */
/* Generates a program from a seed: the same seed and options give the same program everywhere. */
#ifndef ST_GEN_H
#define ST_GEN_H

#include "prog.h"

enum st_order {
	ST_ORDER_DRAWN, /* drawn */
	ST_ORDER_STRICT,
	ST_ORDER_FREE,
	ST_ORDER_RACES,
};

struct st_gen {
	uint64_t seed;
	const char *mix;	      /* NULL: conversion */
	enum gm_provider_id provider; /* GM_PROVIDER_NONE: attributes */
	const char *layout;	      /* NULL: one of the mix */
	const char *weights;	     /* "conv=10,punch=0": replace weights of the mix; NULL: none */
	uint32_t ops;		     /* 0: that of the mix */
	unsigned int vcpus, threads; /* 0: those of the mix; threads: ST_NO_THREADS for none */
	enum st_order order;
};

#define ST_NO_THREADS 99U

/* 0, or -1 with an error message in `why`. */
int st_gen(const struct st_gen *g, struct st_prog *p, char *why, size_t room);

#endif
