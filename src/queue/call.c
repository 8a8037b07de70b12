/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests of the library's own: their memory, and which side frees it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "queue/call.h"
#include "util/error.h"
#include "util/fork.h"

enum { WAITING, DONE, ABANDONED };

int call_create(struct vscsi_queue *queue, uint64_t least, uint64_t wanted, struct call **out)
{
	struct vscsi_mem *mem = queue->ioq->set->mem;
	struct call *call;

	if (queue->ioq->set->forked)
		return error_set(-ECHILD, FORK_TEXT, "the device");
	call = calloc(1, sizeof(*call));
	if (!call)
		return error_set(-ENOMEM, "out of memory");
	call->queue = queue;
	call->len = wanted;
	while (call->len) {
		call->data = dma_alloc(mem, call->len, 4096);
		if (call->data || call->len == least)
			break;
		call->len = call->len / 2 > least ? call->len / 2 / least * least : least;
	}
	if (call->len && !call->data) {
		free(call);
		return error_set(-ENOMEM,
				 "no room for %llu bytes in the DMA memory; give the device a "
				 "larger pool, as by the option mem of its address",
				 (unsigned long long)least);
	}
	*out = call;
	return 0;
}

void call_destroy(struct call *call)
{
	if (!call)
		return;
	/* In a child process the DMA memory is the parent's, whose request may be in flight. */
	if (call->data && !call->queue->ioq->set->forked)
		dma_free(call->queue->ioq->set->mem, call->data);
	free(call);
}

void call_copy_out(struct call *call)
{
	char *data = call->data;
	unsigned i;

	for (i = 0; i < call->out_count; i++) {
		if (!call->out[i].iov_len)
			continue;
		memcpy(data, call->out[i].iov_base, call->out[i].iov_len);
		data += call->out[i].iov_len;
	}
}

void call_begin(struct call *call)
{
	atomic_store_explicit(&call->state, WAITING, memory_order_relaxed);
	memset(&call->completion, 0, sizeof(call->completion));
}

static void deliver(const struct vscsi_completion *completion)
{
	struct call *call = (void *)(uintptr_t)completion->user_data;
	int waiting = WAITING;

	call->completion = *completion;
	/* Release pairs with call_is_done(): the completion is there before the state. */
	if (!atomic_compare_exchange_strong_explicit(&call->state, &waiting, DONE,
						     memory_order_acq_rel, memory_order_acquire))
		call_destroy(call);
}

void call_deliver_all(const struct vscsi_completion *completions, int count)
{
	int i;

	for (i = 0; i < count; i++)
		deliver(&completions[i]);
}

bool call_is_done(const struct call *call)
{
	return atomic_load_explicit(&call->state, memory_order_acquire) == DONE;
}

bool call_abandon(struct call *call)
{
	int waiting = WAITING;

	queue_detach(call->queue, call_user_data(call), &call->placeholder);
	return atomic_compare_exchange_strong_explicit(&call->state, &waiting, ABANDONED,
						       memory_order_acq_rel, memory_order_acquire);
}
