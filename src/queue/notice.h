/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What queues find out that is for the device to act on: unit attentions. A short list that any
 * queue adds to and the device empties (device/tend.c); what doesn't fit is counted as lost, which
 * the device answers with a scan.
 */
#ifndef QUEUE_NOTICE_H
#define QUEUE_NOTICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/lock.h"

struct io_lun;

#define NOTICES 16u

/* A unit attention of a LUN, or that it isn't there: its additional sense. */
struct notice {
	uint16_t target;
	uint16_t lun;
	uint8_t asc;
	uint8_t ascq;
};

/**
 * struct notices - The list
 * @lock: guards it; held for moments
 * @pending: there is something in it; read without the lock
 * @lost: some had no room
 */
struct notices {
	struct lock lock;
	atomic_bool pending;
	bool lost;
	unsigned count;
	struct notice list[NOTICES];
};

/*
 * Adds one, once for any number of the same. With @suspect the LUN becomes SUSPECT in the same
 * moment: the thread that takes the notice finds it so, and revalidates it.
 */
void notice_add(struct notices *notices, struct io_lun *lun, uint8_t asc, uint8_t ascq,
		bool suspect);

/* Takes all; @out has room for NOTICES. Return: how many; @lost: whether others had no room. */
unsigned notice_take(struct notices *notices, struct notice *out, bool *lost);

static inline bool notice_pending(const struct notices *notices)
{
	return atomic_load_explicit(&notices->pending, memory_order_relaxed);
}

#endif
