/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The back-end: connections and lies. Its rings, messages and disks are in backend_*.c.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "backend_parts.h"
#include "util/bits.h"

struct backend be;

/* 0: the truth, which it is until the count before the next lie is over. */
unsigned backend_lie(struct lies *lies)
{
	uint8_t kind;

	if (!be.in->left || !lies->begun) {
		lies->begun = true;
		lies->wait = input_back(be.in);
	}
	if (!be.in->left || lies->wait--)
		return 0;
	kind = input_back(be.in);
	lies->wait = input_back(be.in);
	return kind;
}

static void offer(unsigned how)
{
	be.features = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
		      BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_SCSI_F_INOUT) |
		      BIT(VIRTIO_SCSI_F_HOTPLUG) | BIT(VIRTIO_SCSI_F_CHANGE) |
		      BIT(VU_F_PROTOCOL_FEATURES);
	if (how & BACKEND_PACKED)
		be.features |= BIT(VIRTIO_F_RING_PACKED);
	if (how & BACKEND_IN_ORDER)
		be.features |= BIT(VIRTIO_F_IN_ORDER);
	be.protocol = BIT(VU_PROTOCOL_MQ) | BIT(VU_PROTOCOL_REPLY_ACK) | BIT(VU_PROTOCOL_CONFIG) |
		      BIT(VU_PROTOCOL_BACKEND_REQ) | BIT(VU_PROTOCOL_STATUS) |
		      BIT(VU_PROTOCOL_RESET_DEVICE);
	if (how & BACKEND_TRACKS)
		be.protocol |= BIT(VU_PROTOCOL_INFLIGHT_SHMFD);
	if (how & BACKEND_SLOTS)
		be.protocol |= BIT(VU_PROTOCOL_CONFIGURE_MEM_SLOTS);
	be.queues = BACKEND_RINGS;
	be.slots = 16;
	be.config = (struct virtio_scsi_config){
		.num_queues = htole32(BACKEND_RINGS - 2),
		.seg_max = htole32(BACKEND_SEGS),
		.max_sectors = htole32(64),
		.cmd_per_lun = htole32(128),
		.event_info_size = htole32(16),
		.sense_size = htole32(VIRTIO_SCSI_SENSE_DEFAULT_SIZE),
		.cdb_size = htole32(VIRTIO_SCSI_CDB_DEFAULT_SIZE),
		.max_target = 0,
		.max_lun = htole32(BACKEND_LUNS - 1),
	};
}

/* How this connection differs from the first one. Return: an error that connect() ends with. */
static int vary(void)
{
	static const uint8_t bits[] = {
		VIRTIO_RING_F_INDIRECT_DESC, VIRTIO_RING_F_EVENT_IDX, VIRTIO_F_RING_PACKED,
		VIRTIO_F_IN_ORDER,           VIRTIO_SCSI_F_INOUT,     VIRTIO_SCSI_F_HOTPLUG,
		VIRTIO_F_VERSION_1,          VU_F_PROTOCOL_FEATURES,
	};
	static const uint8_t protocol[] = {
		VU_PROTOCOL_MQ,
		VU_PROTOCOL_REPLY_ACK,
		VU_PROTOCOL_BACKEND_REQ,
		VU_PROTOCOL_CONFIG,
		VU_PROTOCOL_INFLIGHT_SHMFD,
		VU_PROTOCOL_RESET_DEVICE,
		VU_PROTOCOL_CONFIGURE_MEM_SLOTS,
		VU_PROTOCOL_STATUS,
	};
	static const int errors[] = {ECONNREFUSED, EAGAIN, ENOENT, EACCES};
	uint8_t how = input_back(be.in);
	uint8_t which;

	if (how & 1)
		be.features ^= BIT(bits[input_back(be.in) % ARRAY_LEN(bits)]);
	if (how & 2)
		be.protocol ^= BIT(protocol[input_back(be.in) % ARRAY_LEN(protocol)]);
	if (how & 4)
		be.queues = input_back(be.in);
	if (how & 8)
		be.slots = input_back(be.in);
	if (how & 16) {
		which = input_back(be.in) % sizeof(be.config);
		((uint8_t *)&be.config)[which] = input_back(be.in);
	}
	if (how & 32) {
		which = input_back(be.in);
		disks_swap(which % BACKEND_LUNS, which & 0x80);
	}
	return how & 128 ? -errors[input_back(be.in) % ARRAY_LEN(errors)] : 0;
}

void backend_close(void)
{
	unsigned i;

	close_fd(&be.fd);
	close_fd(&be.channel);
	close_fd(&be.err);
	for (i = 0; i < BACKEND_RINGS; i++) {
		close_fd(&be.rings[i].kick);
		close_fd(&be.rings[i].call);
		be.rings[i].started = false;
		be.rings[i].stopped = 0;
	}
	be.nregions = 0;
}

void backend_begin(struct input *in, unsigned how)
{
	unsigned i;

	memset(&be, 0, sizeof(be));
	be.in = in;
	be.fd = be.channel = be.err = -1;
	for (i = 0; i < BACKEND_RINGS; i++)
		be.rings[i].kick = be.rings[i].call = -1;
	offer(how);
	disks_begin();
}

void backend_end(void)
{
	unsigned i;

	backend_close();
	for (i = 0; i < BACKEND_RINGS; i++)
		device_detach(&be.rings[i].dev);
}

int backend_connect(int end)
{
	int err;

	/* The one before may not have noticed the end yet. */
	backend_close();
	err = vary();
	if (err)
		return err;
	be.fd = end;
	be.acked = 0;
	be.status = 0;
	be.accepted = 0;
	return 0;
}

void backend_die(void)
{
	backend_turn();
	backend_close();
}

/* What it sends and signals is its own turn again. */
void backend_turn(void)
{
	unsigned i;

	if (be.busy)
		return;
	be.busy = true;
	while (backend_receive())
		;
	for (i = 0; i < BACKEND_RINGS; i++)
		ring_serve(&be.rings[i], i);
	be.busy = false;
}

void backend_change_config(void)
{
	struct vu_header head = {VU_BACKEND_CONFIG_CHANGE, VU_VERSION | VU_NEED_REPLY, 0};
	unsigned lie = backend_lie(&be.message_lies);

	if (lie)
		((uint8_t *)&head)[lie % sizeof(head)] = input_back(be.in);
	if (be.channel >= 0)
		send(be.channel, &head, sizeof(head), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void backend_signal_error(void)
{
	if (be.err >= 0)
		eventfd_write(be.err, 1);
}

bool backend_is_honest(void)
{
	return !be.ring_lied && !be.disk_lied;
}

const char *backend_broken(void)
{
	unsigned i;

	for (i = 0; !be.ring_lied && i < BACKEND_RINGS; i++) {
		if (be.rings[i].dev.broken)
			return be.rings[i].dev.broken;
	}
	return NULL;
}
