/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of the request queues (virtio 1.4, 5.6.6.1) and their LUN field.
 */
#ifndef TARGET_REQUEST_H
#define TARGET_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "ring.h"
#include "scsi.h"

struct session;

/*
 * request - execute a SCSI command and write its response.
 * Returns the bytes written to the chain's writable part, or a negative errno with the error text
 * set if there is no room for header or response, so that no response is possible.
 */
int64_t request(struct session *s, const struct ring *r, struct chain *c);

/*
 * request_address - decode a LUN field into t->to, t->target and t->lun.
 * Returns false if there is no such target.
 */
bool request_address(const uint8_t lun[8], struct scsi_task *t);

#endif
