/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is done about requests that are ABORTING (queue/timeout.h):
 *
 *   step           sent                  if it doesn't help within task_timeout_ms
 *   ABORT          ABORT TASK            LUN_RESET; a request aborted by the application goes on
 *   LUN_RESET      LOGICAL UNIT RESET    the device is reset, as by vscsi_dev_reset()
 *
 * Other requests that the reset of a LUN cuts short are sent again, as after a reset of the device.
 *
 * Each step is taken by a poll of the request's queue and followed up by later ones; nothing waits.
 */
#ifndef DEVICE_ESCALATE_H
#define DEVICE_ESCALATE_H

#include "device/device.h"

/**
 * escalate - Take the next step against each ABORTING request of a queue, if it is time to
 * @queue: not locked
 * @now: clock_ms()
 *
 * control_kick() has to follow. Return: NULL, or why the device has to be reset.
 */
const char *escalate(struct vscsi_dev *dev, struct vscsi_queue *queue, uint64_t now);

#endif
