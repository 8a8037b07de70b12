/* SPDX-License-Identifier: BSD-3-Clause */
/* Sends queries and processes their completions. */
#include <stdlib.h>
#include <string.h>

#include <vscsi/scsi.h>

#include "lun/lun.h"
#include "lun/query.h"
#include "queue/explain.h"
#include "util/clock.h"
#include "util/error.h"

/* Retries on UNIT ATTENTION and the like: several can be pending at once. */
#define RETRIES 8

int query_init(struct query *q, struct lun_table *table, uint32_t room)
{
	memset(q, 0, sizeof(*q));
	q->table = table;
	q->queue = table->queue;
	return query_grow(q, room);
}

/* When this returns the request no longer refers to @q. In a child process no answer comes. */
static void drop_call(struct query *q)
{
	bool sent = q->state == QUERY_SENT && !q->table->queue->ioq->set->forked;

	if (!sent || !call_abandon(q->call))
		call_destroy(q->call);
	q->call = NULL;
	q->state = QUERY_DONE;
}

void query_fini(struct query *q)
{
	drop_call(q);
	free(q->answer);
	q->answer = NULL;
}

void query_release(struct query *q)
{
	struct call *call = q->call;
	unsigned i;

	if (q->state != QUERY_DONE || !call)
		return;
	q->call = NULL;
	call->queue = q->table->queue;
	for (i = 0; i < LUN_CALLS_KEPT; i++) {
		struct call *none = NULL;

		/* Release pairs with take_kept(). */
		if (atomic_compare_exchange_strong_explicit(&q->table->kept[i], &none, call,
							    memory_order_release,
							    memory_order_relaxed))
			return;
	}
	call_destroy(call);
}

static struct call *take_kept(struct lun_table *table, unsigned from)
{
	struct call *call = NULL;
	unsigned i;

	for (i = from; i < LUN_CALLS_KEPT && !call; i++)
		call = atomic_exchange_explicit(&table->kept[i], NULL, memory_order_acquire);
	return call;
}

void query_trim(struct lun_table *table, unsigned luns)
{
	struct call *call;

	while ((call = take_kept(table, luns)))
		call_destroy(call);
}

int query_grow(struct query *q, uint32_t room)
{
	uint8_t *answer = realloc(q->answer, room);
	struct call *call;
	int err;

	if (!answer)
		return error_set(-ENOMEM, "out of memory");
	q->answer = answer;
	err = call_create(q->table->queue, room, room, &call);
	if (err)
		return err;
	call_destroy(q->call);
	q->call = call;
	q->room = room;
	return 0;
}

void query_use(struct query *q, struct vscsi_queue *queue)
{
	if (q->queue == queue)
		return;
	if (q->state == QUERY_SENT)
		drop_call(q);
	q->queue = queue;
}

int query_address(struct query *q, unsigned target, unsigned number)
{
	int err = io_lun_init(&q->io, q->table->queue->ioq->set, target, number);

	q->io.probe = true;
	q->io.timeout_ms = q->table->io_timeout_ms;
	return err;
}

void query_ask(struct query *q, uint32_t len)
{
	q->len = len;
	q->received = 0;
	q->since_ms = clock_ms();
	q->state = QUERY_UNSENT;
}

void query_restart_timeout(struct query *q)
{
	q->since_ms = clock_ms();
}

/* Prepares the request. Return: 0, or a negative errno. */
static int prepare(struct query *q)
{
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = sizeof(q->cdb),
		.in_count = 1,
		.retries = RETRIES,
		.flags = VSCSI_COMMAND_REPEATABLE,
	};
	struct iovec data;
	int err = 0;

	if (!q->call)
		q->call = take_kept(q->table, 0);
	if (!q->call)
		err = call_create(q->table->queue, q->room, q->room, &q->call);
	if (err)
		return err;
	q->call->queue = q->queue;
	call_begin(q->call);
	data = (struct iovec){.iov_base = q->call->data, .iov_len = q->len};
	command.in = &data;
	memcpy(command.cdb, q->cdb, sizeof(q->cdb));
	return queue_command(q->queue, &q->io, &command, call_user_data(q->call));
}

static bool is_late(const struct query *q)
{
	return clock_ms() - q->since_ms > q->table->timeout_ms;
}

static int fail_late(struct query *q)
{
	q->state = QUERY_DONE;
	return error_set(-ETIMEDOUT, "command on LUN %u:%u: no answer in %u ms", q->io.target,
			 q->io.number, q->table->timeout_ms);
}

static int fail(struct query *q, int err)
{
	q->state = QUERY_DONE;
	return completion_explain(q->io.target, q->io.number, &q->completion, err, "command",
				  q->table->lost);
}

static int send(struct query *q, bool *unsent)
{
	int err = prepare(q);

	if (err == -EAGAIN)
		return is_late(q) ? fail_late(q) : -EINPROGRESS;
	if (err) {
		memset(&q->completion, 0, sizeof(q->completion));
		return fail(q, err);
	}
	q->state = QUERY_SENT;
	*unsent = true;
	return -EINPROGRESS;
}

/* The device can still write to the DMA buffer: only the private copy is parsed. */
static int take_answer(struct query *q)
{
	q->completion = q->call->completion;
	q->state = QUERY_DONE;
	if (q->completion.result)
		return fail(q, q->completion.result);
	q->received = q->len - q->completion.residual;
	memcpy(q->answer, q->call->data, q->received);
	return 0;
}

int query_step(struct query *q, bool *unsent)
{
	if (q->state == QUERY_UNSENT)
		return send(q, unsent);
	if (call_is_done(q->call))
		return take_answer(q);
	if (!is_late(q))
		return -EINPROGRESS;
	/* It completed in the meantime. */
	if (!call_abandon(q->call))
		return take_answer(q);
	q->call = NULL;
	return fail_late(q);
}

void query_submit(struct vscsi_queue *queue)
{
	queue_path(queue)->submit(queue);
}
