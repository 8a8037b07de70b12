/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rates of two threads, driver and device, each on a CPU of its own: the bare ring and the library
 * against the fake device, in turns. The device behaves like a real one: some 70 ns of work for
 * each request, and one store of the used index. The driver either polls eagerly, without a pause,
 * or backs off: after an empty poll it leaves the lines that the device writes alone, until the
 * device may have completed a quarter of what is in flight.
 *
 * One line of JSON for each turn. Its "share" is the least share of the time that either thread had
 * its CPU: below 1 others were at work, and the turn's rates say little. Its "idle" is the share of
 * the eager driver's polls that found nothing: near 0 the driver is the slower side.
 *
 *   bench-rate ring DEPTH MS TURNS    bare ring, library, word: by turns; fewer of them where
 *                                     others are at work and each takes much longer
 *   bench-rate bare DEPTH MS TURNS    the bare ring alone
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare.h"
#include "fake_device.h"
#include "fake_disk.h"
#include "load.h"
#include "threads.h"
#include "work.h"

/* Turns that there are however long they take. */
#define LEAST_TURNS 3u

/* The device's work for a request, in nanoseconds; walking the chain comes on top. */
#define DEVICE_NS 65.0

struct rate {
	struct load load;
	unsigned queue;
	unsigned depth;
	unsigned rounds; /* of work() for each request, by the device */
	double seconds;
	double share;
	double idle;
};

/* A thread that is a device until it is told to stop. */
struct device {
	pthread_t thread;
	void (*serve)(const atomic_bool *stop, unsigned rounds);
	unsigned queue;
	unsigned rounds;
	double share;
	_Alignas(64) atomic_bool stop;
	atomic_bool running;
};

/* The share of the time since @wall and @own were read that the thread has had a processor. */
static double share_since(double wall, double own)
{
	return (clock_thread_seconds() - own) / (clock_seconds() - wall);
}

static void *device_thread(void *arg)
{
	struct device *device = arg;
	double wall, own;

	threads_pin(1);
	atomic_store(&device->running, true);
	wall = clock_seconds();
	own = clock_thread_seconds();
	if (device->serve)
		device->serve(&device->stop, device->rounds);
	while (!atomic_load_explicit(&device->stop, memory_order_relaxed))
		fake_device_serve(device->queue, BARE_BATCH);
	device->share = share_since(wall, own);
	return NULL;
}

static void start(struct device *device)
{
	atomic_init(&device->stop, false);
	atomic_init(&device->running, false);
	if (pthread_create(&device->thread, NULL, device_thread, device)) {
		fprintf(stderr, "no thread to be had\n");
		exit(1);
	}
	while (!atomic_load(&device->running))
		;
}

static void stop(struct device *device)
{
	atomic_store(&device->stop, true);
	pthread_join(device->thread, NULL);
}

/* Takes what came back; a read that failed ends the program, as its rate would mean nothing. */
static unsigned collect(struct rate *rate)
{
	struct vscsi_completion done[LOAD_MAX_DEPTH];
	int count = vscsi_poll(rate->load.queue, done, LOAD_MAX_DEPTH);

	for (int i = 0; i < count; i++) {
		if (done[i].result)
			count = -1;
	}
	if (count < 0) {
		fprintf(stderr, "a read failed\n");
		exit(1);
	}
	return (unsigned)count;
}

static void prepare(struct rate *rate, unsigned count, uint64_t number)
{
	if (!count)
		return;
	for (unsigned i = 0; i < count; i++) {
		if (load_read(&rate->load, rate->load.queue, number + i)) {
			fprintf(stderr, "a read was refused\n");
			exit(1);
		}
	}
	vscsi_submit(rate->load.queue);
}

/* As bare_ring_drive(), through the library. Nothing is left in flight. */
static uint64_t library_drive(struct rate *rate, unsigned backoff, double end)
{
	unsigned inflight = 0;
	unsigned empty = 0;
	uint64_t done = 0;
	unsigned round;

	for (round = 0; round % 256 || !done || clock_seconds() < end; round++) {
		unsigned count = collect(rate);

		done += count;
		empty += !count;
		if (!count)
			work(backoff);
		inflight -= count;
		prepare(rate, rate->depth - inflight, done + inflight);
		inflight = rate->depth;
	}
	if (!backoff)
		rate->idle = (double)empty / round;
	for (uint64_t left = inflight; left;)
		left -= collect(rate);
	return done;
}

static void note_share(struct rate *rate, double share)
{
	if (share < rate->share)
		rate->share = share;
}

/* Operations a second of one turn. @serve NULL: the library's. */
static double turn(struct rate *rate, void (*serve)(const atomic_bool *stop, unsigned rounds),
		   unsigned backoff)
{
	/* Not on the stack: AddressSanitizer's frames are not aligned to a cache line. */
	static struct device device;
	double begin, end, own;
	uint64_t done;

	device = (struct device){.serve = serve, .queue = rate->queue, .rounds = rate->rounds};
	bare_reset();
	start(&device);
	begin = clock_seconds();
	own = clock_thread_seconds();
	end = begin + rate->seconds;
	if (!serve)
		done = library_drive(rate, backoff, end);
	else if (serve == bare_ring_serve)
		done = bare_ring_drive(rate->depth, backoff, end);
	else
		done = bare_word_drive(end);
	end = clock_seconds();
	note_share(rate, share_since(begin, own));
	stop(&device);
	note_share(rate, device.share);
	return (double)done / (end - begin);
}

/*
 * Nanoseconds that the device's own work for a read takes when all its lines are at hand: both
 * sides in one thread, the clock around the device.
 */
static double device_work(struct rate *rate)
{
	const unsigned batches = 200;
	double spent = 0;

	for (unsigned i = 0; i < batches; i++) {
		double begin;

		prepare(rate, LOAD_MAX_DEPTH, (uint64_t)i * LOAD_MAX_DEPTH);
		begin = clock_seconds();
		fake_device_serve(rate->queue, LOAD_MAX_DEPTH);
		spent += clock_seconds() - begin;
		if (collect(rate) != LOAD_MAX_DEPTH)
			exit(1);
	}
	return spent * 1e9 / (batches * LOAD_MAX_DEPTH);
}

static int measure_ring(struct rate *rate, unsigned turns)
{
	const struct load_opts opts = {.queues = 2, .luns = 1, .segs = 1};
	/* Five parts and the device's work make a turn. */
	double limit = clock_seconds() + 2 * 6 * turns * rate->seconds;
	unsigned backoff = rate->rounds * (rate->depth / 4);
	int err = load_open(&rate->load, &opts);

	if (err)
		fprintf(stderr, "failed with %d: %s\n", err, vscsi_last_error());
	if (!err)
		rate->queue = load_queue_index(rate->load.queue);
	fake_disk_work(rate->rounds);
	for (unsigned i = 0; !err && i < turns && (i < LEAST_TURNS || clock_seconds() < limit);
	     i++) {
		double bare, bare_backoff, library, library_backoff, word;

		rate->share = 1;
		bare = turn(rate, bare_ring_serve, 0);
		library = turn(rate, NULL, 0);
		bare_backoff = turn(rate, bare_ring_serve, backoff);
		library_backoff = turn(rate, NULL, backoff);
		word = turn(rate, bare_word_serve, 0);
		printf("{\"depth\": %u, \"bare\": %.0f, \"bare_backoff\": %.0f, "
		       "\"library\": %.0f, \"library_backoff\": %.0f, \"word\": %.0f, "
		       "\"share\": %.3f, \"idle\": %.3f, \"device_ns\": %.2f}\n",
		       rate->depth, bare, bare_backoff, library, library_backoff, word, rate->share,
		       rate->idle, device_work(rate));
	}
	load_close(&rate->load);
	return err ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct rate rate = {.depth = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0};
	unsigned turns = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
	bool bare = argc > 1 && !strcmp(argv[1], "bare");

	rate.seconds = argc > 3 ? strtod(argv[3], NULL) / 1e3 : 0;
	if (!turns || !rate.depth || rate.depth > BARE_MAX_DEPTH ||
	    (!bare && strcmp(argv[1], "ring") != 0)) {
		fprintf(stderr,
			"usage: bench-rate ring|bare DEPTH MS TURNS, with a depth of 1 to %u\n",
			BARE_MAX_DEPTH);
		return 2;
	}
	if (threads_processors() < 2) {
		fprintf(stderr, "this needs two processors\n");
		return 77;
	}
	threads_pin(1);
	rate.rounds = work_rounds(DEVICE_NS);
	threads_pin(0);
	if (!bare)
		return measure_ring(&rate, turns);
	for (unsigned i = 0; i < turns; i++)
		printf("{\"depth\": %u, \"bare\": %.0f}\n", rate.depth,
		       turn(&rate, bare_ring_serve, 0));
	return 0;
}
