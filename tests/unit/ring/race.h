/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two threads, one at each end of a ring, and one of them falls asleep whenever nothing is there. A
 * lost wakeup is seen at once and without a clock: the sleeping thread says that it sleeps and how
 * many wakeups it had, and only the other thread can wake it.
 */
#ifndef TESTS_UNIT_RING_RACE_H
#define TESTS_UNIT_RING_RACE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct race - How to run, and what came of it
 * @packed: the format of the ring
 * @event_idx: notifications go by the event index
 * @rounds: how many, at most; @seconds: how long, at most
 * @batch: chains of a round, at most
 * @done: rounds that were run
 * @woken: wake-ups that were sent
 * @lost: wake-ups that were not and should have been
 * @broken: a rule that the driver broke meanwhile, or NULL
 */
struct race {
	bool packed;
	bool event_idx;
	unsigned rounds;
	unsigned seconds;
	unsigned batch;
	unsigned done;
	uint64_t woken;
	unsigned lost;
	const char *broken;
};

/* The device sleeps and the driver wakes it by what it publishes (2.7.13.4.1, 2.8.21.3.1). */
void race_device_sleeps(struct race *race);

/* The driver sleeps after it armed and the device wakes it (2.7.14, 2.8.22). */
void race_driver_sleeps(struct race *race);

#endif
