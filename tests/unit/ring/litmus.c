/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Three litmus programs for the order that the ring's index words make: two threads, one at each
 * end of a ring, and memory that both touch with plain accesses, so that nothing but the ring keeps
 * them apart. ThreadSanitizer judges; litmus.py says what it has to find. The program is built
 * three times: as it is, and with all of the ring's releases, or all of its acquires, made relaxed.
 *
 * Fences are not looked at here, as ThreadSanitizer knows none: see sleep.c and nofence.c.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WEAK_RELEASE
#undef __ATOMIC_RELEASE
#define __ATOMIC_RELEASE __ATOMIC_RELAXED
#endif
#ifdef WEAK_ACQUIRE
#undef __ATOMIC_ACQUIRE
#define __ATOMIC_ACQUIRE __ATOMIC_RELAXED
#endif

/* Behind the above on purpose: the driver's side is inline and takes what stands there. */
#include "ring/packed.h"
#include "ring/split.h"

#include "device.h"
#include "peer.h"

#define SIZE 8u

/*
 * A ring, and what one chain carries. The device's side is compiled elsewhere and never weakened.
 */
struct litmus {
	struct split_ring ring;
	struct ring_device dev;
	uint64_t *request;
	uint64_t *answer;
};

/* Volatile: a value that nobody needs would not be read at all. */
static volatile uint64_t seen;

static uint16_t await_chain(struct litmus *t)
{
	uint16_t head;

	while (!device_take(&t->dev, &head))
		sched_yield();
	return head;
}

static void *device_reads_request(void *arg)
{
	struct litmus *t = arg;

	await_chain(t);
	seen = *t->request;
	return NULL;
}

static void *device_writes_answer(void *arg)
{
	struct litmus *t = arg;
	uint16_t head = await_chain(t);

	*t->answer = 2;
	device_use(&t->dev, head, 1);
	device_show(&t->dev);
	return NULL;
}

static void push_one(struct litmus *t)
{
	split_push(&t->ring, 0);
	split_publish(&t->ring);
}

static void driver_writes_request(struct litmus *t)
{
	*t->request = 1;
	push_one(t);
}

static void driver_reads_answer(struct litmus *t)
{
	struct ring_used used;

	push_one(t);
	while (split_pending(&t->ring) == 0)
		sched_yield();
	if (split_take(&t->ring, &used) || used.head != 0)
		abort();
	seen = *t->answer;
}

/* The answer is that of the request before; what is sent now makes its memory the device's. */
static void driver_recycles_answer(struct litmus *t)
{
	seen = *t->answer;
	push_one(t);
}

static const struct {
	const char *name;
	void *(*device)(void *);
	void (*driver)(struct litmus *);
} programs[] = {
	{"request", device_reads_request, driver_writes_request},
	{"answer", device_writes_answer, driver_reads_answer},
	{"recycle", device_writes_answer, driver_recycles_answer},
};

/* The same three on a packed ring. */
struct packed_litmus {
	struct packed_ring ring;
	struct peer peer;
	uint64_t *request;
	uint64_t *answer;
};

static void await_packed(struct packed_litmus *t, struct peer_chain *chain)
{
	while (!peer_take(&t->peer, chain))
		sched_yield();
}

static void *packed_device_reads_request(void *arg)
{
	struct packed_litmus *t = arg;
	struct peer_chain chain;

	await_packed(t, &chain);
	seen = *t->request;
	return NULL;
}

static void *packed_device_writes_answer(void *arg)
{
	struct packed_litmus *t = arg;
	struct peer_chain chain;

	await_packed(t, &chain);
	*t->answer = 2;
	peer_check(&t->peer, &chain);
	peer_use(&t->peer, &chain, 1);
	return NULL;
}

static void push_packed(struct packed_litmus *t)
{
	static const struct vring_desc chain;

	packed_push(&t->ring, &chain, 0);
	packed_publish(&t->ring);
}

static void packed_driver_writes_request(struct packed_litmus *t)
{
	*t->request = 1;
	push_packed(t);
}

static void packed_driver_reads_answer(struct packed_litmus *t)
{
	struct ring_used used;

	push_packed(t);
	while (packed_pending(&t->ring) == 0)
		sched_yield();
	if (packed_take(&t->ring, &used) || used.head != 0)
		abort();
	seen = *t->answer;
}

static void packed_driver_recycles_answer(struct packed_litmus *t)
{
	seen = *t->answer;
	push_packed(t);
}

static const struct {
	const char *name;
	void *(*device)(void *);
	void (*driver)(struct packed_litmus *);
} packed_programs[] = {
	{"packed-request", packed_device_reads_request, packed_driver_writes_request},
	{"packed-answer", packed_device_writes_answer, packed_driver_reads_answer},
	{"packed-recycle", packed_device_writes_answer, packed_driver_recycles_answer},
};

static void run_packed(void *(*device)(void *), void (*driver)(struct packed_litmus *))
{
	struct packed_layout layout = packed_layout(SIZE);
	void *mem = aligned_alloc(CACHE_LINE, layout.bytes);
	struct packed_litmus t;
	pthread_t thread;

	memset(&t, 0, sizeof(t));
	t.request = calloc(1, CACHE_LINE);
	t.answer = calloc(1, CACHE_LINE);
	if (!mem || !t.request || !t.answer || packed_init(&t.ring, mem, SIZE, false, false))
		abort();
	t.peer = (struct peer){.desc = t.ring.desc,
			       .driver = t.ring.driver,
			       .device = t.ring.device,
			       .size = SIZE,
			       .packed = true};
	peer_attach(&t.peer);
	if (pthread_create(&thread, NULL, device, &t))
		abort();
	driver(&t);
	pthread_join(thread, NULL);
	if (t.peer.broken)
		abort();
	peer_detach(&t.peer);
	packed_fini(&t.ring);
	free(t.request);
	free(t.answer);
	free(mem);
}

static void run(void *(*device)(void *), void (*driver)(struct litmus *))
{
	struct split_layout layout = split_layout(SIZE);
	void *mem = aligned_alloc(CACHE_LINE, layout.bytes);
	struct litmus t;
	pthread_t thread;

	memset(&t, 0, sizeof(t));
	t.request = calloc(1, CACHE_LINE);
	t.answer = calloc(1, CACHE_LINE);
	if (!mem || !t.request || !t.answer || split_init(&t.ring, mem, SIZE, false))
		abort();
	device_attach(&t.dev, t.ring.desc, t.ring.avail, t.ring.used, SIZE, false);
	if (pthread_create(&thread, NULL, device, &t))
		abort();
	driver(&t);
	pthread_join(thread, NULL);
	if (t.dev.broken)
		abort();
	device_detach(&t.dev);
	split_fini(&t.ring);
	free(t.request);
	free(t.answer);
	free(mem);
}

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc == 2 && i < ARRAY_LEN(programs); i++) {
		if (strcmp(argv[1], programs[i].name) == 0) {
			run(programs[i].device, programs[i].driver);
			return 0;
		}
	}
	for (i = 0; argc == 2 && i < ARRAY_LEN(packed_programs); i++) {
		if (strcmp(argv[1], packed_programs[i].name) == 0) {
			run_packed(packed_programs[i].device, packed_programs[i].driver);
			return 0;
		}
	}
	fprintf(stderr, "usage: %s [packed-]request|answer|recycle\n", argv[0]);
	return 2;
}
