/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The version at build time and at run time, and a macro for each feature, so that a program can be
 * built against older and newer headers.
 */
#ifndef VSCSI_VERSION_H
#define VSCSI_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

#define VSCSI_VERSION_MAJOR     0
#define VSCSI_VERSION_MINOR     1
#define VSCSI_VERSION_PATCH     0

#define VSCSI_HAVE_VHOST_USER   1 /* addresses that begin with vhost-user: */
#define VSCSI_HAVE_PCI          1 /* addresses that begin with pci: */
#define VSCSI_HAVE_VFIO_USER    1 /* addresses that begin with vfio-user: */
#define VSCSI_HAVE_VHOST_SCSI   1 /* addresses that begin with vhost-scsi: */
#define VSCSI_HAVE_PCI_NOTIFY   1 /* options notify_data and notify_config */
#define VSCSI_HAVE_IOMMU        1 /* option iommu, VSCSI_IOMMU_* */
#define VSCSI_HAVE_PACKED       1 /* options packed and in_order */
#define VSCSI_HAVE_EVENTS       1 /* vscsi_dev_poll_events() */
#define VSCSI_HAVE_TASK         1 /* vscsi_lun_reset(), vscsi_target_reset() */
#define VSCSI_HAVE_ABORT        1 /* vscsi_abort() */
#define VSCSI_HAVE_RECOVERY     1 /* vscsi_dev_opts.recovery, vscsi_dev_reset() */
#define VSCSI_HAVE_TIMEOUT      1 /* io_timeout_ms, and limits of LUNs and raw commands */
#define VSCSI_HAVE_WAIT         1 /* vscsi_queue_fd(), vscsi_arm(), vscsi_wait() */
#define VSCSI_HAVE_SHARED_WAIT  1 /* the same on shared queues */
#define VSCSI_HAVE_NEXT_TIMEOUT 1 /* vscsi_next_timeout_ms() */
#define VSCSI_HAVE_DEV_FD       1 /* vscsi_dev_fd() */
#define VSCSI_HAVE_DRAIN        1 /* vscsi_queue_drain() */
#define VSCSI_HAVE_SHUTDOWN     1 /* vscsi_dev_shutdown() */
#define VSCSI_HAVE_SPIN         1 /* vscsi_queue_opts.spin_us */
#define VSCSI_HAVE_RESERVE      1 /* the calls of reserve.h */
#define VSCSI_HAVE_OPEN_BY_ID   1 /* vscsi_lun_open_by_id(), option id */

/**
 * vscsi_version - Get the version of the library that is running
 *
 * Any thread; no system call.
 *
 * Return: "MAJOR.MINOR.PATCH", a static string. It may be newer than VSCSI_VERSION_* of the headers
 * that the program was built with.
 */
const char *vscsi_version(void);

#ifdef __cplusplus
}
#endif

#endif
