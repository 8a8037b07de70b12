/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sleeping on a queue that handles share (src/queue/wakeup.c): one descriptor of the device, an
 * eventfd for each handle, one lock. Fences are modelled in sleep.pml: here every step is seen in
 * order, and the model explores which thread reads which descriptor and which handle is woken. The
 * device notifies once for each notification request, as it does with the event index. A lost
 * wakeup is an invalid end state.
 *
 * Mistakes to be found: NO_WAKE (completing to a handle doesn't signal it), NO_REQUEST (no
 * notification is requested when the ring is empty), NO_LIST (a handle is not listed again),
 * EMPTY_LAST (descriptors are read after the ring is checked).
 */
#define HANDLES 2
#define ROUNDS  2

bool locked = false;
bool signalled = false;             /* the device's descriptor */
bool requested = false;
chan ring = [HANDLES] of { byte };  /* completed, by the handle that they belong to */
byte out[HANDLES];                  /* with the device */
byte done[HANDLES];                 /* completed to the handle and not polled yet */
bool eventfd[HANDLES];
bool listed[HANDLES];
byte left = HANDLES * ROUNDS;

#define WAITERS (listed[0] || listed[1])

inline lock() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

/* Request and check in one step: sleep.pml models what can happen in between. */
inline gather()
{
	do
	:: atomic { ring?handle -> done[handle]++ }
	:: atomic { empty(ring) ->
#ifndef NO_REQUEST
			requested = WAITERS;
#endif
			handle = 0; break }
	od
}

inline wake()
{
#ifdef NO_WAKE
	skip
#else
	handle = 0;
	do
	:: handle == HANDLES -> handle = 0; break
	:: else ->
		lock();
		signals = listed[handle] && done[handle];
		listed[handle] = listed[handle] && !signals;
		requested = requested && WAITERS;
		unlock();
		if
		:: signals -> eventfd[handle] = true
		:: else
		fi;
		handle++
	od
#endif
}

/*
 * vscsi_poll() with room for one. It signals no handle: the notification of what it completes to
 * others is still in the device's descriptor, or the thread that read that is about to signal them.
 */
inline poll()
{
	got = false;
	lock();
	if
	:: done[me] -> done[me]--; got = true
	:: else ->
		do
		:: atomic { ring?handle ->
			if
			:: handle == me -> got = true
			:: else -> done[handle]++
			fi; handle = 0 }
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
	eventfd[me] = false;
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
		eventfd[me] || signalled;
		arm()
	od;
	lock();
	listed[me] = false;
	requested = requested && WAITERS;
	unlock()
}

proctype thread(byte me)
{
	byte round = 0;
	byte handle = 0;
	bool signals;
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

inline complete(n)
{
	atomic {
		out[n] -> out[n]--;
		left--;
		ring!n;
		signalled = signalled || requested;
		requested = false
	}
}

active proctype device()
{
	do
	:: left == 0 -> break
	:: complete(0)
	:: complete(1)
	od
}

init {
	atomic {
		run thread(0);
		run thread(1)
	}
}
