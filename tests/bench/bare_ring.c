/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rate that two threads reach when they hand 16-byte entries through a pair of rings in plain
 * memory and do nothing else: what this machine gives at best. Other rates are told as a ratio to
 * it. Arguments: how many entries may be under way, and for how many seconds. Prints entries a
 * second.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ENTRIES 1024u

struct entry {
	uint64_t addr;
	uint32_t len;
	uint32_t id;
};

/* One direction: the index is on a cache line of its own, like the two indices of a virtqueue. */
struct lane {
	_Alignas(64) _Atomic uint32_t index;
	_Alignas(64) struct entry entries[ENTRIES];
};

static struct lane there, back;
static atomic_bool stop;

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/*
 * Moves the calling thread to the @nth processor that the process may use: left to itself the
 * scheduler may run both threads on one, and each then spins for its whole time slice.
 */
static void pin(int nth)
{
	cpu_set_t allowed, one;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed) || nth--)
			continue;
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

/* Copies whatever arrived to the other lane, and publishes a batch with one store. */
static void *device(void *arg)
{
	uint32_t taken = 0;

	(void)arg;
	pin(1);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		uint32_t index = atomic_load_explicit(&there.index, memory_order_acquire);

		for (; taken != index; taken++)
			back.entries[taken % ENTRIES] = there.entries[taken % ENTRIES];
		atomic_store_explicit(&back.index, index, memory_order_release);
	}
	return NULL;
}

/* Keeps @depth entries under way until @end; returns how many came back. */
static uint64_t drive(uint32_t depth, double end)
{
	uint64_t done = 0;
	uint32_t sent = 0;
	uint32_t seen = 0;

	for (unsigned round = 0; round % 1024 || seconds_now() < end; round++) {
		uint32_t index = atomic_load_explicit(&back.index, memory_order_acquire);

		for (; seen != index; seen++)
			done += back.entries[seen % ENTRIES].id == seen;
		for (; sent - seen < depth; sent++)
			there.entries[sent % ENTRIES] = (struct entry){sent * 4096u, 4096, sent};
		atomic_store_explicit(&there.index, sent, memory_order_release);
	}
	return done;
}

int main(int argc, char **argv)
{
	uint32_t depth = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 32;
	double seconds = argc > 2 ? strtod(argv[2], NULL) : 2;
	pthread_t thread;
	double begin;
	uint64_t done;

	if (!depth || depth > ENTRIES || pthread_create(&thread, NULL, device, NULL) != 0) {
		fprintf(stderr, "usage: bare_ring DEPTH SECONDS, with a depth of 1 to %u\n",
			ENTRIES);
		return 2;
	}
	pin(0);
	begin = seconds_now();
	done = drive(depth, begin + seconds);
	printf("%.0f\n", (double)done / (seconds_now() - begin));
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	return 0;
}
