/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sleeping on a queue that handles share (src/core/bell.c): one descriptor of the device, a bell
 * for each handle, one lock. Fences are the business of sleep.pml: here every step is seen in its
 * order, and what is tried is who empties what, and who is woken. The device notifies once for each
 * wish, as it does with the event index. A wake-up that is lost is an end that is not valid.
 *
 * Mistakes to be found: NO_WAKE (what is handed over rings nobody), NO_WISH (an empty ring is taken
 * for a wish), NO_LIST (a handle is not listed again), EMPTY_LAST (descriptors are emptied behind
 * the look).
 */
#define HANDLES 2
#define ROUNDS  2

bool locked = false;
bool signalled = false;             /* the device's descriptor */
bool wish = false;
chan ring = [HANDLES] of { byte };  /* completed, by the handle that they belong to */
byte out[HANDLES];                  /* with the device */
byte done[HANDLES];                 /* handed over */
bool bell[HANDLES];
bool listed[HANDLES];
byte left = HANDLES * ROUNDS;

#define SLEEPERS (listed[0] || listed[1])

inline lock() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

/* Wish and look in one step: what comes in between is what sleep.pml is about. */
inline gather()
{
	do
	:: atomic { ring?who -> done[who]++ }
	:: atomic { empty(ring) ->
#ifndef NO_WISH
			wish = SLEEPERS;
#endif
			who = 0; break }
	od
}

inline wake()
{
#ifdef NO_WAKE
	skip
#else
	who = 0;
	do
	:: who == HANDLES -> who = 0; break
	:: else ->
		lock();
		rings = listed[who] && done[who];
		listed[who] = listed[who] && !rings;
		wish = wish && SLEEPERS;
		unlock();
		if
		:: rings -> bell[who] = true
		:: else
		fi;
		who++
	od
#endif
}

/*
 * vscsi_poll() with room for one. It rings for nobody: the notification of what it hands over is
 * still in the device's descriptor, or whoever emptied that is about to ring.
 */
inline poll()
{
	got = false;
	lock();
	if
	:: done[me] -> done[me]--; got = true
	:: else ->
		do
		:: atomic { ring?who ->
			if
			:: who == me -> got = true
			:: else -> done[who]++
			fi; who = 0 }
			if
			:: got -> break
			:: else
			fi
		:: empty(ring) -> break
		od
	fi;
	unlock()
}

inline look()
{
	lock();
	gather();
	found = done[me] > 0;
	unlock();
	wake()
}

inline empty_both()
{
	bell[me] = false;
	signalled = false
}

/* share_arm() */
inline arm()
{
	look();
	if
	:: found
	:: else ->
#ifndef EMPTY_LAST
		empty_both();
#endif
		lock();
#ifndef NO_LIST
		listed[me] = true;
#endif
		gather();
		found = done[me] > 0;
		unlock();
		wake();
#ifdef EMPTY_LAST
		empty_both();
#endif
	fi
}

/* vscsi_wait() */
inline sleep()
{
	arm();
	do
	:: found -> break
	:: else ->
		bell[me] || signalled;
		arm()
	od;
	lock();
	listed[me] = false;
	wish = wish && SLEEPERS;
	unlock()
}

proctype thread(byte me)
{
	byte round = 0;
	byte who = 0;
	bool rings;
	bool found;
	bool got;

	do
	:: round == ROUNDS -> break
	:: else ->
		out[me]++;
		do
		:: poll();
			if
			:: got -> break
			:: else -> sleep()
			fi
		od;
		round++
	od
}

active proctype device()
{
	do
	:: left == 0 -> break
	:: atomic { out[0] -> out[0]--; left--; ring!0; signalled = signalled || wish; wish = false }
	:: atomic { out[1] -> out[1]--; left--; ring!1; signalled = signalled || wish; wish = false }
	od
}

init {
	atomic {
		run thread(0);
		run thread(1)
	}
}
