/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * By how much longer than usual things may take on this machine, for limits inside a case. The
 * runner measures it (runner/speed.h), multiplies it by --timeout-scale, and gives it to each case.
 */
#ifndef GM_TIME_FACTOR_H
#define GM_TIME_FACTOR_H

/* 1 without a runner; else from 0.01 on. */
double gm_time_factor(void);
/* A limit on this machine: in ms, or in waits of a fixed length. */
int gm_time_limit(int usual);

#endif
