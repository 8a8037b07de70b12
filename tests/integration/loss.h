/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Losing a target and getting it back: steps of the tests about recovery. All of them fail the test
 * when something goes wrong.
 */
#ifndef INTEGRATION_LOSS_H
#define INTEGRATION_LOSS_H

#include "disk.h"

#define FILE_LUN "--lun=0:0,file=disk.img"

/* Starts a target with FILE_LUN, an empty file, and does open_disk(). */
void start_file(struct fixture *f, const char *options);

/* As open_disk(), but what becomes of requests in flight is the library's choice by default. */
void open_default(struct fixture *f, const char *options);

/* Ends what those began. */
void stop_all(struct fixture *f);

/* VSCSI_DEV_* of @f->dev. */
uint32_t state_of(struct fixture *f);

/* Looks for events until the loss is known; nothing may come before that. */
void notice(struct fixture *f);

/* Looks for events until the device is back. */
void hear_back(struct fixture *f);

/**
 * prepare_writes - Prepare and publish writes of a block each
 * @f: its LUN is written to, from block 0 on
 * @queue: where
 * @data: @count blocks of DMA memory, which are filled
 * @count: how many; their user_data count from 0
 */
void prepare_writes(struct fixture *f, struct vscsi_queue *queue, char *data, unsigned count);

/* Prepares a WRITE(10) of a block; nobody says that it may be repeated. */
void write_raw(struct fixture *f, struct vscsi_queue *queue, char *data, uint8_t lba,
	       uint64_t user_data);

/* The target stands still with these writes of @queue, and is killed. */
void die_with_writes(struct fixture *f, struct vscsi_queue *queue, char *data, unsigned count);

/*
 * Collects @count completions, whose user_data are 0 to @count - 1, each once; all have this
 * result. @sleep: by vscsi_wait(), else by polling alone.
 */
void collect_all(struct vscsi_queue *queue, unsigned count, int result, bool sleep);

/* The same when results may differ: @results receives them, by user_data. */
void collect_results(struct vscsi_queue *queue, unsigned count, int *results);

/*
 * With a device that is known to be lost, what is new goes with the old; it is found by a thread
 * that sleeps.
 */
void check_accepted_while_away(struct fixture *f, const char *options);

/* LUN 0:0 begins with these blocks. */
void assert_written(struct fixture *f, const char *data, unsigned count);

#endif
