/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request of the library's own, on a handle of its own that many threads poll: a completion's
 * user_data is the call, and the thread that finds it delivers it to the one that started it. Data
 * go through memory that belongs to the call: when the starter no longer cares before the device is
 * done, call and memory stay until it is.
 *
 * A call ends in one of two ways, and one compare-and-swap decides which: its completion is
 * delivered (DONE, the starter cleans up) or the starter abandons it (ABANDONED, the deliverer
 * does).
 */
#ifndef QUEUE_CALL_H
#define QUEUE_CALL_H

#include <sys/uio.h>

#include "queue/queue.h"

/**
 * struct call - A request and its data
 * @queue: handle that it is sent on
 * @data: DMA memory, @len bytes; NULL where @len is 0
 * @out, @out_count: the caller's data for the device, of which @data has a copy; while it waits
 * @completion: how it ended, once call_is_done()
 * @state: which side frees it
 * @placeholder: of the LUN, once it is abandoned
 */
struct call {
	struct vscsi_queue *queue;
	char *data;
	uint64_t len;
	const struct iovec *out;
	unsigned out_count;
	struct vscsi_completion completion;
	atomic_int state;
	struct io_lun placeholder;
};

/**
 * call_create - Make a call with room for data
 * @least: bytes that it can't do without
 * @wanted: bytes that it would like; less is given when memory is short
 *
 * Return: 0, or -ENOMEM or -ECHILD with its text set.
 */
int call_create(struct vscsi_queue *queue, uint64_t least, uint64_t wanted, struct call **out);

/* Frees a call that was never sent, or is done. NULL is allowed. */
void call_destroy(struct call *call);

/* Copies the caller's data for the device: at first, and before they are sent again. */
void call_copy_out(struct call *call);

/* Before a request is prepared with call_user_data(); a call that is done may be sent again. */
void call_begin(struct call *call);

static inline uint64_t call_user_data(const struct call *call)
{
	return (uint64_t)(uintptr_t)call;
}

/* Hands completions of the library's handles to their calls; none for @count of 0 or less. */
void call_deliver_all(const struct vscsi_completion *completions, int count);

bool call_is_done(const struct call *call);

/**
 * call_abandon - Leave a call that was sent to the thread that delivers it
 *
 * The caller may close the LUN next: the request must not refer to it any longer.
 *
 * Return: false where it is done already, and still the caller's.
 */
bool call_abandon(struct call *call);

#endif
