/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of the request queues (virtio 1.4, 5.6.6.1) and the addresses in them.
 */
#ifndef TARGET_REQUEST_H
#define TARGET_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "ring.h"
#include "scsi.h"

struct session;

/*
 * request - carry out one SCSI command and write its response.
 * Returns the bytes written to the chain's writable part, or a negative errno with a sentence
 * when there is no room for header or response, in which case nothing can be answered.
 */
int64_t request(struct session *s, struct chain *c);

/*
 * request_address - who an 8-byte LUN field means. Fills in t->to, t->target and t->lun.
 * Returns false if there is no such target.
 */
bool request_address(const uint8_t lun[8], struct scsi_task *t);

#endif
