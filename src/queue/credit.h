/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counting requests against the limit that a device has for one LUN, over all queues (virtio 1.4,
 * 5.6.4.1). Each request takes one credit of as many as the limit allows. A queue counts its own
 * without atomics; what it lacks it borrows from a common pool, several at once, and what it has
 * beyond its even part it gives back as soon as requests end. So one queue can have all of the
 * limit while the others have nothing in flight, and each can count on its even part whatever the
 * others had before.
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
 * struct credit - What one queue has of one LUN's limit
 * @left: credits that it holds and no request has
 * @keep: most of them that it keeps when a request ends
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
 * credits_create - Begin to count
 * @limit: of the device, for one LUN
 * @queues: request queues that the device has
 *
 * Return: the credits, free() frees them; NULL when there is no memory.
 */
struct credits *credits_create(uint32_t limit, unsigned queues);

/* Borrows from the pool for a queue that has none left, as long as the pool has any. */
void credit_borrow(struct credits *credits, struct credit *credit);

/* Gives the pool what a queue has beyond its part. */
void credit_return(struct credits *credits, struct credit *credit);

/*
 * What a request queue holds of a LUN that is counted. For the thread that may use the queue, as
 * all here.
 */
static inline struct credit *credit_of(const struct io_lun *lun, const struct ioq *ioq)
{
	return (struct credit *)(void *)((char *)lun->credits + ioq->credit_at);
}

/* Where it is, for @ioq->credit_at: computed once. */
static inline uint32_t credit_offset(unsigned queue)
{
	return (uint32_t)(offsetof(struct credits, queues) + queue * sizeof(struct credit));
}

/* Ensures that a queue holds a credit, if there is one anywhere. Returns whether it does. */
static inline bool credit_get(struct io_lun *lun, const struct ioq *ioq)
{
	struct credit *credit = credit_of(lun, ioq);

	if (unlikely(!credit->left))
		credit_borrow(lun->credits, credit);
	return credit->left;
}

/* Ends a request that took a credit. The LUN is in use until the end of this. */
static inline void credit_give(struct io_lun *lun, const struct ioq *ioq)
{
	struct credit *credit = credit_of(lun, ioq);

	if (unlikely(++credit->left > credit->keep))
		credit_return(lun->credits, credit);
}

#endif
