/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the races. The main thread is the driver, the other one the device. */
#include <pthread.h>
#include <stdatomic.h>

#include "race.h"
#include "ring.h"
#include "util/clock.h"

/*
 * A ring so small that indices and event fields are in one cache line: who polls the one has the
 * other at hand, old, which is what makes a missing fence show.
 */
#define SMALL 4u

/* A ring, and the bed of the side that sleeps. */
struct course {
	struct pair p;
	struct race *race;
	_Atomic uint64_t sent;   /* wake-ups sent */
	_Atomic uint64_t asleep; /* 1 + wake-ups had, 0: awake */
	atomic_bool stop;
	atomic_uint lost;
	uint64_t had; /* wake-ups that the sleeper had */
	uint64_t random;
	uint64_t limit;
	const char *broken;
};

/* Lets some time pass, so that the two sides meet at every distance from each other. */
static void jitter(uint64_t *random)
{
	unsigned turns = pair_random(random, 1024);

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

/* Whether the sleeper sleeps and every wake-up has reached it. */
static bool sleeps_soundly(struct course *c)
{
	return atomic_load(&c->asleep) == atomic_load(&c->sent) + 1;
}

static void note_loss(struct course *c)
{
	atomic_fetch_add(&c->lost, 1);
	if (c->race->stop_at_loss)
		atomic_store(&c->stop, true);
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
	struct ring_device *dev = &c->p.dev;
	uint16_t head;

	while (device_take(dev, &head)) {
		if (le64toh(dev->desc[head].addr) != ++*serial)
			c->broken = "R-SPLIT-32: a chain was visible before its descriptor";
		device_use(dev, head, (uint32_t)*serial);
		if (device_show(dev) && can_wake)
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
		if (device_sleep(&c->p.dev))
			sleep_until_woken(c);
		device_poll_mode(&c->p.dev);
	}
	return NULL;
}

static void *wakeful_device(void *arg)
{
	struct course *c = arg;
	uint64_t serial = 0;
	unsigned spins = 0;

	device_poll_mode(&c->p.dev);
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

/* One round of the driver that polls: all chains out and all back. */
static void drive_polling(struct course *c)
{
	unsigned spins = 0;

	pair_push_many(&c->p, 1 + pair_random(&c->random, c->race->batch));
	if (split_publish(&c->p.ring))
		wake(c);
	while (pair_out(&c->p)) {
		if (pair_reap_all(&c->p)) {
			spins = 0;
			continue;
		}
		/* It sleeps, has had every wake-up, and after that there is still nothing. */
		if (sleeps_soundly(c) && !split_pending(&c->p.ring)) {
			note_loss(c);
			if (c->race->stop_at_loss)
				return;
		}
		clock_relax(&spins);
	}
	jitter(&c->random);
}

/* One round of the driver that sleeps while its chains are out. */
static void drive_sleeping(struct course *c)
{
	pair_push_many(&c->p, 1 + pair_random(&c->random, c->race->batch));
	split_publish(&c->p.ring);
	while (pair_out(&c->p) && !atomic_load(&c->stop)) {
		pair_reap_all(&c->p);
		jitter(&c->random);
		if (pair_out(&c->p) && !split_arm(&c->p.ring))
			sleep_until_woken(c);
		split_disarm(&c->p.ring);
	}
}

static void run(struct race *race, void *(*device)(void *), void (*drive)(struct course *))
{
	struct course c = {.race = race, .random = 3};
	pthread_t thread;

	pair_open(&c.p, race->batch > SMALL ? 32 : SMALL, race->event_idx);
	c.limit = clock_ns() + UINT64_C(1000000000) * race->seconds;
	assert_int_equal(pthread_create(&thread, NULL, device, &c), 0);
	for (race->done = 0; goes_on(&c); race->done++)
		drive(&c);
	atomic_store(&c.stop, true);
	pthread_join(thread, NULL);
	race->lost = atomic_load(&c.lost);
	race->woken = atomic_load(&c.sent) - race->lost;
	race->broken = c.broken;
	pair_close(&c.p);
}

void race_device_sleeps(struct race *race)
{
	run(race, sleepy_device, drive_polling);
}

void race_driver_sleeps(struct race *race)
{
	run(race, wakeful_device, drive_sleeping);
}
