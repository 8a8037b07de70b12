/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Getting a lost device back. There is no thread for it: whoever polls, waits or asks for events
 * takes a step when one is due, and nobody waits for another one's step.
 *
 * While the device is away each request queue stays as it was, requests can be prepared on it, and
 * nobody but its user touches it. A device that keeps account of what is in flight is given the
 * same virtqueues again, once it was asked whether it is the same; any other one gets fresh ones
 * (struct ioq, @spare), and the user of a queue goes over to its fresh one by itself. Either way
 * the user takes the queue up again at its next poll (resume.h).
 */
#ifndef DEVICE_RECOVER_H
#define DEVICE_RECOVER_H

#include "device/dev.h"

/**
 * recover_begin - Declare the device away for now; device locked, and running before
 * @why: the way it went, as a sentence
 * @best: what may become of what is in flight at best; the application may have chosen less
 *
 * Fails the device at once where recovery is off or impossible.
 */
void recover_begin(struct vscsi_dev *dev, const char *why, enum fate best);

/*
 * The same for requests of a queue that nothing else can end, if the device still has the queue:
 * the device is not to go on with them. Takes @dev->lock.
 */
void recover_begin_queue(struct ioq *ioq, const char *why);

/**
 * recover_step - Try to get the device back, if that is due
 *
 * Any thread; without system calls when nothing is due. A step waits for each answer of the device
 * at most the device's time limit. Takes @dev->lock, or does nothing when another thread has it.
 */
void recover_step(struct vscsi_dev *dev);

/* The same with the lock held. */
void recover_step_locked(struct vscsi_dev *dev);

/* Milliseconds until the next step is due. Any thread. */
unsigned recover_pause(const struct vscsi_dev *dev);

#endif
