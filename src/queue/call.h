/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request of the library itself, sent on the library's handle, which many threads poll. The
 * completion's user_data is the call; the thread that polls it delivers it to the thread that
 * started the call. Data is transferred through memory that belongs to the call, so a call that is
 * abandoned, and its memory, remain until the device is done.
 *
 * A call ends in one of two ways, and one compare-and-swap decides which: its completion is
 * delivered (DONE: the thread that started it cleans up) or it is abandoned (ABANDONED: the thread
 * that delivers it cleans up).
 */
#ifndef QUEUE_CALL_H
#define QUEUE_CALL_H

#include <sys/uio.h>

#include "queue/queue.h"

/**
 * struct call - A request and its data
 * @queue: handle that it is sent on
 * @data: DMA memory, @len bytes; NULL if @len is 0
 * @out, @out_count: the caller's data for the device, which call_copy_out() copies to @data; valid
 *	while the caller waits
 * @completion: valid once call_is_done()
 * @state: decides which side frees it
 * @placeholder: replaces the LUN of an abandoned call
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
 * call_create - Create a call with room for data
 * @least: bytes that it needs
 * @wanted: preferred bytes; it gets a smaller multiple of @least if memory is short
 *
 * Return: 0, or -ENOMEM or -ECHILD with its text set.
 */
int call_create(struct vscsi_queue *queue, uint64_t least, uint64_t wanted, struct call **out);

/* Frees a call that was never sent, or is done. NULL is allowed. */
void call_destroy(struct call *call);

/* Copies the caller's data for the device, before the request is sent or sent again. */
void call_copy_out(struct call *call);

/* Call it before preparing a request with call_user_data(), also to send a call again. */
void call_begin(struct call *call);

static inline uint64_t call_user_data(const struct call *call)
{
	return (uint64_t)(uintptr_t)call;
}

/* Delivers completions of the library's handles to their calls; none if @count is not positive. */
void call_deliver_all(const struct vscsi_completion *completions, int count);

bool call_is_done(const struct call *call);

/**
 * call_abandon - Abandon a call that was sent; the thread that delivers it frees it
 *
 * The request no longer refers to its LUN, which the caller may close.
 *
 * Return: false if it is done already: then the caller still has to free it.
 */
bool call_abandon(struct call *call);

#endif
