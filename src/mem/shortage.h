/* SPDX-License-Identifier: BSD-3-Clause */
/* What to tell people whose machine has too few hugepages. */
#ifndef MEM_SHORTAGE_H
#define MEM_SHORTAGE_H

#include "mem/pages.h"

/**
 * shortage_explain - Say how many hugepages there are and which command reserves enough
 * @want: what could not be had, with @want->huge set
 * @why: receives the sentence, of at most PAGES_WHY bytes
 */
void shortage_explain(const struct pages_want *want, char *why);

#endif
