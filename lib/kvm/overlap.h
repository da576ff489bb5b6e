/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two calls at the same time, in rounds. Measures how long each call takes alone, then starts the
 * second at another distance from the first in each round, from before its begin to its end.
 */
#ifndef GM_OVERLAP_H
#define GM_OVERLAP_H

struct gm_overlap {
	void (*prepare)(void *arg);		    /* before each round */
	void (*call)(void *arg, unsigned int side); /* the call alone; side 0 or 1 */
	/* After each round: a side that did not run has end 0. Undoes what prepare() did. */
	void (*check)(void *arg);
	void *arg;
	unsigned int rounds;	 /* of both calls together */
	unsigned int alone;	 /* rounds of each call by itself */
	double begin[2], end[2]; /* of the round's calls, seconds; end 0: did not run */
};

/*
 * Runs all rounds, at most to the first miss. prepare(), check() and side 0 run on one thread, side
 * 1 on another. More rounds follow while none has overlapped; no overlap at all is an ERROR. Notes
 * the number of rounds that overlapped. SKIPs on one CPU.
 */
void gm_overlap(struct gm_overlap *o);

#endif
