/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Losing a device and reconnecting it. The library has no thread for it: a thread that polls, waits
 * or fetches events takes the next step of the start sequence (start.h) when it is due.
 *
 * While the device is away each request queue keeps its requests, and new ones can be prepared;
 * only the queue's user accesses it. The reconnected device gets new virtqueues (ioq.next_vq), and
 * the user of a queue switches to the new one at its next poll. LUNs are revalidated before
 * anything else is sent to them.
 */
#ifndef DEVICE_RECONNECT_H
#define DEVICE_RECONNECT_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/ioq.h"

struct vscsi_dev;

/**
 * struct reconnect - State of reconnecting; protected by the device's lock unless stated otherwise
 * @lost_ms, @back_ms: when the device was last lost and last reconnected
 * @spent_ms: downtime since it last proved stable, without the current one
 * @limit_ms: when it becomes FAILED
 * @missing_ms: deadline for LUNs that are missing on the device
 * @due_ms: when the next attempt begins; read by any thread
 * @pause_ms: pause after that attempt; doubles each time, also from one loss to the next while the
 *	device has not proved stable
 * @losses, @reconnects, @away_ms, @reason: as in struct vscsi_dev_stats, without the current
 *	downtime
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
 * reconnect_begin - Make a RUNNING device RECONNECTING. Locked
 * @why: the cause of the loss, for the error text
 * @best: in-flight policy; recovery=report reduces it to INFLIGHT_REPORT
 * @stop: it is still connected: it has to be stopped, and its requests end only after that
 *
 * Fails the device at once if recovery is off or impossible.
 */
void reconnect_begin(struct vscsi_dev *dev, const char *why, enum inflight_policy best, bool stop);

/* The current downtime of a device that is RECONNECTING. Locked. */
uint64_t reconnect_away_ms(const struct vscsi_dev *dev);

/* Begins or continues an attempt, if that is due. Locked; never waits. */
void reconnect_advance(struct vscsi_dev *dev);

/* Milliseconds until reconnect_advance() has work to do. Any thread. */
unsigned reconnect_next_ms(const struct vscsi_dev *dev, uint64_t now);

#endif
