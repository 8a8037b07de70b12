/* SPDX-License-Identifier: BSD-3-Clause */
/* The library's clock in programs that put it forward; now_ms() of liar.h is another one. */
#ifndef HOSTILE_CLOCK_H
#define HOSTILE_CLOCK_H

#include <stdint.h>

/* Puts it forward. Any thread. */
void clock_skip(uint64_t ms);

#endif
