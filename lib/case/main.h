/* SPDX-License-Identifier: GPL-2.0-only */
/* What main.c provides to a running case. */
#ifndef GM_MAIN_H
#define GM_MAIN_H

#include <stdint.h>

#include "provider.h"

/* The case's own seed: the same for the same run seed and case name, on every architecture. */
uint64_t gm_seed(void);
/* The conversion provider of the running case; GM_PROVIDER_NONE: it states none. */
enum gm_provider_id gm_case_provider(void);

/* Called for arguments that do not list or run a case; the default executes gm-run. */
int gm_program_main(int argc, char **argv);

/* Starts the KVM selftests framework; main.c calls it once, before the case (framework.c). */
void gm_framework_start(void);

#endif
