/* SPDX-License-Identifier: BSD-3-Clause */
/* Steps that tests of late requests take, and the limits that they have. */
#ifndef TESTS_UNIT_HARNESS_LATE_H
#define TESTS_UNIT_HARNESS_LATE_H

#include "harness.h"

#define ABORT_TASK 0
#define LUN_RESET  5

/* Answers of the control queue. */
#define COMPLETE  0
#define SUCCEEDED 10
#define REJECTED  11

#define IO_MS     100000u
#define TASK_MS   20000u
#define OPTIONS   "io_timeout_ms=100000&task_timeout_ms=20000"

/* Polls as often as it takes to look at the clock; nothing may come. */
void poll_long(struct driver *d);

/* Lets time pass, from then on in no other way, and polls before and after it. */
void pass(struct driver *d, uint64_t ms);

/* The next function in the control queue, which has to be there and of that kind. */
struct chain take_task(struct driver *d, unsigned subtype);

void answer_task(struct driver *d, const struct chain *chain, uint8_t response);

/* Completes a request as one that was aborted. */
void give_aborted(struct driver *d, const struct chain *chain);

/* Opens a device that answers nothing by itself once it is open. */
void open_late(struct driver *d, const char *options);

/* A read with user_data 7 that the device has, and that took too long. */
struct chain late_read(struct driver *d);

#endif
