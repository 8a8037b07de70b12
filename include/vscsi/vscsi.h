/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libvirtioscsi: a virtio-scsi initiator in user space.
 *
 * This header includes all the others; each of them also stands alone. The smallest program that
 * reads a block is vscsi_dev_open(), vscsi_lun_open(), vscsi_pread() and the two closes.
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
#include <vscsi/scsi.h>
#include <vscsi/sync.h>
#include <vscsi/task.h>
#include <vscsi/version.h>

#endif
