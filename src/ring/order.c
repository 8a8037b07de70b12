/* SPDX-License-Identifier: BSD-3-Clause */
/* The queue of chains behind in-order use. All counters are 16 bits wide and wrap. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ring/order.h"

int order_init(struct order *order, unsigned size)
{
	unsigned places = 1;

	/* A power of two, so that counters that wrap find the same places again. */
	while (places < size)
		places *= 2;
	memset(order, 0, sizeof(*order));
	order->mask = (uint16_t)(places - 1);
	order->fifo = calloc(places, sizeof(*order->fifo));
	order->place = calloc(size, sizeof(*order->place));
	return order->fifo && order->place ? 0 : -ENOMEM;
}

void order_fini(struct order *order)
{
	free(order->fifo);
	free(order->place);
	order->fifo = NULL;
	order->place = NULL;
}

void order_push(struct order *order, uint16_t id, uint16_t head)
{
	struct order_entry *entry = &order->fifo[order->next & order->mask];

	entry->id = id;
	entry->head = head;
	order->place[id] = order->next++;
}

RING_READ_BY_OTHERS unsigned order_reach(const struct order *order, uint16_t id)
{
	uint16_t place = order->place[id];
	uint16_t before = (uint16_t)(place - order->first);

	/* The place may be from long ago: only the entry there says whose it is now. */
	if (before >= (uint16_t)(order->next - order->first) ||
	    order->fifo[place & order->mask].id != id)
		return 0;
	return before + 1u;
}

void order_end(struct order *order, unsigned count, uint32_t len)
{
	order->ended = (uint16_t)count;
	order->len = len;
}

uint16_t order_take(struct order *order, struct ring_used *used)
{
	const struct order_entry *entry = &order->fifo[order->first++ & order->mask];

	order->ended--;
	used->head = entry->head;
	used->len = order->ended ? 0 : order->len;
	return entry->id;
}
