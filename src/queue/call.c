/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting. All calls share one queue, and whoever polls it delivers what it finds to whoever waits
 * for that. A call ends in one of two ways, and one compare-and-swap decides which: the completion
 * comes (DONE, the waiter cleans up) or the waiter leaves (LEFT, the deliverer does).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "queue/call.h"
#include "util/clock.h"
#include "util/error.h"

enum { WAITING, DONE, LEFT };

#define BATCH 16u

int sync_call_create(struct vscsi_dev *dev, uint64_t least, uint64_t wanted, struct sync_call **out)
{
	struct sync_call *call = calloc(1, sizeof(*call));

	if (!call)
		return error_set(-ENOMEM, "out of memory");
	call->dev = dev;
	call->len = wanted;
	while (call->len) {
		call->data = dma_alloc(dev->mem, call->len, 4096);
		if (call->data || call->len == least)
			break;
		call->len = call->len / 2 > least ? call->len / 2 / least * least : least;
	}
	if (call->len && !call->data) {
		free(call);
		return error_set(
			-ENOMEM,
			"no room for %llu bytes in the DMA memory; give the device a larger pool",
			(unsigned long long)least);
	}
	*out = call;
	return 0;
}

void sync_call_destroy(struct sync_call *call)
{
	if (call->data)
		dma_free(call->dev->mem, call->data);
	free(call);
}

static void deliver(const struct vscsi_completion *completion)
{
	struct sync_call *call = (void *)(uintptr_t)completion->user_data;
	int waiting = WAITING;

	call->completion = *completion;
	/* Release pairs with the waiter's acquire: the completion is there before the state. */
	if (!atomic_compare_exchange_strong_explicit(&call->state, &waiting, DONE,
						     memory_order_acq_rel, memory_order_acquire))
		sync_call_destroy(call);
}

static int pump(struct vscsi_dev *dev)
{
	struct vscsi_completion batch[BATCH];
	int count = vscsi_poll(dev->sync, batch, BATCH);
	int i;

	for (i = 0; i < count; i++)
		deliver(&batch[i]);
	return count;
}

void sync_drain(struct vscsi_dev *dev)
{
	while (pump(dev) > 0)
		;
}

/* Prepares the request, making room where the queue is full. */
static int send(struct sync_call *call,
		int (*prepare)(struct vscsi_queue *queue, struct sync_call *call, const void *ctx,
			       uint64_t user_data),
		const void *ctx, uint64_t limit)
{
	struct vscsi_dev *dev = call->dev;
	unsigned spins = 0;
	int err;

	for (;;) {
		err = prepare(dev->sync, call, ctx, (uint64_t)(uintptr_t)call);
		if (err != -EAGAIN || clock_ns() > limit)
			return err;
		pump(dev);
		clock_relax(&spins);
	}
}

/*
 * Leaves the call to whoever delivers it, unless that has happened. The caller may close the LUN
 * next, or return from the frame that it lies in: the request must not lean on it any longer.
 */
static bool leave(struct sync_call *call)
{
	int waiting = WAITING;

	queue_detach(call->dev->sync, (uint64_t)(uintptr_t)call, &call->stand_in);
	return atomic_compare_exchange_strong_explicit(&call->state, &waiting, LEFT,
						       memory_order_acq_rel, memory_order_acquire);
}

int sync_call_run(struct sync_call *call,
		  int (*prepare)(struct vscsi_queue *queue, struct sync_call *call, const void *ctx,
				 uint64_t user_data),
		  const void *ctx)
{
	uint64_t limit = clock_ns() + UINT64_C(1000000) * call->dev->opts.timeout_ms;
	unsigned spins = 0;
	int err;

	atomic_store_explicit(&call->state, WAITING, memory_order_relaxed);
	memset(&call->completion, 0, sizeof(call->completion));
	err = send(call, prepare, ctx, limit);
	if (err)
		return err;
	vscsi_submit(call->dev->sync);
	while (atomic_load_explicit(&call->state, memory_order_acquire) == WAITING) {
		if (pump(call->dev) > 0)
			continue;
		clock_relax(&spins);
		if (clock_ns() > limit && leave(call))
			return SYNC_CALL_LEFT;
	}
	return call->completion.result;
}
