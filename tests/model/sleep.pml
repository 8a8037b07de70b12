/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Going to sleep on a queue that one thread holds (split_arm(), src/ring/split.c) against a device
 * that completes at any moment. A processor may keep a store back while it loads (x86 does, and arm
 * does more): each side's stores pass through a buffer that empties whenever it likes, or by a
 * fence. A wake-up that is lost is a driver that sleeps when the device has nothing left to do: an
 * end that is not valid.
 *
 * With FLAGS the notification request is avail.flags (virtio 1.4, 2.7.7.1), without it used_event
 * (2.7.10.1). Mistakes to be found: NO_DRIVER_FENCE, NO_DEVICE_FENCE, LOOK_FIRST (the ring is
 * checked before the request), EMPTY_LAST (the descriptor is read after both).
 */
#define MOD   8 /* indices wrap here, so that they do on the way */
#define START 6
#define TOTAL 4

#define WANTED   0
#define UNWANTED 1

byte index = START;
byte request;
bool signalled = false;
bool finished = false;
chan driver_stores = [3] of { byte };
chan device_stores = [2] of { byte };

inline fence(stores) { empty(stores) }

/* The two buffers; what is in them at the end doesn't matter. */
active proctype driver_buffer()
{
end:	do
	:: atomic { driver_stores?request }
	od
}

active proctype device_buffer()
{
end:	do
	:: atomic { device_stores?index }
	od
}

inline arm()
{
#ifdef FLAGS
	driver_stores!WANTED;
#else
	driver_stores!last;
#endif
#ifndef NO_DRIVER_FENCE
	fence(driver_stores);
#endif
}

inline disarm()
{
#ifdef FLAGS
	driver_stores!UNWANTED;
#else
	driver_stores!((last + MOD - 1) % MOD);
#endif
}

active proctype driver()
{
	byte last = START;
	byte taken = 0;
	byte seen;

	disarm();
	do
	:: taken == TOTAL -> break
	:: else ->
		/* vscsi_poll() */
		seen = index;
		taken = taken + (seen + MOD - last) % MOD;
		last = seen;
		if
		:: taken == TOTAL -> break
		:: else
		fi;
		/* vscsi_wait() */
#ifdef LOOK_FIRST
		seen = index;
#endif
#ifndef EMPTY_LAST
		signalled = false;
#endif
		arm();
#ifndef LOOK_FIRST
		seen = index;
#endif
#ifdef EMPTY_LAST
		signalled = false;
#endif
		if
		:: seen == last -> signalled
		:: else
		fi;
		disarm()
	od;
	finished = true
}

/* Completes one or two at once, then checks whether a notification is requested. */
active proctype device()
{
	byte done = 0;
	byte old = START;
	byte now = START;
	byte step;
	byte wanted;

	do
	:: done == TOTAL -> break
	:: else ->
		if
		:: step = 1
		:: done + 2 <= TOTAL -> step = 2
		fi;
		done = done + step;
		now = (old + step) % MOD;
		device_stores!now;
#ifndef NO_DEVICE_FENCE
		fence(device_stores);
#endif
		wanted = request;
#ifdef FLAGS
		if
		:: wanted == WANTED -> signalled = true
		:: else
		fi;
#else
		if
		:: (now + 2 * MOD - wanted - 1) % MOD < (now + MOD - old) % MOD -> signalled = true
		:: else
		fi;
#endif
		old = now
	od
}
