/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counting requests against the limit that a device has for one LUN, over all queues (virtio 1.4,
 * 5.6.4.1). There are as many credits as the limit allows, and each request takes one. A queue
 * counts its own credits without atomics. It borrows credits from a common pool, several at once,
 * and returns those beyond its even share as soon as requests end. So one queue can use the whole
 * limit, less the shares of those that have been used, and each gets its even share back.
 */
#ifndef QUEUE_CREDIT_H
#define QUEUE_CREDIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "queue/ioq.h"
#include "util/bits.h"

/**
 * struct credit - The credits of one queue for one LUN
 * @left: credits that it holds and that no request has taken
 * @keep: maximum of @left after a request has ended
 *
 * A cache line of its own: exclusive queues are used by different threads.
 */
struct credit {
	uint32_t left;
	uint32_t keep;
} __attribute__((aligned(CACHE_LINE)));

/**
 * struct credits - The limit of one LUN
 * @pool: credits that no queue holds
 * @queues: what each request queue holds
 */
struct credits {
	_Alignas(CACHE_LINE) _Atomic uint32_t pool;
	struct credit queues[];
};

/**
 * credits_create - Create the credits of a LUN
 * @limit: of the device, for one LUN
 * @queues: number of request queues
 *
 * Return: the credits, to be freed with free(); NULL if out of memory.
 */
struct credits *credits_create(uint32_t limit, unsigned queues);

/* Borrows credits for a queue that has none left, if the pool has any. */
void credit_borrow(struct credits *credits, struct credit *credit);

/* Returns credits beyond @keep to the pool. */
void credit_return(struct credits *credits, struct credit *credit);

/*
 * The credits of a request queue for a LUN that has credits. This and the functions below are for
 * the thread that may use the queue.
 */
static inline struct credit *credit_of(const struct io_lun *lun, const struct ioq *ioq)
{
	return (struct credit *)(void *)((char *)lun->credits + ioq->credit_at);
}

/* The offset of a queue's credits in struct credits, for @ioq->credit_at. */
static inline uint32_t credit_offset(unsigned queue)
{
	return (uint32_t)(offsetof(struct credits, queues) + queue * sizeof(struct credit));
}

/* Ensures that a queue holds a credit, borrowing if necessary. Returns whether it does. */
static inline bool credit_get(struct io_lun *lun, const struct ioq *ioq)
{
	struct credit *credit = credit_of(lun, ioq);

	if (unlikely(!credit->left))
		credit_borrow(lun->credits, credit);
	return credit->left;
}

/* Gives back the credit of a request that has ended. The LUN must not be freed before. */
static inline void credit_give(struct io_lun *lun, const struct ioq *ioq)
{
	struct credit *credit = credit_of(lun, ioq);

	if (unlikely(++credit->left > credit->keep))
		credit_return(lun->credits, credit);
}

#endif
