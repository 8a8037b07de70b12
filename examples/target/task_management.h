/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control queue: task management and asynchronous notification (virtio 1.4, 5.6.6.2).
 */
#ifndef TARGET_TASK_MANAGEMENT_H
#define TARGET_TASK_MANAGEMENT_H

#include <stdint.h>

#include "ring.h"

struct session;

/*
 * task_management - execute a control request.
 * Returns the bytes written, or a negative errno with the error text set if the request has no room
 * for its header or response.
 */
int64_t task_management(struct session *s, struct chain *c);

#endif
