/* SPDX-License-Identifier: BSD-3-Clause */
/* Creates the credits of a LUN, and moves them between a queue and the pool. */
#include <stdlib.h>

#include "queue/credit.h"

/*
 * Most credits borrowed at once, and the largest share of the pool: when the pool is low, a queue
 * must not take credits for later that another queue needs now.
 */
#define BORROW_MOST 16u
#define BORROW_PART 8u

/* A queue keeps no credits if its even share of the limit is smaller than this. */
#define KEEP_LEAST 8u

struct credits *credits_create(uint32_t limit, unsigned queues)
{
	struct credits *credits;
	size_t bytes = sizeof(*credits) + queues * sizeof(struct credit);
	uint32_t part = limit / queues;
	unsigned i;

	credits = aligned_alloc(CACHE_LINE, bytes);
	if (!credits)
		return NULL;
	atomic_init(&credits->pool, limit);
	for (i = 0; i < queues; i++)
		credits->queues[i] = (struct credit){.keep = part < KEEP_LEAST ? 0 : part};
	/* The sync calls share the first queue: they take a lock anyway, and need one at a time. */
	if (queues > 1)
		credits->queues[0].keep = 0;
	return credits;
}

static uint32_t loan(uint32_t pool)
{
	uint32_t part = pool / BORROW_PART;

	if (part > BORROW_MOST)
		return BORROW_MOST;
	return part || !pool ? part : 1;
}

void credit_borrow(struct credits *credits, struct credit *credit)
{
	uint32_t pool = atomic_load_explicit(&credits->pool, memory_order_relaxed);

	/* Relaxed: only the number is shared, and no other data depends on it. */
	while (!atomic_compare_exchange_weak_explicit(&credits->pool, &pool, pool - loan(pool),
						      memory_order_relaxed, memory_order_relaxed))
		;
	credit->left += loan(pool);
}

void credit_return(struct credits *credits, struct credit *credit)
{
	atomic_fetch_add_explicit(&credits->pool, credit->left - credit->keep,
				  memory_order_relaxed);
	credit->left = credit->keep;
}
