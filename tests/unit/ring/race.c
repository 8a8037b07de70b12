/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the races. The main thread is the driver, the other one the device. */
#include <pthread.h>
#include <stdatomic.h>

#include "bed.h"
#include "race.h"
#include "ring.h"
#include "util/clock.h"

/*
 * A ring so small that indices and event fields are in one cache line: a thread that polls the one
 * has an old copy of the other in its cache, which is what makes a missing fence show.
 */
#define SMALL 4u

/* A ring, and the bed of the side that sleeps. */
struct course {
	struct bed b;
	struct race *race;
	_Atomic uint64_t sent;   /* wake-ups sent */
	_Atomic uint64_t asleep; /* 1 + wake-ups had, 0: awake */
	atomic_bool stop;
	atomic_uint lost;
	uint64_t had; /* wakeups that the sleeping thread had */
	uint64_t random;
	uint64_t limit;
	const char *broken;
};

/* Lets some time pass, so that the two sides meet at every distance from each other. */
static void jitter(uint64_t *random)
{
	unsigned turns = bed_random(random, 1024);

	while (turns--)
		__asm__ volatile("" ::: "memory");
}

static void sleep_until_woken(struct course *c)
{
	unsigned spins = 0;

	atomic_store(&c->asleep, c->had + 1);
	while (atomic_load(&c->sent) == c->had && !atomic_load(&c->stop))
		clock_relax(&spins);
	atomic_store(&c->asleep, 0);
	c->had = atomic_load(&c->sent);
}

static void wake(struct course *c)
{
	atomic_fetch_add(&c->sent, 1);
}

/* Whether the other thread sleeps and every wakeup has reached it. */
static bool sleeps_soundly(struct course *c)
{
	return atomic_load(&c->asleep) == atomic_load(&c->sent) + 1;
}

static void note_loss(struct course *c)
{
	atomic_fetch_add(&c->lost, 1);
	wake(c);
}

static bool goes_on(struct course *c)
{
	struct race *race = c->race;

	if (race->done == race->rounds || atomic_load(&c->stop))
		return false;
	return race->done % 256 || clock_ns() < c->limit;
}

/* Chains come in the order of their numbers, complete: the device sees no index before them. */
static void serve(struct course *c, uint64_t *serial, bool can_wake)
{
	struct bed_chain chain;

	while (bed_device_take(&c->b, &chain)) {
		const struct cell *cell = chain.elems[0].at;

		if (cell->request != ++*serial)
			c->broken = "R-SPLIT-32: a chain was visible before its descriptor";
		bed_give(&c->b, &chain, (uint32_t)*serial);
		if (device_show(&c->b.dev) && can_wake)
			wake(c);
	}
}

static void *sleepy_device(void *arg)
{
	struct course *c = arg;
	uint64_t random = 7;
	uint64_t serial = 0;

	while (!atomic_load(&c->stop)) {
		serve(c, &serial, false);
		jitter(&random);
		if (device_sleep(&c->b.dev))
			sleep_until_woken(c);
		device_poll_mode(&c->b.dev);
	}
	return NULL;
}

static void *wakeful_device(void *arg)
{
	struct course *c = arg;
	uint64_t serial = 0;
	unsigned spins = 0;

	device_poll_mode(&c->b.dev);
	while (!atomic_load(&c->stop)) {
		bool asleep = sleeps_soundly(c);
		uint64_t before = serial;

		/* It published before it fell asleep: no chain now means that it waits in vain. */
		serve(c, &serial, true);
		if (serial != before)
			spins = 0;
		else if (asleep && serial)
			note_loss(c);
		else
			clock_relax(&spins);
	}
	return NULL;
}

static void push_some(struct course *c)
{
	unsigned count = 1 + bed_random(&c->random, c->race->batch);

	while (count--)
		bed_push(&c->b, 1);
}

/*
 * A driver that polls a split ring has the device's request at hand, old. That of a packed one is
 * in a line of its own: it is fetched, so that the load that must not come early could.
 */
static void fetch_request(struct course *c)
{
	if (c->race->packed)
		__atomic_load_n((const uint32_t *)(const void *)c->b.packed.device,
				__ATOMIC_RELAXED);
}

static unsigned reap_all(struct course *c)
{
	struct ring_used used;
	unsigned count = 0;

	while (bed_reap(&c->b, &used))
		count++;
	return count;
}

/* One round of the driver that polls: all chains out and all back. */
static void drive_polling(struct course *c)
{
	unsigned spins = 0;

	push_some(c);
	fetch_request(c);
	if (bed_publish(&c->b))
		wake(c);
	while (bed_out(&c->b)) {
		if (reap_all(c)) {
			spins = 0;
			continue;
		}
		/* It sleeps, has had every wake-up, and after that there is still nothing. */
		if (sleeps_soundly(c) && !bed_pending(&c->b))
			note_loss(c);
		clock_relax(&spins);
	}
	jitter(&c->random);
}

/* One round of the driver that sleeps while its chains are out. */
static void drive_sleeping(struct course *c)
{
	push_some(c);
	bed_publish(&c->b);
	while (bed_out(&c->b) && !atomic_load(&c->stop)) {
		reap_all(c);
		jitter(&c->random);
		if (bed_out(&c->b) && !bed_arm(&c->b))
			sleep_until_woken(c);
		bed_disarm(&c->b);
	}
}

static void run(struct race *race, void *(*device)(void *), void (*drive)(struct course *))
{
	const struct bed_opts opts = {
		.size = race->batch > SMALL ? 32 : SMALL,
		.run = 1,
		.packed = race->packed,
		.event_idx = race->event_idx,
		.fast = true,
		.threads = true,
	};
	struct course c = {.race = race, .random = 3};
	pthread_t thread;

	bed_open(&c.b, &opts);
	c.limit = clock_ns() + UINT64_C(1000000000) * race->seconds;
	assert_int_equal(pthread_create(&thread, NULL, device, &c), 0);
	for (race->done = 0; goes_on(&c); race->done++)
		drive(&c);
	atomic_store(&c.stop, true);
	pthread_join(thread, NULL);
	race->lost = atomic_load(&c.lost);
	race->woken = atomic_load(&c.sent) - race->lost;
	race->broken = c.broken;
	bed_close(&c.b);
}

void race_device_sleeps(struct race *race)
{
	run(race, sleepy_device, drive_polling);
}

void race_driver_sleeps(struct race *race)
{
	run(race, wakeful_device, drive_sleeping);
}
