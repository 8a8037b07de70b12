/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Helpers of the tests that lose a target and reconnect. All of them fail the test on errors.
 */
#ifndef INTEGRATION_LOSS_H
#define INTEGRATION_LOSS_H

#include "disk.h"

#define FILE_LUN "--lun=0:0,file=disk.img"

/* Starts a target with FILE_LUN, an empty file, and calls open_disk(). */
void start_file(struct fixture *f, const char *options);

/* As open_disk(), with the library's default recovery policy. */
void open_default(struct fixture *f, const char *options);

/* Undoes these. */
void stop_all(struct fixture *f);

/* VSCSI_DEV_* of @f->dev. */
uint32_t state_of(struct fixture *f);

/* Polls events until the loss is reported; no other event may come before. */
void await_loss(struct fixture *f);

/* Polls events until the device has reconnected. */
void await_reconnect(struct fixture *f);

/*
 * prepare_writes - Prepare and submit writes of one block each
 * @f: its LUN is written to, from block 0 on
 * @queue: the queue
 * @data: @count blocks of DMA memory, which are filled
 * @count: how many; their user_data count from 0
 */
void prepare_writes(struct fixture *f, struct vscsi_queue *queue, char *data, unsigned count);

/* Prepares a WRITE(10) of a block as a raw command without VSCSI_CMD_REPEATABLE. */
void write_raw(struct fixture *f, struct vscsi_queue *queue, char *data, uint8_t lba,
	       uint64_t user_data);

/* Stops the target, submits these writes on @queue, and kills it. */
void die_with_writes(struct fixture *f, struct vscsi_queue *queue, char *data, unsigned count);

/*
 * Collects @count completions with user_data 0 to @count - 1, each once, and all with this result.
 * @sleep: with vscsi_wait(), otherwise by polling.
 */
void collect_all(struct vscsi_queue *queue, unsigned count, int result, bool sleep);

/* The same with different results: @results receives them, by user_data. */
void collect_results(struct vscsi_queue *queue, unsigned count, int *results);

/*
 * After the loss of the device is noticed, new requests complete together with the old ones; a
 * sleeping thread collects them.
 */
void check_submit_while_lost(struct fixture *f, const char *options);

/* Checks that LUN 0:0 starts with these blocks. */
void assert_written(struct fixture *f, const char *data, unsigned count);

#endif
