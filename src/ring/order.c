/* SPDX-License-Identifier: BSD-3-Clause */
/* FIFO of the chains in flight, for IN_ORDER. All positions are 16 bits wide and wrap. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ring/order.h"

int order_init(struct order *order, unsigned size)
{
	unsigned entries = 1;

	/* A power of two, so that positions that wrap still map to the same entries. */
	while (entries < size)
		entries *= 2;
	memset(order, 0, sizeof(*order));
	order->mask = (uint16_t)(entries - 1);
	order->fifo = calloc(entries, sizeof(*order->fifo));
	order->position = calloc(size, sizeof(*order->position));
	return order->fifo && order->position ? 0 : -ENOMEM;
}

void order_fini(struct order *order)
{
	free(order->fifo);
	free(order->position);
	order->fifo = NULL;
	order->position = NULL;
}

void order_push(struct order *order, uint16_t id, uint16_t head)
{
	struct order_entry *entry = &order->fifo[order->next & order->mask];

	entry->id = id;
	entry->head = head;
	order->position[id] = order->next++;
}

unsigned order_batch(const struct order *order, uint16_t id)
{
	uint16_t position = order->position[id];
	uint16_t before = (uint16_t)(position - order->first);

	/* The recorded position may be outdated: the entry there tells which id it holds now. */
	if (before >= (uint16_t)(order->next - order->first) ||
	    order->fifo[position & order->mask].id != id)
		return 0;
	return before + 1u;
}

void order_complete(struct order *order, unsigned count, uint32_t len)
{
	order->completed = (uint16_t)count;
	order->len = len;
}

uint16_t order_take(struct order *order, struct ring_used *used)
{
	const struct order_entry *entry = &order->fifo[order->first++ & order->mask];

	order->completed--;
	used->head = entry->head;
	used->len = order->completed ? RING_LEN_UNKNOWN : order->len;
	return entry->id;
}
