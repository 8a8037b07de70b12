/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A private FIFO of the chains in flight, for devices that use chains in order
 * (VIRTIO_F_IN_ORDER). Such a device may complete a whole batch with one used entry, that of its
 * last chain (virtio 1.4, 2.7.9, 2.8.8); this FIFO determines the chains of the batch.
 */
#ifndef RING_ORDER_H
#define RING_ORDER_H

#include "ring/common.h"

/* A chain in flight: its id in the ring and the head that the caller pushed it with. */
struct order_entry {
	uint16_t id;
	uint16_t head;
};

/**
 * struct order - Chains in flight, in the order in which they were pushed
 * @fifo: the chains, a circular buffer of @mask + 1 entries
 * @position: for each id, the FIFO position it was last pushed at
 * @first, @next: position of the oldest chain in flight, and of the next push
 * @completed: how many chains from @first on the device has completed
 * @len: length that the device reported for the last of these
 */
struct order {
	struct order_entry *fifo;
	uint16_t *position;
	uint16_t mask;
	uint16_t first;
	uint16_t next;
	uint16_t completed;
	uint32_t len;
};

/**
 * order_init - Initialize with no chain in flight
 * @size: most chains in flight, and the number of ids; up to RING_MAX_SIZE
 *
 * Return: 0 or -ENOMEM. order_fini() is allowed in either case, and on zeroed memory.
 */
int order_init(struct order *order, unsigned size);
void order_fini(struct order *order);

/* The id of the oldest chain. */
static inline uint16_t order_first(const struct order *order)
{
	return order->fifo[order->first & order->mask].id;
}

/* Records that a chain was pushed. @id is less than the size and not in flight. */
void order_push(struct order *order, uint16_t id, uint16_t head);

/**
 * order_batch - Size of the batch that ends with @id, counted from the oldest chain in flight
 *
 * Return: the number of chains; 0 if @id, which is less than the size, is not in flight.
 */
unsigned order_batch(const struct order *order, uint16_t id);

/* Marks the oldest @count chains as completed; order_take() then returns them one by one. */
void order_complete(struct order *order, unsigned count, uint32_t len);

/**
 * order_take - Remove the oldest chain; it must be completed
 * @used: receives its head and length. Inside a batch only the last chain has a length:
 *	RING_LEN_UNKNOWN for the others
 *
 * Return: its id.
 */
uint16_t order_take(struct order *order, struct ring_used *used);

#endif
