/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unit attentions that a queue reports to the device layer: a short list that any queue adds to and
 * the device layer empties (device/events.c). If a notice doesn't fit, the device layer scans.
 */
#ifndef QUEUE_NOTICE_H
#define QUEUE_NOTICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/lock.h"

struct io_lun;

#define NOTICES 16u

/* The additional sense code of a LUN's unit attention, or of 'no such LUN'. */
struct notice {
	uint16_t target;
	uint16_t lun;
	uint8_t asc;
	uint8_t ascq;
};

/**
 * struct notices - The list
 * @lock: protects the list; held briefly
 * @pending: the list is not empty; read without the lock
 * @lost: some notices had no room
 */
struct notices {
	struct lock lock;
	atomic_bool pending;
	bool lost;
	unsigned count;
	struct notice list[NOTICES];
};

/*
 * Adds a notice, unless the list has the same one. With @suspect the LUN becomes SUSPECT under the
 * same lock, so that the thread that takes the notice sees the state and revalidates the LUN.
 */
void notice_add(struct notices *notices, struct io_lun *lun, uint8_t asc, uint8_t ascq,
		bool suspect);

/* Takes all notices; @out has room for NOTICES. Return: how many; @lost: some had no room. */
unsigned notice_take(struct notices *notices, struct notice *out, bool *lost);

static inline bool notice_pending(const struct notices *notices)
{
	return atomic_load_explicit(&notices->pending, memory_order_relaxed);
}

#endif
