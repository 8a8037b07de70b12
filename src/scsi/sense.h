/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decodes sense data (SPC-4, "Sense data"). Its text is vscsi_sense_text() of <vscsi/scsi.h>; the
 * errno that it maps to is in response.h.
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

/* Additional sense codes of ILLEGAL REQUEST (SPC). */
#define SCSI_ASC_INVALID_FIELD 0x24u
#define SCSI_ASC_NO_SUCH_LUN   0x25u

/* Additional sense codes and qualifiers of unit attentions that report a change (SPC). */
#define SCSI_ASC_RESET              0x29u /* power on, reset */
#define SCSI_ASC_PARAMETERS_CHANGED 0x2au
#define SCSI_ASC_TARGET_CHANGED     0x3fu
#define SCSI_ASCQ_CAPACITY_CHANGED  0x09u /* of 2Ah */
#define SCSI_ASCQ_INQUIRY_CHANGED   0x03u /* of 3Fh, like those below */
#define SCSI_ASCQ_IDENTITY_CHANGED  0x05u
#define SCSI_ASCQ_LUNS_CHANGED      0x0eu

/**
 * struct scsi_sense - Decoded sense data
 * @key: SCSI_KEY_*, 0 to 15
 * @asc, @ascq: additional sense code and qualifier; 0 if the data is too short
 * @deferred: reports an error of an earlier command; the command that returned it was not executed
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
 * @len: bytes received, already limited to the response's sense_len (virtio 1.4, 5.6.6.1)
 * @out: receives the result, zeros on failure
 *
 * Return: 0, or -EPROTO if the data is too short for a sense key or has an unknown response code.
 */
int scsi_sense_decode(const uint8_t *data, size_t len, struct scsi_sense *out);

/* Text for sense data: vscsi_sense_text(). */
const char *scsi_sense_text(unsigned key, unsigned asc, unsigned ascq);

#endif
