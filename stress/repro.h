/* SPDX-License-Identifier: GPL-2.0-only */
/* For reproducers: runs the text of a program. */
#ifndef ST_REPRO_H
#define ST_REPRO_H

int gm_program_main(int argc, char **argv);

/* 0: every promise held; 1: one did not; 2: it could not be asked. Says so on standard output. */
int st_repro(const char *program);

#endif
