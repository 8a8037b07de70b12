/* SPDX-License-Identifier: BSD-3-Clause */
/* Losing a device and finding it again: the steps of the tests that do so more than once. */
#ifndef TESTS_UNIT_HARNESS_LOSS_H
#define TESTS_UNIT_HARNESS_LOSS_H

#include "harness.h"

/* Whether the device can't be reached, what is said then, and how often it was tried. */
extern bool loss_away;
extern int loss_error;
extern unsigned loss_attempts;

/* Makes the model, after driver_init(), one that can be connected to again. */
void loss_prepare(struct driver *d);

/* driver_open() of a device that can be connected to again; the chains of its queue are held. */
void loss_open(struct driver *d, const char *options);

/* The same, and then the clock stands: time passes by clock_skip() and in calls that wait. */
void loss_open_stopped(struct driver *d, const char *options);

/* Submits a read of this block, which is also its user_data. */
void loss_read(struct driver *d, uint64_t lba);

/* Answers that all went well. */
void loss_answer(struct driver *d, const struct chain *chain);

/* Answers the next chain, which has to be the read of this block, and polls for it. */
void loss_serve(struct driver *d, uint64_t lba);

/* The next look at the connection finds it broken. */
void loss_break(struct driver *d);

/* Looks for events, which drives the way back; none is kept. */
void loss_look(struct driver *d);

/* The device is lost, and can't be reached. */
void loss_lose(struct driver *d);

/* It can be reached, and is back. */
void loss_find(struct driver *d);

#endif
