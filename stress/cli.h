/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of gm-stress. */
#ifndef ST_CLI_H
#define ST_CLI_H

/* Exit status: 0 all held, 1 something failed, 2 wrong usage, 4 the platform lacks something. */
int st_cli(int argc, char **argv);

#endif
