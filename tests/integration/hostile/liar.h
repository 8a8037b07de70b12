/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A disk served by the test back-end of tests/rig, correct until a test makes it lie, and the
 * library's handles on it. The lies are in the test programs.
 */
#ifndef HOSTILE_LIAR_H
#define HOSTILE_LIAR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <vscsi/vscsi.h>

#include "conforms.h"
#include "counts.h"
#include "rig/rig.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Blocks of the disk, their size, and the DMA memory that liar_up() allocates. */
#define LIAR_BLOCKS 2048u
#define LIAR_BLOCK  512u
#define LIAR_BUF    65536u

/* Virtqueue of the exclusive queue; virtqueue 2 is for the shared queues. */
#define LIAR_QUEUE 3u

/* Chains that can be kept, and LUNs that there can be. */
#define LIAR_KEPT 128u
#define LIAR_LUNS 512u

/**
 * struct liar - The disk and its user
 * @opts: change it before liar_open()
 * @options: of the address, "?name=value&..." or ""
 * @timeout_ms: limit of requests to LUN 0:0 as liar_up() opens it, 0: the device's
 * @rig: the back-end, once it is started
 * @lie: asked first about every command; whether it has answered. NULL: no lies. Rig's thread
 * @ctx: for @lie
 * @hold: keep the commands of LIAR_QUEUE
 * @deaf: keep all task management functions
 * @task: asked first about each of them; whether it has answered. NULL: all succeed. Rig's thread
 * @luns: LUNs 0 to @luns - 1 of target 0 are there
 * @kept, @kept_count: chains of LIAR_QUEUE and of the control queue that were kept
 * @spoiled: the test wrote into the driver's half of memory: the rig's judgement is void
 * @buffers, @buffer_count: event buffers as they came; @buffer_used: those that went back
 * @dev, @lun, @queue, @buf: what liar_up() opened
 */
struct liar {
	struct rig_opts opts;
	const char *options;
	uint32_t timeout_ms;
	struct rig *rig;
	bool (*_Atomic lie)(struct liar *liar, unsigned queue, const struct rig_chain *chain,
			    const uint8_t *cdb);
	bool (*_Atomic task)(struct liar *liar, const struct rig_chain *chain,
			     const struct virtio_scsi_ctrl_tmf_req *request);
	const void *ctx;
	atomic_bool hold;
	atomic_bool deaf;
	atomic_uint luns;
	bool spoiled;
	struct rig_chain kept[LIAR_KEPT];
	atomic_uint kept_count;
	struct rig_chain buffers[16];
	atomic_uint buffer_count;
	unsigned buffer_used;
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	char *buf;
};

/* Before and after each test; the latter fails when the driver broke a rule of the rig's. */
int liar_begin(void **state);
int liar_end(void **state);

/* One entry of a list of tests, and one that has a row of a table as its @ctx. */
#define LIAR_TEST(function)                                     \
	{                                                       \
#function, function, liar_begin, liar_end, NULL \
	}
#define LIAR_ROW(function, row)                                                       \
	{                                                                             \
		(row)->name, function, liar_begin, liar_end, (void *)(uintptr_t)(row) \
	}

/* Starts the back-end, for tests that plan something before the device is opened. */
void liar_start(struct liar *liar);

/* Opens the device, after liar_start() if need be; what vscsi_dev_open() returned. */
int liar_open(struct liar *liar);

/* liar_open() if need be, LUN 0:0, a queue of its own and the buffer; all of it has to work. */
void liar_up(struct liar *liar);

/* Closes what is open; nothing may be in flight. */
void liar_close(struct liar *liar);

/* From now on commands are kept; returns when @count reads, numbered from 0, have been kept. */
void liar_hold(struct liar *liar, unsigned count);

/* Waits until so many chains were kept. */
void liar_wait_kept(struct liar *liar, unsigned count);

/* A lie that keeps commands of any queue, instead of answering. */
bool liar_keep(struct liar *liar, unsigned queue, const struct rig_chain *chain,
	       const uint8_t *cdb);

/* Answers a command as it should be. */
void liar_serve(struct liar *liar, unsigned queue, const struct rig_chain *chain);

/* Answers with data, and with the residual that belongs to them. */
void liar_data(struct liar *liar, unsigned queue, const struct rig_chain *chain, const void *data,
	       size_t len);

/* Sends an event of @len bytes; false when the driver has left no buffer. */
bool liar_event(struct liar *liar, uint32_t type, const uint8_t lun[8], uint32_t reason,
		uint32_t len);

/* Publishes, and polls until the one completion is there. */
struct vscsi_completion liar_outcome(struct liar *liar);

/* Polls until -ENOTCONN: the @count requests of liar_hold() come back once each, @why is told. */
void liar_expect_lost(struct liar *liar, unsigned count, const char *why);

/* Whether the device works; and what it did that was put right. */
bool liar_runs(struct liar *liar);
uint64_t liar_errors(struct liar *liar);

/* Milliseconds of a clock that is never set, nor put forward by a test. */
uint64_t now_ms(void);

/* The table's line: what the device did and what came of it. */
void told(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
