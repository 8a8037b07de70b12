/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Losing a device and reconnecting it. There is no thread for it: a thread that polls, waits or
 * asks for events takes the next step of the start sequence (start.h) when one is due.
 *
 * While the device is away each request queue keeps its requests, new ones can be prepared, and
 * only its user touches it. The device that reconnects gets new virtqueues (ioq.next_vq), and
 * the user of a queue switches to its own at its next poll. LUNs are revalidated on these before
 * anything is sent to them.
 */
#ifndef DEVICE_RECONNECT_H
#define DEVICE_RECONNECT_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/ioq.h"

struct vscsi_dev;

/**
 * struct reconnect - Under the device's lock, where nothing else is said
 * @lost_ms, @back_ms: when it was lost, and reconnected, the last time
 * @spent_ms: how long it has been away since it last proved stable, except for this time
 * @limit_ms: when it becomes FAILED
 * @missing_ms: until when LUNs are waited for that are missing on the device
 * @due_ms: when the next attempt begins; read by any thread
 * @pause_ms: between that and the one after it; longer each time, also from one loss to the next
 *	while the device has not proved stable
 * @losses, @reconnects, @away_ms, @reason: as in struct vscsi_dev_stats, without the time that it
 *	is away now
 * @trying: an attempt is under way; @began_ms: since when
 * @broken_ms: since when a ring of the running device has been broken; 0: none is
 */
struct reconnect {
	uint64_t lost_ms;
	uint64_t back_ms;
	uint64_t spent_ms;
	uint64_t limit_ms;
	_Atomic uint64_t missing_ms;
	_Atomic uint64_t due_ms;
	unsigned pause_ms;
	uint64_t began_ms;
	uint64_t broken_ms;
	uint64_t losses;
	uint64_t reconnects;
	uint64_t away_ms;
	char reason[256];
	bool trying;
};

/**
 * reconnect_begin - Declare a running device lost for now. Locked
 * @why: how it was lost, for the error text
 * @best: what may become of requests in flight at best; the application may have chosen less
 * @stop: it is still connected: it is told to stop, and what it has ends only when it did
 *
 * Fails the device at once where recovery is off or impossible.
 */
void reconnect_begin(struct vscsi_dev *dev, const char *why, enum inflight_policy best, bool stop);

/* How long a device that is RECONNECTING has been away. Locked. */
uint64_t reconnect_away_ms(const struct vscsi_dev *dev);

/* Begins an attempt or goes on with one, if that is due. Locked; never waits. */
void reconnect_advance(struct vscsi_dev *dev);

/* Milliseconds until there is something to do again. Any thread. */
unsigned reconnect_next_ms(const struct vscsi_dev *dev, uint64_t now);

#endif
