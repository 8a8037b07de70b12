/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of this program share: an open device with its disk and a queue, a few steps that
 * most tests take, and one function for each file, which runs its tests and returns the number that
 * failed.
 */
#ifndef TESTS_UNIT_CORE_CORE_H
#define TESTS_UNIT_CORE_CORE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <vscsi/vscsi.h>

#include "conforms.h"
#include "model.h"
#include "util/bits.h"

/* Virtqueue of the exclusive queue that desk_open() takes: number 2 is for those who share. */
#define DESK_QUEUE  3
#define DESK_SHARED 2

/**
 * struct desk - A device in use
 * @m: the device's side
 * @dev, @lun, @queue: the library's handles: the disk at 1:2 and a queue of its own
 * @buf: 64 KiB of DMA memory
 */
struct desk {
	struct model *m;
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	char *buf;
};

#define DESK_BUF 65536u

/* Makes the model, to be changed before desk_open(). */
void desk_init(struct desk *d);

/* Opens device, disk and queue, with options of the address such as "indirect=off" or "". */
void desk_open(struct desk *d, const char *options);

/* As desk_open(), the device only; what vscsi_dev_open() returned. */
int desk_open_device(struct desk *d, const char *options);

/* Opens disk and queue of a device that is open. */
void desk_open_rest(struct desk *d);

/* Closes what is open; nothing may be in flight. The model must be content. */
void desk_close(struct desk *d);

/*
 * From now on the chains of all queues wait for the test; desk_hold_own(): not those of the shared
 * one, on which the library revalidates LUNs.
 */
void desk_hold(struct desk *d);
void desk_hold_own(struct desk *d);

/* Prepares a read of one block, and submits it. */
void desk_read(struct desk *d, uint64_t user_data);

/* Takes the next chain of the held queue, which has to be there. */
struct chain desk_take(struct desk *d);

/* Polls once for one completion, which has to come. */
struct vscsi_completion desk_poll(struct desk *d);

/* Polls once; nothing may come. */
void desk_poll_nothing(struct desk *d);

/* Submits a read, answers it like that, and returns how it ended. */
struct vscsi_completion desk_answer_read(struct desk *d, const struct answer *answer);

/* What the device did that it should not have, and was put right. */
uint64_t desk_errors(struct desk *d);

/* Puts this program's clock forward. */
void clock_skip(uint64_t ms);

int address_tests(void);
int open_tests(void);
int config_tests(void);
int bytes_tests(void);
int answer_tests(void);
int length_tests(void);
int retry_tests(void);
int limit_tests(void);
int handle_tests(void);
int share_tests(void);
int bell_tests(void);
int hostile_tests(void);
int event_tests(void);
int event_list_tests(void);
int flood_tests(void);
int task_tests(void);
int late_tests(void);
int age_tests(void);
int abort_tests(void);
int sleep_tests(void);
int sync_tests(void);
int parts_tests(void);
int probe_tests(void);
int memory_tests(void);
int recover_tests(void);
int relapse_tests(void);
int loop_tests(void);
int identity_tests(void);
int swap_tests(void);
int verify_tests(void);
int shrink_tests(void);
int packed_tests(void);

#endif
