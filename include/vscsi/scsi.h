/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Raw SCSI commands, and texts for what the device answers.
 */
#ifndef VSCSI_SCSI_H
#define VSCSI_SCSI_H

#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_lun;
struct vscsi_queue;

/* Longest CDB: the default cdb_size of a virtio-scsi device (virtio 1.4, 5.6.4). */
#define VSCSI_MAX_CDB 32

/* vscsi_command.attr */
#define VSCSI_ATTR_SIMPLE        0u
#define VSCSI_ATTR_ORDERED       1u
#define VSCSI_ATTR_HEAD_OF_QUEUE 2u
#define VSCSI_ATTR_ACA           3u

/* vscsi_command.flags */
/*
 * It may be executed twice: see VSCSI_RECOVERY_REPLAY. Others end with -ECONNRESET where the device
 * is lost, or a reset cuts them short.
 */
#define VSCSI_COMMAND_REPEATABLE 1u

/**
 * struct vscsi_command - A SCSI command
 * @size: sizeof(struct vscsi_command)
 * @cdb_len: bytes of @cdb, 6 to VSCSI_MAX_CDB
 * @cdb: the command descriptor block; shorter ones are padded with zeros
 * @out: segments of data for the device, NULL for none
 * @in: segments that receive data, NULL for none. Both at once need the INOUT feature
 * @out_count, @in_count: number of segments
 * @attr: VSCSI_ATTR_*; most commands use SIMPLE
 * @retries: as vscsi_lun_opts.retries; 0: it is never sent again
 * @timeout_ms: limit in milliseconds, as vscsi_dev_opts.io_timeout_ms; 0: the LUN's,
 *	VSCSI_NO_TIMEOUT: none
 * @flags: VSCSI_COMMAND_*
 *
 * The lengths in the CDB and of the data segments must agree; devices differ in which one they use.
 */
struct vscsi_command {
	uint32_t size;
	uint32_t cdb_len;
	uint8_t cdb[VSCSI_MAX_CDB];
	const struct iovec *out;
	const struct iovec *in;
	uint32_t out_count;
	uint32_t in_count;
	uint32_t attr;
	uint32_t retries;
	uint32_t timeout_ms;
	uint32_t flags;
};

/**
 * vscsi_prepare_command - Prepare any SCSI command
 * @queue: the queue
 * @lun: the LUN
 * @command: the command; neither it nor its arrays are referenced after the call, the segments are
 *	DMA memory
 * @user_data: returned with the completion
 *
 * The rules at the top of io.h apply.
 *
 * Return: as the calls of io.h; -EOPNOTSUPP for data in both directions without INOUT; -E2BIG also
 * for a CDB that is too long or a struct of a newer library.
 */
int vscsi_prepare_command(struct vscsi_queue *queue, struct vscsi_lun *lun,
			  const struct vscsi_command *command, uint64_t user_data);

/**
 * vscsi_sense_text - Get a text for sense data
 * @key: sense key
 * @asc, @ascq: additional sense code and its qualifier
 *
 * Any thread; no system call.
 *
 * Return: a static string, such as "UNIT ATTENTION: capacity data has changed". Never NULL.
 */
const char *vscsi_sense_text(unsigned key, unsigned asc, unsigned ascq);

/**
 * vscsi_status_text - Get a text for a SCSI status
 * @status: such as 0x08
 *
 * Any thread; no system call.
 *
 * Return: a static string, such as "BUSY". Never NULL.
 */
const char *vscsi_status_text(unsigned status);

/**
 * vscsi_response_text - Get a text for a virtio-scsi response
 * @response: such as 3
 *
 * Any thread; no system call.
 *
 * Return: a static string, such as "no such target". Never NULL.
 */
const char *vscsi_response_text(unsigned response);

#ifdef __cplusplus
}
#endif

#endif
