/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SCSI commands: from the header of sg(4) to the library and back. What the device answered goes
 * back unchanged; what kept it from answering becomes the host status that Linux's virtio_scsi
 * driver has for it.
 */
#include "sg.h"

#include <errno.h>
#include <limits.h>
#include <linux/virtio_scsi.h>
#include <scsi/scsi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "common/clock.h"

/* Host status, Linux's include/scsi/scsi_status.h. */
#define DID_OK                  0x00
#define DID_BUS_BUSY            0x02
#define DID_TIME_OUT            0x03
#define DID_BAD_TARGET          0x04
#define DID_ABORT               0x05
#define DID_ERROR               0x07
#define DID_RESET               0x08
#define DID_TRANSPORT_DISRUPTED 0x0e
#define DID_TARGET_FAILURE      0x10
#define DID_NEXUS_FAILURE       0x11

#define DRIVER_SENSE            0x08
/* sg_io_hdr.flags: the data is in the reserved buffer; missing in glibc's <scsi/sg.h>. */
#define MMAP_IO 4
/* Missing in glibc's <scsi/scsi.h>. */
#define SCSI_READ_16  0x88
#define SCSI_WRITE_16 0x8a
/* vscsi_completion.response: the device gave none. */
#define NO_RESPONSE 0xff

/* A command of the asynchronous interface that is done. */
struct sg_done {
	struct sg_done *next;
	struct sg_io_hdr header;
};

static uint16_t host_status(const struct vscsi_completion *done)
{
	if (done->result == -ETIMEDOUT)
		return DID_TIME_OUT;
	switch (done->response) {
	case VIRTIO_SCSI_S_OK:
		return DID_OK;
	case VIRTIO_SCSI_S_ABORTED:
		return DID_ABORT;
	case VIRTIO_SCSI_S_BAD_TARGET:
		return DID_BAD_TARGET;
	case VIRTIO_SCSI_S_RESET:
		return DID_RESET;
	case VIRTIO_SCSI_S_BUSY:
		return DID_BUS_BUSY;
	case VIRTIO_SCSI_S_TRANSPORT_FAILURE:
		return DID_TRANSPORT_DISRUPTED;
	case VIRTIO_SCSI_S_TARGET_FAILURE:
		return DID_TARGET_FAILURE;
	case VIRTIO_SCSI_S_NEXUS_FAILURE:
		return DID_NEXUS_FAILURE;
	case NO_RESPONSE:
		return DID_TRANSPORT_DISRUPTED;
	default:
		return DID_ERROR;
	}
}

static void answer(struct sg_io_hdr *h, const struct vscsi_completion *done)
{
	h->host_status = host_status(done);
	h->status = h->host_status ? 0 : done->status;
	h->masked_status = h->status >> 1 & 0x1f;
	h->msg_status = 0;
	h->driver_status = 0;
	h->resid = done->residual > h->dxfer_len ? (int)h->dxfer_len : (int)done->residual;
	h->sb_len_wr = 0;
	if (done->sense_len && !h->host_status) {
		h->driver_status = DRIVER_SENSE;
		h->sb_len_wr = done->sense_len < h->mx_sb_len ? done->sense_len : h->mx_sb_len;
		if (h->sbp)
			memcpy(h->sbp, done->sense, h->sb_len_wr);
	}
	h->info = h->status || h->host_status || h->driver_status ? SG_INFO_CHECK : SG_INFO_OK;
}

/* The segments of the data, together dxfer_len bytes at most; *@copy has to be freed. */
static int segments(const struct sg_io_hdr *h, struct iovec *one, struct iovec **copy,
		    struct vscsi_command *command)
{
	const struct iovec *from = h->dxferp;
	struct iovec *iov = one;
	unsigned i, count = h->iovec_count;
	size_t left = h->dxfer_len;

	if (count > IOV_MAX)
		return -EINVAL;
	if (count) {
		iov = *copy = calloc(count, sizeof(*iov));
		if (!iov)
			return -ENOMEM;
		for (i = 0; i < count; i++) {
			iov[i] = from[i];
			if (iov[i].iov_len > left)
				iov[i].iov_len = left;
			left -= iov[i].iov_len;
		}
	}
	if (h->dxfer_direction == SG_DXFER_TO_DEV) {
		command->out = iov;
		command->out_count = count ? count : 1;
	} else {
		command->in = iov;
		command->in_count = count ? count : 1;
	}
	return 0;
}

/*
 * Reads and writes of disks, which the recovery policy of the device may send again. Some programs
 * take it for success if a loss ends one.
 */
static bool is_repeatable(const struct sg_unit *unit, uint8_t operation)
{
	static const uint8_t operations[] = {READ_6,  WRITE_6,  READ_10,      WRITE_10,
					     READ_12, WRITE_12, SCSI_READ_16, SCSI_WRITE_16};

	return unit->type == TYPE_DISK && memchr(operations, operation, sizeof(operations));
}

static int send_command(struct sg_file *file, struct sg_io_hdr *h, void *data)
{
	struct iovec one = {.iov_base = data, .iov_len = h->dxfer_len};
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = h->cmd_len,
		/* All ones are no limit for both. */
		.timeout_ms = h->timeout ? h->timeout : file->timeout_ms,
		.flags = is_repeatable(file->unit, *h->cmdp) ? VSCSI_COMMAND_REPEATABLE : 0,
	};
	struct vscsi_completion done = {.response = NO_RESPONSE};
	struct iovec *copy = NULL;
	uint64_t start = clock_now();
	bool before;
	int ret = 0;

	memcpy(command.cdb, h->cmdp, h->cmd_len);
	if (h->dxfer_direction != SG_DXFER_NONE && h->dxfer_len)
		ret = segments(h, &one, &copy, &command);
	if (ret)
		return ret;
	before = sg_enter();
	ret = vscsi_sync_command(file->unit->lun, &command, &done);
	free(copy);
	if (ret && done.response == NO_RESPONSE) {
		sg_say("%s", vscsi_last_error());
		done.result = ret;
	}
	sg_leave(before);
	h->duration = (unsigned)((clock_now() - start) / 1000000);
	if (done.response == NO_RESPONSE) {
		/* Not sent, and for a reason that is not the device's. */
		if (ret == -ENOMEM || ret == -E2BIG || ret == -EINVAL)
			return ret;
		/* As of a device that the kernel has removed: a host status is often ignored. */
		if (ret == -ENOTCONN || ret == -ENODEV)
			return -ENODEV;
	}
	answer(h, &done);
	return 0;
}

int sg_execute(struct sg_file *file, int fd, struct sg_io_hdr *h)
{
	void *data;
	int ret;

	if (!h)
		return -EFAULT;
	if (h->interface_id != 'S')
		return -ENOSYS;
	if (!h->cmdp || h->cmd_len < 6 || h->cmd_len > VSCSI_MAX_CDB)
		return -EMSGSIZE;
	ret = sg_ready(file);
	if (ret)
		return ret;
	if (!(h->flags & MMAP_IO))
		return send_command(file, h, h->dxferp);
	/* The data is in the reserved buffer, which the program has mapped. */
	if (h->iovec_count)
		return -EINVAL;
	data = mmap(NULL, h->dxfer_len ? h->dxfer_len : 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	if (data == MAP_FAILED)
		return -errno;
	ret = send_command(file, h, data);
	munmap(data, h->dxfer_len ? h->dxfer_len : 1);
	return ret;
}

ssize_t sg_write(struct sg_file *file, int fd, const void *buf, size_t bytes)
{
	struct sg_done *done, **end;
	int ret;

	if (bytes != sizeof(done->header))
		return -EINVAL;
	done = malloc(sizeof(*done));
	if (!done)
		return -ENOMEM;
	done->next = NULL;
	memcpy(&done->header, buf, bytes);
	ret = sg_execute(file, fd, &done->header);
	if (ret) {
		free(done);
		return ret;
	}
	pthread_mutex_lock(&file->lock);
	for (end = &file->done; *end; end = &(*end)->next)
		;
	*end = done;
	pthread_mutex_unlock(&file->lock);
	return (ssize_t)bytes;
}

ssize_t sg_read(struct sg_file *file, void *buf, size_t bytes)
{
	struct sg_io_hdr *wanted = buf;
	struct sg_done **at, *done;
	ssize_t ret = -EAGAIN; /* whatever was written is done: there is nothing to wait for */

	if (bytes != sizeof(*wanted))
		return -EINVAL;
	pthread_mutex_lock(&file->lock);
	for (at = &file->done; *at; at = &(*at)->next) {
		if (!file->by_pack_id || wanted->pack_id == -1 ||
		    wanted->pack_id == (*at)->header.pack_id)
			break;
	}
	done = *at;
	if (done) {
		*at = done->next;
		memcpy(buf, &done->header, bytes);
		free(done);
		ret = (ssize_t)bytes;
	}
	pthread_mutex_unlock(&file->lock);
	return ret;
}
