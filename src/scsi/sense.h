/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decodes sense data (SPC-4, "Sense data"): why a command did not simply succeed. The words for it
 * are vscsi_sense_text() of <vscsi/scsi.h>; what the library does about it is in response.h.
 */
#ifndef SCSI_SENSE_H
#define SCSI_SENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sense keys. */
#define SCSI_KEY_NO_SENSE        0x0u
#define SCSI_KEY_RECOVERED_ERROR 0x1u
#define SCSI_KEY_NOT_READY       0x2u
#define SCSI_KEY_MEDIUM_ERROR    0x3u
#define SCSI_KEY_HARDWARE_ERROR  0x4u
#define SCSI_KEY_ILLEGAL_REQUEST 0x5u
#define SCSI_KEY_UNIT_ATTENTION  0x6u
#define SCSI_KEY_DATA_PROTECT    0x7u
#define SCSI_KEY_BLANK_CHECK     0x8u
#define SCSI_KEY_VENDOR_SPECIFIC 0x9u
#define SCSI_KEY_COPY_ABORTED    0xau
#define SCSI_KEY_ABORTED_COMMAND 0xbu
#define SCSI_KEY_VOLUME_OVERFLOW 0xdu
#define SCSI_KEY_MISCOMPARE      0xeu
#define SCSI_KEY_COMPLETED       0xfu

/**
 * struct scsi_sense - Decoded sense data
 * @key: SCSI_KEY_*, 0 to 15
 * @asc, @ascq: additional sense code and its qualifier; 0 where the data are too short to have them
 * @deferred: it tells of an earlier command; the one that returned it was not carried out
 */
struct scsi_sense {
	uint8_t key;
	uint8_t asc;
	uint8_t ascq;
	bool deferred;
};

/**
 * scsi_sense_decode - Decode sense data in fixed or descriptor format
 * @data: what the device sent
 * @len: bytes really received, already limited to the response's sense_len (virtio 1.4, 5.6.6.1)
 * @out: receives the result, or zeros on failure
 *
 * Every length inside the data is limited to @len and to the one that contains it.
 *
 * Return: 0, or -EPROTO when there is no sense key or the format is none that is known.
 */
int scsi_sense_decode(const uint8_t *data, size_t len, struct scsi_sense *out);

#endif
