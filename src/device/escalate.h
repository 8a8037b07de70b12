/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The escalation against requests that are ABORTING (queue/timeout.h):
 *
 *   step        sent                 if it doesn't succeed within task_timeout_ms
 *   ABORT       ABORT TASK           LUN_RESET; a request aborted by the application continues
 *   LUN_RESET   LOGICAL UNIT RESET   the device is reset, as by vscsi_dev_reset()
 *
 * Other requests that the reset of a LUN aborts are sent again, as after a reset of the device.
 *
 * Polls of the request's queue take the steps; nothing waits.
 */
#ifndef DEVICE_ESCALATE_H
#define DEVICE_ESCALATE_H

#include "device/device.h"

/**
 * escalate - Take the next step against each ABORTING request of a queue, if it is time to
 * @queue: not locked
 * @now: clock_ms()
 *
 * control_kick() must follow. Return: NULL, or the reason to reset the device.
 */
const char *escalate(struct vscsi_dev *dev, struct vscsi_queue *queue, uint64_t now);

#endif
