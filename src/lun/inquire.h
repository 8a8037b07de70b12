/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Questions to a logical unit that return data into a small buffer: what scanning and probing are
 * made of. Each waits for its answer.
 */
#ifndef LUN_INQUIRE_H
#define LUN_INQUIRE_H

#include <errno.h>

#include "lun/lun.h"

struct vscsi_completion;

/*
 * Times that a question is sent again on UNIT ATTENTION and the like: resets can come several at
 * once.
 */
#define INQUIRE_RETRIES 8

/**
 * inquire - Send a command that returns data
 * @lun: to whom; need not be probed
 * @cdb: 16 bytes; shorter commands are padded with zeros
 * @buf: receives the answer; zeros behind what was received
 * @len: its size, which must be the allocation length in @cdb
 * @received: receives the number of bytes that are really there (virtio 1.4, 2.7.8.3)
 * @done: receives how it ended; may be NULL
 *
 * Return: 0, or a negative errno as in struct vscsi_completion with its sentence set.
 */
int inquire(struct vscsi_lun *lun, const uint8_t cdb[16], void *buf, uint32_t len,
	    uint32_t *received, struct vscsi_completion *done);

/*
 * Whether such an error says something of the device as a whole. All others are an answer of this
 * LUN: no such target, no such LUN, or one that can't tell; -EPROTO is a back-end that completes
 * without an answer when nobody is there.
 */
static inline bool inquire_got_nowhere(int err)
{
	return err == -ENOTCONN || err == -ETIMEDOUT || err == -ENOMEM || err == -EFAULT;
}

#endif
