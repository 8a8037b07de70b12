/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Maps a response to an errno, and decides whether the command can be sent again.
 *
 * The virtio response comes first; the SCSI status counts only if the response is OK (virtio 1.4,
 * 5.6.6.1.1). One exception: some back-ends return FAILURE together with sense data, most of them
 * with CHECK CONDITION; then the sense data, which is more specific, determines the errno.
 *
 * | response, status, sense                                     | result       |
 * |-------------------------------------------------------------|--------------|
 * | GOOD, CONDITION MET, RECOVERED ERROR                        | 0            |
 * | OVERRUN                                                     | -EOVERFLOW   |
 * | ABORTED, RESET; TASK ABORTED                                | -ECANCELED   |
 * | BAD TARGET, INCORRECT LUN; 5/25: no such logical unit       | -ENODEV      |
 * | BUSY (response or status), TASK SET FULL                    | -EBUSY       |
 * | UNIT ATTENTION; 2/04/01, 2/04/0A: becoming ready            | -EBUSY       |
 * | TRANSPORT, TARGET and NEXUS FAILURE, FAILURE, unknown       | -EREMOTEIO   |
 * | RESERVATION CONFLICT                                        | -EBADE       |
 * | ACA ACTIVE, unknown status                                  | -EREMOTEIO   |
 * | NOT READY, MEDIUM and HARDWARE ERROR, BLANK CHECK           | -EIO         |
 * | 2/3A: no medium                                             | -ENOMEDIUM   |
 * | 5/20/00: unknown command                                    | -EOPNOTSUPP  |
 * | 7/27: write protected                                       | -EROFS       |
 * | 7/27/07: thin provisioning, no space; VOLUME OVERFLOW       | -ENOSPC      |
 * | MISCOMPARE; 5/10, B/10: protection information              | -EILSEQ      |
 * | deferred sense: RECOVERED ERROR, any other key              | -EBUSY, -EIO  |
 * | all other sense data, CHECK CONDITION without sense data    | -EREMOTEIO   |
 */
#ifndef SCSI_RESPONSE_H
#define SCSI_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

struct scsi_sense;

/* SCSI status (SAM-5, "Status codes"). */
#define SCSI_GOOD                 0x00u
#define SCSI_CHECK_CONDITION      0x02u
#define SCSI_CONDITION_MET        0x04u
#define SCSI_BUSY                 0x08u
#define SCSI_RESERVATION_CONFLICT 0x18u
#define SCSI_TASK_SET_FULL        0x28u
#define SCSI_ACA_ACTIVE           0x30u
#define SCSI_TASK_ABORTED         0x40u

/**
 * scsi_result - Map a response to an errno
 * @response: virtio-scsi response, any value
 * @status: SCSI status, any value
 * @sense: decoded sense data of this response, or NULL if there is none
 *
 * Does not look at lengths: the caller checks that all data was transferred.
 *
 * Return: 0 or a negative errno from the table above.
 */
int scsi_result(uint8_t response, uint8_t status, const struct scsi_sense *sense);

/* Whether and when a command can be sent again. */
enum scsi_retry {
	SCSI_RETRY_NEVER,
	SCSI_RETRY_NOW,     /* it was not executed: UNIT ATTENTION */
	SCSI_RETRY_LATER,   /* it was not executed: BUSY, TASK SET FULL, becoming ready */
	SCSI_RETRY_ABORTED, /* a reset or an abort ended it: it may have been executed */
};

/**
 * scsi_retry - Check whether a command can be sent again
 *
 * Arguments as for scsi_result(). The caller limits the number of retries, or their time.
 */
enum scsi_retry scsi_retry(uint8_t response, uint8_t status, const struct scsi_sense *sense);

/**
 * scsi_flush_is_void - Check whether a SYNCHRONIZE CACHE that failed had nothing to do
 * @write_cache: the LUN reports a volatile cache
 *
 * The other arguments as for scsi_result(). True if the sense data reports no error (NO SENSE), or
 * if a LUN without a volatile cache rejects the command (ILLEGAL REQUEST).
 */
bool scsi_flush_is_void(uint8_t response, uint8_t status, const struct scsi_sense *sense,
			bool write_cache);

/* Texts for a response and a status: vscsi_response_text() and vscsi_status_text(). */
const char *scsi_response_text(unsigned response);
const char *scsi_status_text(unsigned status);

#endif
