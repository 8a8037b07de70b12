/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rate of several threads that share nothing but the device: each has a queue of its own and
 * plays the device for it, so that one processor is enough for each. One line of JSON for each
 * number of queues of each turn; "share" is the least share of the time that one of them had a
 * processor. Arguments: milliseconds, turns, and the numbers of queues.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_device.h"
#include "load.h"
#include "threads.h"

#define DEPTH 32u

/* Queues besides those of the threads: the one for sharing, and that of the load itself. */
#define OTHERS 2u

/* Turns that there are however long they take; more only while others don't hold them up. */
#define LEAST_TURNS 3u

struct driver {
	pthread_t thread;
	struct load *load;
	pthread_barrier_t *ready;
	unsigned number;
	double seconds;
	double rate;
	double share;
};

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, vscsi_last_error());
	exit(1);
}

static void batch(struct driver *driver, struct vscsi_queue *queue, unsigned index, uint64_t done)
{
	struct vscsi_completion out[DEPTH];

	for (unsigned i = 0; i < DEPTH; i++) {
		if (load_read(driver->load, queue, done + i))
			fail("a read was refused");
	}
	vscsi_submit(queue);
	fake_device_serve(index, DEPTH);
	if (vscsi_poll(queue, out, DEPTH) != (int)DEPTH)
		fail("a read didn't come back");
	for (unsigned i = 0; i < DEPTH; i++) {
		if (out[i].result)
			fail("a read failed");
	}
}

static void *drive(void *arg)
{
	struct driver *driver = arg;
	struct vscsi_queue *queue;
	uint64_t done = 0;
	unsigned index;
	double begin, own;

	threads_pin(driver->number);
	if (load_queue(driver->load, &queue))
		fail("opening a queue");
	index = load_queue_index(queue);
	pthread_barrier_wait(driver->ready);
	begin = clock_seconds();
	own = clock_thread_seconds();
	do {
		for (unsigned i = 0; i < 16; i++, done += DEPTH)
			batch(driver, queue, index, done);
	} while (clock_seconds() < begin + driver->seconds);
	begin = clock_seconds() - begin;
	driver->rate = (double)done / begin;
	driver->share = (clock_thread_seconds() - own) / begin;
	vscsi_queue_close(queue);
	return NULL;
}

/* Prints the sum of what all threads reached together. */
static void measure(struct load *load, unsigned count, double seconds)
{
	struct driver *drivers = calloc(count, sizeof(*drivers));
	pthread_barrier_t ready;
	double share = 1;
	double rate = 0;

	if (!drivers)
		exit(1);
	pthread_barrier_init(&ready, NULL, count);
	for (unsigned i = 0; i < count; i++) {
		drivers[i] = (struct driver){
			.load = load, .ready = &ready, .number = i, .seconds = seconds};
		if (pthread_create(&drivers[i].thread, NULL, drive, &drivers[i]))
			exit(1);
	}
	for (unsigned i = 0; i < count; i++) {
		pthread_join(drivers[i].thread, NULL);
		rate += drivers[i].rate;
		if (drivers[i].share < share)
			share = drivers[i].share;
	}
	pthread_barrier_destroy(&ready);
	free(drivers);
	printf("{\"queues\": %u, \"rate\": %.0f, \"share\": %.3f}\n", count, rate, share);
}

int main(int argc, char **argv)
{
	struct load_opts opts = {.queues = OTHERS, .luns = 1, .segs = 1};
	double seconds = argc > 1 ? strtod(argv[1], NULL) / 1e3 : 0;
	unsigned turns = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	struct load load;
	double limit;

	for (int i = 3; i < argc; i++) {
		unsigned count = (unsigned)strtoul(argv[i], NULL, 10);

		if (!count || count > FAKE_QUEUES - OTHERS)
			turns = 0;
		else if (opts.queues < OTHERS + count)
			opts.queues = OTHERS + count;
	}
	if (!turns || argc < 4) {
		fprintf(stderr, "usage: bench-queues MS TURNS QUEUES..., at most %u queues\n",
			FAKE_QUEUES - OTHERS);
		return 2;
	}
	threads_processors();
	if (load_open(&load, &opts))
		fail("opening the device");
	limit = clock_seconds() + 2 * (argc - 3) * turns * seconds;
	for (unsigned turn = 0; turn < turns && (turn < LEAST_TURNS || clock_seconds() < limit);
	     turn++) {
		for (int i = 3; i < argc; i++)
			measure(&load, (unsigned)strtoul(argv[i], NULL, 10), seconds);
	}
	load_close(&load);
	return 0;
}
