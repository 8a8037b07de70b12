/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One request that somebody waits for, on the device's shared queue. Data go through memory that
 * belongs to the call: when the wait ends before the device does, call and memory stay behind until
 * the device is done with them.
 */
#ifndef QUEUE_CALL_H
#define QUEUE_CALL_H

#include <errno.h>
#include <stdatomic.h>

#include <vscsi/scsi.h>

#include "queue/queue.h"

/**
 * struct sync_call - A request and its data
 * @dev: the device
 * @data: DMA memory, @len bytes; NULL where @len is 0
 * @completion: how it ended, once sync_call_run() returned
 * @state: who cleans up
 * @stand_in: of the LUN, once nobody waits any more
 */
struct sync_call {
	struct vscsi_dev *dev;
	char *data;
	uint64_t len;
	struct vscsi_completion completion;
	atomic_int state;
	struct vscsi_lun stand_in;
};

/* Nobody waits any more, the device still has the request: no result that a completion has. */
#define SYNC_CALL_LEFT (-ETIME)

/**
 * sync_call_create - Make a call with room for data
 * @least: bytes that it can't do without
 * @wanted: bytes that it would like; less is given when memory is short
 *
 * Return: 0, or -ENOMEM with its sentence set.
 */
int sync_call_create(struct vscsi_dev *dev, uint64_t least, uint64_t wanted,
		     struct sync_call **out);
void sync_call_destroy(struct sync_call *call);

/**
 * sync_call_run - Send a request and wait for it
 * @call: the call; may be run again when this returns anything but SYNC_CALL_LEFT, and is gone
 *	then: it must not be touched
 * @prepare: prepares the request on @queue with @user_data, as the calls of io.h do
 * @ctx: handed to @prepare
 *
 * Return: 0 or a negative errno; no sentence is set.
 */
int sync_call_run(struct sync_call *call,
		  int (*prepare)(struct vscsi_queue *queue, struct sync_call *call, const void *ctx,
				 uint64_t user_data),
		  const void *ctx);

/* As vscsi_sync_command(), for the library itself. */
int sync_command(struct vscsi_lun *lun, const struct vscsi_command *command,
		 struct vscsi_completion *completion);

/* Collects what nobody waits for any more, from a device that is lost. */
void sync_drain(struct vscsi_dev *dev);

#endif
