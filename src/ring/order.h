/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The order in which chains went to a device that uses them in order (VIRTIO_F_IN_ORDER), kept
 * privately. Such a device may end a whole batch with the last of its chains (virtio 1.4, 2.7.9,
 * 2.8.8): this tells which chains that are. Where rings lie and what is in them it doesn't know.
 */
#ifndef RING_ORDER_H
#define RING_ORDER_H

#include "ring/used.h"

/* A chain on its way: what the ring calls it and what its user calls it. */
struct order_entry {
	uint16_t id;
	uint16_t head;
};

/**
 * struct order - Chains in the order in which they were pushed
 * @fifo: the chains, at @mask + 1 places that are used in turn
 * @place: for each id, the place it got last
 * @first, @next: the oldest chain that is out, and the place behind the newest
 * @ended: how many from @first on the device has ended
 * @len: what it says it wrote into the last of these
 */
struct order {
	struct order_entry *fifo;
	uint16_t *place;
	uint16_t mask;
	uint16_t first;
	uint16_t next;
	uint16_t ended;
	uint32_t len;
};

/*
 * For what is read while the ring's user may be taking chains from it, in one case: packed_resume_base().
 * Each number is written whole, so that any of them is a good index, and a device that was lost
 * adds none: what can be wrong is the place of a chain that is being taken while it comes back.
 */
#define RING_READ_BY_OTHERS __attribute__((no_sanitize("thread")))

/**
 * order_init - Start with no chain out
 * @size: how many there can be, and the number behind the largest id; up to RING_MAX_SIZE
 *
 * Return: 0, or -ENOMEM. order_fini() is allowed in either case, and on zeroed memory.
 */
int order_init(struct order *order, unsigned size);
void order_fini(struct order *order);

/* What the user calls the chain that went as the @back-th last, 1 to the size. */
static inline uint16_t order_pushed(const struct order *order, unsigned back)
{
	return order->fifo[(uint16_t)(order->next - back) & order->mask].head;
}

/* What the ring calls the chain that went as the @number-th of those that are out, from 0. */
static inline RING_READ_BY_OTHERS uint16_t order_id(const struct order *order, unsigned number)
{
	return order->fifo[(uint16_t)(order->first + number) & order->mask].id;
}

/* Notes that a chain went. @id is below the size and names no chain that is out. */
void order_push(struct order *order, uint16_t id, uint16_t head);

/**
 * order_reach - Count the chains that end with @id, from the oldest on
 *
 * Return: their number; 0 when no chain with this id, below the size, is out.
 */
unsigned order_reach(const struct order *order, uint16_t id);

/* Notes that the oldest @count chains are ended; order_take() gives them one by one. */
void order_end(struct order *order, unsigned count, uint32_t len);

/**
 * order_take - Take the oldest chain, which the device has ended
 * @used: receives it. The device says nothing of the lengths inside a batch: they are 0
 *
 * Return: what the ring calls it.
 */
uint16_t order_take(struct order *order, struct ring_used *used);

#endif
