/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Raw SCSI commands, and texts for sense data, SCSI statuses and virtio-scsi responses.
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

/* vscsi_command.attr: task attributes (virtio 1.4, 5.6.6.1) */
#define VSCSI_ATTR_SIMPLE        0u
#define VSCSI_ATTR_ORDERED       1u
#define VSCSI_ATTR_HEAD_OF_QUEUE 2u
#define VSCSI_ATTR_ACA           3u

/*
 * vscsi_command.flags: the command may be executed twice, see "Recovery" in device.h. Without this
 * flag the command completes with -ECONNRESET if the device is lost, or a reset ends the command.
 */
#define VSCSI_COMMAND_REPEATABLE 1u

/**
 * struct vscsi_command - A SCSI command
 * @size: sizeof(struct vscsi_command)
 * @cdb_len: bytes of @cdb, 6 to VSCSI_MAX_CDB
 * @cdb: the command descriptor block; the library pads it with zeros
 * @out: segments of data for the device; NULL: none
 * @in: segments that receive data from the device; NULL: none. @out and @in in one command require
 *	the feature INOUT
 * @out_count, @in_count: number of segments
 * @attr: VSCSI_ATTR_*; most commands use SIMPLE
 * @retries: as vscsi_lun_opts.retries, except that 0 means that the command is never resent
 * @timeout_ms: limit in milliseconds, as vscsi_dev_opts.io_timeout_ms; 0: the LUN's,
 *	VSCSI_NO_TIMEOUT: none
 * @flags: VSCSI_COMMAND_REPEATABLE or 0
 *
 * The length in the CDB must equal the length of the data segments: some devices use one, some the
 * other.
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
 * @command: the command. The struct and its arrays are not used after this call returns. The
 *	segments are DMA memory and belong to the device until the completion is returned
 * @user_data: returned with the completion
 *
 * The rules at the top of io.h apply, except that the LUN may be opened with VSCSI_LUN_NO_PROBE.
 *
 * Return: as the calls of io.h; -EOPNOTSUPP for data in both directions without INOUT; -E2BIG also
 * for a CDB that is too long, or a struct of a newer library.
 */
int vscsi_prepare_command(struct vscsi_queue *queue, struct vscsi_lun *lun,
			  const struct vscsi_command *command, uint64_t user_data);

/**
 * vscsi_sense_text - Get a text for sense data
 * @key: sense key
 * @asc, @ascq: additional sense code, and its qualifier
 *
 * Any thread; no system call.
 *
 * Return: a static string, such as "UNIT ATTENTION: capacity data has changed". Never NULL.
 */
const char *vscsi_sense_text(unsigned key, unsigned asc, unsigned ascq);

/**
 * vscsi_status_text - Get a text for a SCSI status
 * @status: the status, such as 0x08
 *
 * Any thread; no system call.
 *
 * Return: a static string, such as "BUSY". Never NULL.
 */
const char *vscsi_status_text(unsigned status);

/**
 * vscsi_response_text - Get a text for a virtio-scsi response
 * @response: the response, such as 3
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
