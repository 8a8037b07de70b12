/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a response means for the caller: one errno, and whether to send the command again. The words
 * are vscsi_response_text() and vscsi_status_text() of <vscsi/scsi.h>.
 *
 * The virtio response decides first, and only with OK does the SCSI status count (virtio 1.4,
 * 5.6.6.1.1). One exception: back-ends exist that say FAILURE beside CHECK CONDITION and sense
 * data; then the sense tells what FAILURE does not.
 *
 * | response, status, sense                                     | result       |
 * |-------------------------------------------------------------|--------------|
 * | GOOD, CONDITION MET, RECOVERED ERROR                        | 0            |
 * | OVERRUN                                                     | -EOVERFLOW   |
 * | ABORTED, RESET; TASK ABORTED                                | -ECANCELED   |
 * | BAD TARGET, INCORRECT LUN; 5/25: no such logical unit       | -ENODEV      |
 * | BUSY (response or status), TASK SET FULL                    | -EBUSY       |
 * | UNIT ATTENTION; 2/04/01, 2/04/0A: soon ready                | -EAGAIN      |
 * | TRANSPORT, TARGET and NEXUS FAILURE, FAILURE, unknown ones  | -EREMOTEIO   |
 * | RESERVATION CONFLICT, ACA ACTIVE, unknown status            | -EREMOTEIO   |
 * | NOT READY, MEDIUM and HARDWARE ERROR, BLANK CHECK           | -EIO         |
 * | 2/3A: no medium                                             | -ENOMEDIUM   |
 * | 5/20/00: unknown command                                    | -EOPNOTSUPP  |
 * | 7/27: write protected                                       | -EROFS       |
 * | 7/27/07: thin space used up; VOLUME OVERFLOW                | -ENOSPC      |
 * | MISCOMPARE; 5/10, B/10: protection information              | -EILSEQ      |
 * | deferred sense: RECOVERED ERROR, any other key              | -EAGAIN, -EIO |
 * | every other sense, and CHECK CONDITION without any          | -EREMOTEIO   |
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
 * scsi_result - Make one errno of all that came back
 * @response: virtio-scsi response, any value
 * @status: SCSI status, any value
 * @sense: decoded sense data of this response, or NULL where there are none
 *
 * Knows nothing of lengths: that all data were transferred is for the caller to see.
 *
 * Return: 0 or a negative errno of the table above.
 */
int scsi_result(uint8_t response, uint8_t status, const struct scsi_sense *sense);

/**
 * scsi_retry - Tell whether the same command is worth sending again
 *
 * Arguments as scsi_result(). True only where the device did not carry the command out, so that
 * sending it twice does it once: BUSY, TASK SET FULL, UNIT ATTENTION, soon ready. How often is for
 * the caller to limit.
 */
bool scsi_retry(uint8_t response, uint8_t status, const struct scsi_sense *sense);

#endif
