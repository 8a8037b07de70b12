/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A query: one command of the library's own that returns data into a small buffer. Probes and scans
 * are sequences of queries. Private to this folder.
 */
#ifndef LUN_QUERY_H
#define LUN_QUERY_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <vscsi/queue.h>

#include "queue/call.h"
#include "scsi/cdb.h"

struct lun_table;

enum query_state {
	QUERY_DONE,   /* nothing in flight */
	QUERY_UNSENT, /* not prepared yet, or the queue was full */
	QUERY_SENT,   /* in flight */
};

/**
 * struct query - A command and its answer
 * @io: private LUN to send it to, independent of the state and limits of open handles
 * @table: table of the device
 * @queue: handle that it is sent on
 * @call: its request; NULL after it was abandoned or released
 * @state: progress
 * @cdb: the command; @len: its allocation length
 * @since_ms: when it began
 * @answer: private copy of the answer, @room bytes
 * @received: valid bytes of @answer (virtio 1.4, 2.7.8.3)
 * @completion: how it ended
 */
struct query {
	struct io_lun io;
	struct lun_table *table;
	struct vscsi_queue *queue;
	struct call *call;
	enum query_state state;
	uint8_t cdb[SCSI_CDB_LEN];
	uint32_t len;
	uint64_t since_ms;
	uint8_t *answer;
	uint32_t room;
	uint32_t received;
	struct vscsi_completion completion;
};

/**
 * query_init - Allocate all memory of a query
 * @room: size of the longest answer
 *
 * Return: 0, or -ENOMEM or -ECHILD with the text set; query_fini() in either case.
 */
int query_init(struct query *q, struct lun_table *table, uint32_t room);
void query_fini(struct query *q);

/*
 * Puts the request and its DMA buffer back for the next query of any LUN, unless it is in use. All
 * queries of LUNs have the same room.
 */
void query_release(struct query *q);

/* Frees the requests that are kept for more than @luns LUNs. */
void query_trim(struct lun_table *table, unsigned luns);

/* Chooses the handle to send it on; a command that was sent on another one is abandoned. */
void query_use(struct query *q, struct vscsi_queue *queue);

/* Makes room for longer answers. Not while SENT. Return: as query_init(). */
int query_grow(struct query *q, uint32_t room);

/* Sets the LUN to send it to. Not while SENT. Return: 0, or -EINVAL with the text set. */
int query_address(struct query *q, unsigned target, unsigned number);

/* Begins a query with the command in @q->cdb and this allocation length. Not while SENT. */
void query_ask(struct query *q, uint32_t len);

/**
 * query_step - Send the command, or process its completion
 * @unsent: set if a command was prepared: call query_submit()
 *
 * A command that exceeds lun_table.timeout_ms is abandoned.
 *
 * Return: 0 with the answer; -EINPROGRESS; or a negative errno with the text set: as in struct
 * vscsi_completion, -ETIMEDOUT or -ENOMEM.
 */
int query_step(struct query *q, bool *unsent);

/* Restarts the time limit of a query that is SENT. */
void query_restart_timeout(struct query *q);

/* Submits prepared commands. Not with the table's lock held: a kick may be a system call. */
void query_submit(struct vscsi_queue *queue);

/*
 * Whether an error concerns the device or this process as a whole. All other errors are an answer
 * about the LUN: no such target, no such LUN, command not supported. -EPROTO comes from back-ends
 * that complete without a response where no unit exists.
 */
static inline bool query_has_no_answer(int err)
{
	return err == -ENOTCONN || err == -ECONNRESET || err == -ETIMEDOUT || err == -ENOMEM ||
	       err == -EFAULT;
}

#endif
