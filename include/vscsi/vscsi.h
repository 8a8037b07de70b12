/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libvirtioscsi: a virtio-scsi initiator in user space.
 *
 * This header includes all others; each of them can also be included alone. The smallest program
 * that reads a block calls vscsi_dev_open(), vscsi_lun_open(), vscsi_pread(), vscsi_lun_close() and
 * vscsi_dev_close().
 *
 * The top of device.h describes which calls wait, what happens when a device is lost, and what a
 * child process of fork() may do.
 */
#ifndef VSCSI_VSCSI_H
#define VSCSI_VSCSI_H

#include <vscsi/device.h>
#include <vscsi/error.h>
#include <vscsi/io.h>
#include <vscsi/log.h>
#include <vscsi/lun.h>
#include <vscsi/mem.h>
#include <vscsi/queue.h>
#include <vscsi/reserve.h>
#include <vscsi/scsi.h>
#include <vscsi/stats.h>
#include <vscsi/sync.h>
#include <vscsi/task.h>
#include <vscsi/version.h>

#endif
