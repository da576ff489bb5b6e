/* SPDX-License-Identifier: GPL-2.0-only */
/* For reproducers: runs the text of a program. */
#ifndef ST_REPRO_H
#define ST_REPRO_H

int gm_program_main(int argc, char **argv);

/*
 * Exit status as of st_replay(); 2: `program` is not valid. Prints the result on standard output.
 */
int st_repro(const char *program);

#endif
