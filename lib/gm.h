/* SPDX-License-Identifier: GPL-2.0-only */
/* Everything a test program includes. */
#ifndef GM_H
#define GM_H

#include "caps.h"
#include "case.h"
#include "check.h"
#include "convert.h"
#include "main.h"
#include "platform.h"
#include "seed.h"
#include "underway.h"
#include "vm.h"
#include "word.h"

#endif
