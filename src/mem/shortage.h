/* SPDX-License-Identifier: BSD-3-Clause */
/* Error text for a machine that has too few hugepages. */
#ifndef MEM_SHORTAGE_H
#define MEM_SHORTAGE_H

#include "mem/pages.h"

/**
 * shortage_explain - Describe how many hugepages there are and which command reserves enough
 * @want: what could not be allocated, with @want->huge set
 * @why: receives the error text, at most PAGES_WHY bytes
 */
void shortage_explain(const struct pages_want *want, char *why);

#endif
