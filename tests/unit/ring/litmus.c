/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Litmus programs for the order that the ring's index words and flags make: two threads, one at
 * each end of a ring, and memory that both touch with plain accesses, so that nothing but the ring
 * keeps them apart. ThreadSanitizer decides; litmus.py says what it has to find. The driver's side
 * is built three times: as it is, and with all of the ring's releases, or all of its acquires, made
 * relaxed by weak.h.
 *
 * The driver calls what the library calls: chains go out as vscsi_submit() publishes them, and come
 * back in each of the ways in which vscsi_poll() and the control queue take them. Fences are not
 * looked at here, as ThreadSanitizer knows none: see fence.c.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/ring.h"
#include "ring/packed.h"
#include "ring/split.h"

#define SIZE 8u
#define MOST 2u

/**
 * struct litmus - A ring, and what its chains carry
 * @dev: the device's side, which is compiled apart and never weakened
 * @count: chains
 * @requests, @answers: for each chain
 */
struct litmus {
	bool is_packed;
	bool in_order;
	struct split_ring split;
	struct packed_ring packed;
	struct ring_device dev;
	unsigned count;
	uint64_t *requests[MOST];
	uint64_t *answers[MOST];
};

/* Volatile: the compiler would drop the load of an unused value. */
static volatile uint64_t seen;

static void await_chain(struct litmus *t, struct device_chain *chain)
{
	struct device_elem elem;

	while (!device_take(&t->dev, chain, &elem))
		sched_yield();
}

static void *device_reads(void *arg)
{
	struct litmus *t = arg;
	struct device_chain chain;
	unsigned i;

	for (i = 0; i < t->count; i++) {
		await_chain(t, &chain);
		seen = *t->requests[i];
	}
	return NULL;
}

/* Each chain is shown by itself: the next one may still be on its way then. */
static void *device_answers(void *arg)
{
	struct litmus *t = arg;
	struct device_chain chain;
	unsigned i;

	for (i = 0; i < t->count; i++) {
		await_chain(t, &chain);
		*t->answers[i] = 2;
		device_give(&t->dev, &chain, 1);
		device_show(&t->dev);
	}
	return NULL;
}

/* One used entry for all of them. */
static void *device_answers_batch(void *arg)
{
	struct litmus *t = arg;
	struct device_chain chains[MOST];
	unsigned i;

	for (i = 0; i < t->count; i++) {
		await_chain(t, &chains[i]);
		*t->answers[i] = 2;
	}
	device_give_batch(&t->dev, chains, t->count, 1);
	device_show(&t->dev);
	return NULL;
}

static struct vring_desc descriptor_of(const struct litmus *t, unsigned i)
{
	return (struct vring_desc){
		.addr = htole64((uintptr_t)t->requests[i]),
		.len = htole32(sizeof(uint64_t)),
	};
}

static void push_packed(struct litmus *t, uint16_t head)
{
	const struct vring_desc chain = descriptor_of(t, head);
	struct vring_packed_desc one = {chain.addr, chain.len, htole16(head), 0};

	if (t->in_order)
		packed_push(&t->packed, &chain, head);
	else
		packed_push_one(&t->packed, &one, head);
}

/* @offer: as request queues do, which know by themselves what the device has. */
static void push_split(struct litmus *t, uint16_t head, bool offer)
{
	const struct vring_desc chain = descriptor_of(t, head);

	if (t->in_order)
		split_push_in_order(&t->split, &chain, head);
	else if (offer)
		split_push_untracked(&t->split, head);
	else
		split_push(&t->split, head);
}

static void publish(struct litmus *t, bool offer)
{
	unsigned i;

	for (i = 0; i < t->count; i++) {
		if (t->is_packed)
			push_packed(t, (uint16_t)i);
		else
			push_split(t, (uint16_t)i, offer);
	}
	if (t->is_packed)
		packed_publish(&t->packed);
	else
		split_publish(&t->split);
}

static void driver_requests(struct litmus *t)
{
	unsigned i;

	for (i = 0; i < t->count; i++)
		*t->requests[i] = 1;
	publish(t, true);
}

/* The answers are those of requests before; what is sent now makes their memory the device's. */
static void driver_recycles(struct litmus *t)
{
	unsigned i;

	for (i = 0; i < t->count; i++)
		seen = *t->answers[i];
	publish(t, true);
}

static unsigned await_pending(struct litmus *t)
{
	int pending;

	do {
		sched_yield();
		pending = t->is_packed ? packed_pending(&t->packed) : split_pending(&t->split);
	} while (!pending);
	if (pending < 0)
		abort();
	return (unsigned)pending;
}

static void read_answer(struct litmus *t, struct ring_used used)
{
	if (used.head >= t->count)
		abort();
	seen = *t->answers[used.head];
}

/* As the control and the event queue, and what vscsi_poll() does with rings in order. */
static void driver_takes(struct litmus *t)
{
	struct ring_used used;
	unsigned i;
	int err;

	publish(t, false);
	for (i = 0; i < t->count; i++) {
		await_pending(t);
		if (t->is_packed)
			err = packed_take(&t->packed, &used);
		else if (t->in_order)
			err = split_take_in_order(&t->split, &used);
		else
			err = split_take(&t->split, &used);
		if (err)
			abort();
		read_answer(t, used);
	}
}

static void read_split(struct litmus *t)
{
	unsigned left = t->count;

	while (left) {
		unsigned run = split_run(&t->split, await_pending(t));
		const struct vring_used_elem *reader = split_reader(&t->split);
		unsigned i;

		for (i = 0; i < run; i++)
			read_answer(t, split_read(&reader));
		split_read_end(&t->split, run);
		left -= run;
	}
}

/* The first entry was seen by packed_pending(); of those after it only packed_read() knows. */
static void read_packed(struct litmus *t)
{
	struct packed_reader reader;
	struct packed_reader next;
	struct ring_used used;
	unsigned done = 0;

	await_pending(t);
	reader = packed_reader(&t->packed);
	while (done < packed_run(&t->packed, t->count)) {
		next = reader;
		if (!packed_read(&next, &used)) {
			sched_yield();
			continue;
		}
		read_answer(t, used);
		reader = next;
		done++;
	}
	packed_read_end(&t->packed, done);
}

/* As vscsi_poll() takes many: looks once, and reads entry after entry. */
static void driver_reads(struct litmus *t)
{
	publish(t, true);
	if (t->is_packed)
		read_packed(t);
	else
		read_split(t);
}

/* @ahead: as vscsi_poll() itself does; else as polls of other layouts. */
static void read_one_split(struct litmus *t, bool ahead)
{
	const struct vring_used_elem *reader = split_reader(&t->split);

	while (ahead ? split_ahead(&t->split) != 1 : !split_has_one(&t->split))
		sched_yield();
	read_answer(t, split_read(&reader));
	split_read_end(&t->split, 1);
}

static void read_one_packed(struct litmus *t)
{
	struct packed_reader reader = packed_reader(&t->packed);
	struct ring_used used;

	while (!packed_has_one(&t->packed))
		sched_yield();
	if (!packed_read(&reader, &used))
		abort();
	read_answer(t, used);
	packed_read_end(&t->packed, 1);
}

/* As vscsi_poll() takes one that is alone. */
static void driver_reads_one(struct litmus *t)
{
	publish(t, true);
	if (t->is_packed)
		read_one_packed(t);
	else
		read_one_split(t, false);
}

static void driver_reads_ahead(struct litmus *t)
{
	publish(t, true);
	if (t->is_packed)
		read_one_packed(t);
	else
		read_one_split(t, true);
}

static const struct {
	const char *name;
	void *(*device)(void *);
	void (*driver)(struct litmus *);
	unsigned count;
	bool in_order;
} programs[] = {
	{"request", device_reads, driver_requests, MOST, false},
	{"recycle", device_answers, driver_recycles, MOST, false},
	{"take", device_answers, driver_takes, MOST, false},
	{"read", device_answers, driver_reads, MOST, false},
	{"read-one", device_answers, driver_reads_one, 1, false},
	{"read-ahead", device_answers, driver_reads_ahead, 1, false},
	{"in-order", device_answers_batch, driver_takes, MOST, true},
};

static void *get(size_t bytes)
{
	void *memory = aligned_alloc(CACHE_LINE, align_up(bytes, CACHE_LINE));

	if (!memory)
		abort();
	return memory;
}

static void *start_split(struct litmus *t)
{
	void *mem = get(split_layout(SIZE).bytes);
	unsigned i;

	if (split_init(&t->split, mem, SIZE, false) ||
	    (t->in_order && split_use_in_order(&t->split)))
		abort();
	for (i = 0; i < t->count; i++)
		t->split.desc[i] = descriptor_of(t, i);
	t->dev.desc = t->split.desc;
	t->dev.driver = t->split.avail;
	t->dev.device = t->split.used;
	return mem;
}

static void *start_packed(struct litmus *t)
{
	void *mem = get(packed_layout(SIZE).bytes);

	if (packed_init(&t->packed, mem, SIZE, false, t->in_order))
		abort();
	t->dev.desc = t->packed.desc;
	t->dev.driver = t->packed.driver;
	t->dev.device = t->packed.device;
	return mem;
}

static void run(struct litmus *t, void *(*device)(void *), void (*driver)(struct litmus *))
{
	pthread_t thread;
	unsigned i;
	void *mem;

	for (i = 0; i < t->count; i++) {
		t->requests[i] = get(sizeof(uint64_t));
		t->answers[i] = get(sizeof(uint64_t));
		*t->requests[i] = *t->answers[i] = 0;
	}
	mem = t->is_packed ? start_packed(t) : start_split(t);
	t->dev.size = SIZE;
	t->dev.packed = t->is_packed;
	t->dev.in_order = t->in_order;
	t->dev.max_elems = 1;
	device_attach(&t->dev);
	if (pthread_create(&thread, NULL, device, t))
		abort();
	driver(t);
	pthread_join(thread, NULL);
	if (t->dev.broken)
		abort();
	device_detach(&t->dev);
	if (t->is_packed)
		packed_fini(&t->packed);
	else
		split_fini(&t->split);
	for (i = 0; i < t->count; i++) {
		free(t->requests[i]);
		free(t->answers[i]);
	}
	free(mem);
}

int main(int argc, char **argv)
{
	struct litmus t;
	size_t i;

	memset(&t, 0, sizeof(t));
	for (i = 0; argc == 3 && i < ARRAY_LEN(programs); i++) {
		if (strcmp(argv[2], programs[i].name) != 0)
			continue;
		t.is_packed = strcmp(argv[1], "packed") == 0;
		t.in_order = programs[i].in_order;
		t.count = programs[i].count;
		run(&t, programs[i].device, programs[i].driver);
		return 0;
	}
	fprintf(stderr,
		"usage: %s split|packed request|recycle|take|read|read-one|read-ahead|in-order\n",
		argv[0]);
	return 2;
}
