// SPDX-License-Identifier: GPL-2.0-only
/* gm-stress: random programs, judged, replayed, shrunk. Also the test program of the stress.* cases. */
#include "cli.h"
#include "main.h"

int gm_program_main(int argc, char **argv)
{
	return st_cli(argc, argv);
}
