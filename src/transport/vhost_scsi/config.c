/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration space (virtio 1.4, 5.6.4). The kernel provides none, so it is derived from the
 * limits of the kernel's code.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include "transport/vhost_scsi/endpoint.h"
#include "util/error.h"

#define PAGE_SECTORS 8u /* 4096 bytes */

int vs_read_config(struct transport *t, unsigned offset, void *buf, unsigned len)
{
	struct virtio_scsi_config config = {
		.num_queues = htole32(vs_of(t)->vring_count - 2),
		.seg_max = htole32(VS_MAX_SEGS),
		/* A segment that isn't page-aligned touches up to two more pages. */
		.max_sectors = htole32((VS_MAX_PAGES - 2 * VS_MAX_SEGS) * PAGE_SECTORS),
		/* LIO has no such limit: a busy LUN returns BUSY. */
		.cmd_per_lun = htole32(UINT32_MAX),
		/* The kernel refuses event buffers of any other size. */
		.event_info_size = htole32(sizeof(struct virtio_scsi_event)),
		.sense_size = htole32(VIRTIO_SCSI_SENSE_DEFAULT_SIZE),
		.cdb_size = htole32(VIRTIO_SCSI_CDB_DEFAULT_SIZE),
		.max_target = htole16(255),
		.max_lun = htole32(16383),
	};

	if (offset > sizeof(config) || len > sizeof(config) - offset)
		return error_set(-EINVAL, "configuration has no bytes %u to %u", offset,
				 offset + len);
	memcpy(buf, (const char *)&config + offset, len);
	return 0;
}

int vs_write_config(struct transport *t, unsigned offset, const void *buf, unsigned len)
{
	(void)t;
	(void)offset;
	(void)buf;
	(void)len;
	return error_set(-EOPNOTSUPP, "the kernel's sizes of CDB and sense data are fixed");
}
