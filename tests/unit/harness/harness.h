/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of a whole device share: the model of the device, and the driver's side of it, an
 * open device with its disk and a queue, with the steps that most tests take.
 */
#ifndef TESTS_UNIT_HARNESS_HARNESS_H
#define TESTS_UNIT_HARNESS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <vscsi/vscsi.h>

#include "clock.h"
#include "conforms.h"
#include "error_text.h"
#include "model.h"
#include "util/bits.h"

/* Virtqueue of the exclusive queue that driver_open() takes: number 2 is the shared one. */
#define DRIVER_QUEUE  3
#define DRIVER_SHARED 2

/**
 * struct driver - A device in use, from the driver's side
 * @m: the device's side
 * @dev, @lun, @queue: the library's handles: the disk at 1:2 and a queue of its own
 * @buf: 64 KiB of DMA memory
 */
struct driver {
	struct model *m;
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	char *buf;
};

#define DRIVER_BUF 65536u

/* Makes the model, to be changed before driver_open(). */
void driver_init(struct driver *d);

/* Opens device, disk and queue, with options of the address such as "indirect=off" or "". */
void driver_open(struct driver *d, const char *options);

/* As driver_open(), the device only; what vscsi_dev_open() returned. */
int driver_open_device(struct driver *d, const char *options);

/* Opens disk and queue of a device that is open. */
void driver_open_rest(struct driver *d);

/* driver_init() and driver_open(), for a model that is as it is. */
void driver_start(struct driver *d, const char *options);

/* Another queue of the device, with VSCSI_QUEUE_*; what is known of a queue. */
struct vscsi_queue *driver_open_queue(struct driver *d, uint32_t flags);
struct vscsi_queue_info driver_queue_info(struct vscsi_queue *queue);

/* Closes what is open; nothing may be in flight. The model must be content. The clock goes on. */
void driver_close(struct driver *d);

/*
 * From now on the chains of all queues wait for the test; driver_hold_own(): not those of the
 * shared one, on which the library revalidates LUNs.
 */
void driver_hold(struct driver *d);
void driver_hold_own(struct driver *d);

/* Prepares a read of one block, and submits it. */
void driver_read(struct driver *d, uint64_t user_data);

/* Takes the next chain of the held queue, which has to be there. */
struct chain driver_take(struct driver *d);

/* Polls once for one completion, which has to come. */
struct vscsi_completion driver_poll(struct driver *d);

/* Polls once; nothing may come. */
void driver_poll_nothing(struct driver *d);

/* Submits a read, answers it like that, and returns how it ended. */
struct vscsi_completion driver_answer_read(struct driver *d, const struct answer *answer);

/* What the device did that it should not have, and was put right. */
uint64_t driver_errors(struct driver *d);

/* Calls this once, just before the library asks for a notification on a split ring. */
void driver_before_arm(void (*call)(void *ctx), void *ctx);

#endif
