/* SPDX-License-Identifier: BSD-3-Clause */
/* The back-end: connections, messages and rings. What its disks answer is in backend_disk.c. */
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "backend_parts.h"
#include "kernel.h"
#include "util/bits.h"

#define AREA 4096u /* bytes of the account of what is in flight */

static uint8_t area[AREA];
struct backend be;

/* -- lies -- */

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

/* -- connections -- */

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

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_connection(void)
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

	close_connection();
	for (i = 0; i < BACKEND_RINGS; i++)
		device_detach(&be.rings[i].dev);
}

int backend_connect(int end)
{
	int err;

	/* The one before may not have noticed the end yet. */
	close_connection();
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
	close_connection();
}

/* -- rings -- */

static void *memory_at(void *ctx, uint64_t addr, uint64_t len)
{
	unsigned i;

	(void)ctx;
	for (i = 0; i < be.nregions; i++) {
		const struct vu_region *r = &be.regions[i];

		if (range_inside(addr, len, r->guest, r->size))
			return (void *)(uintptr_t)(addr - r->guest + r->user);
	}
	return NULL;
}

/* One that can't map its ring goes no further with it. */
static bool is_mapped(const struct ring *ring, bool packed)
{
	const uint64_t at[] = {ring->addr.desc_user_addr, ring->addr.avail_user_addr,
			       ring->addr.used_user_addr};
	const uint64_t bytes[] = {16 * (uint64_t)ring->num,
				  packed ? 4 : 6 + 2 * (uint64_t)ring->num,
				  packed ? 4 : 6 + 8 * (uint64_t)ring->num};
	unsigned parts = 0;
	unsigned i;
	unsigned k;

	for (i = 0; i < be.nregions; i++) {
		for (k = 0; k < 3; k++)
			parts += range_inside(at[k], bytes[k], be.regions[i].user,
					      be.regions[i].size);
	}
	return parts == 3;
}

static void start_ring(struct ring *ring)
{
	struct ring_device *dev = &ring->dev;
	bool packed = be.accepted & BIT(VIRTIO_F_RING_PACKED);

	if (ring->started || !ring->num || !is_mapped(ring, packed))
		return;
	ring->started = true;
	/* It was only stopped for a moment. */
	if (ring->base && ring->base == ring->stopped && dev->size == ring->num &&
	    dev->desc == (void *)(uintptr_t)ring->addr.desc_user_addr)
		return;
	/* Nobody knows what it had that is not its own: what is taken now may be taken twice. */
	be.ring_lied |= ring->base != (packed ? 0x80008000 : 0);
	device_detach(dev);
	dev->desc = (void *)(uintptr_t)ring->addr.desc_user_addr;
	dev->driver = (void *)(uintptr_t)ring->addr.avail_user_addr;
	dev->device = (void *)(uintptr_t)ring->addr.used_user_addr;
	dev->size = ring->num;
	dev->packed = packed;
	dev->in_order = be.accepted & BIT(VIRTIO_F_IN_ORDER);
	dev->event_idx = be.accepted & BIT(VIRTIO_RING_F_EVENT_IDX);
	dev->indirect = be.accepted & BIT(VIRTIO_RING_F_INDIRECT_DESC);
	dev->max_elems = BACKEND_ELEMS;
	dev->translate = memory_at;
	device_attach(dev);
	ring->nheld = 0;
	device_move(dev, (uint16_t)ring->base, (uint16_t)(packed ? ring->base >> 16 : ring->base));
}

static uint32_t stop_ring(struct ring *ring)
{
	ring->started = false;
	ring->stopped = 0;
	if (ring->dev.holds)
		ring->stopped = ring->dev.packed ? device_position(&ring->dev) : ring->dev.seen;
	return ring->stopped;
}

void ring_call(struct ring *ring)
{
	if (device_show(&ring->dev) && ring->call >= 0)
		eventfd_write(ring->call, 1);
}

bool ring_take(struct ring *ring, struct held *held)
{
	struct device_elem elems[BACKEND_ELEMS];
	unsigned i;

	held->nout = held->nin = 0;
	if (!device_take(&ring->dev, &held->chain, elems))
		return false;
	for (i = 0; i < held->chain.count; i++) {
		struct iovec iov = {elems[i].at, elems[i].len};

		if (elems[i].writable)
			held->in[held->nin++] = iov;
		else
			held->out[held->nout++] = iov;
	}
	return true;
}

static void serve_ring(struct ring *ring, unsigned index)
{
	eventfd_t ignored;

	if (!ring->started || index == 1)
		return;
	if (ring->kick >= 0)
		eventfd_read(ring->kick, &ignored);
	do {
		while (ring->nheld < BACKEND_HELD && ring_take(ring, &ring->held[ring->nheld])) {
			ring->nheld++;
			disks_serve(ring, index);
		}
	} while (ring->nheld < BACKEND_HELD && !ring->dev.broken && !device_sleep(&ring->dev));
}

/* -- messages -- */

static void put(const void *bytes, size_t len)
{
	if (len > sizeof(be.reply) - be.reply_len)
		len = sizeof(be.reply) - be.reply_len;
	memcpy(be.reply + be.reply_len, bytes, len);
	be.reply_len += len;
}

static void put_u64(uint64_t value)
{
	put(&value, sizeof(value));
}

static struct ring *ring_of(uint64_t index)
{
	return &be.rings[(index & VU_VRING_INDEX_MASK) % BACKEND_RINGS];
}

/* The first descriptor of a message; the others are closed. */
static int take_fd(void)
{
	int fd = be.nfds ? be.fds[0] : -1;

	if (be.nfds)
		be.fds[0] = -1;
	return fd;
}

static void add_region(const struct vu_region *region)
{
	if (be.nregions < ARRAY_LEN(be.regions))
		be.regions[be.nregions++] = *region;
}

static void set_table(const struct vu_table *table)
{
	unsigned i;

	be.nregions = 0;
	for (i = 0; i < table->count && i < VU_TABLE_REGIONS; i++)
		add_region(&table->regions[i]);
}

static void remove_region(const struct vu_region *region)
{
	unsigned i;

	for (i = 0; i < be.nregions; i++) {
		if (be.regions[i].user == region->user)
			be.regions[i] = be.regions[--be.nregions];
	}
}

static void reset(void)
{
	unsigned i;

	for (i = 0; i < BACKEND_RINGS; i++)
		stop_ring(&be.rings[i]);
	be.accepted = 0;
}

/* What a message about rings does. Return: whether it was one. */
static bool ring_message(uint32_t request, const void *payload)
{
	const struct vhost_vring_state *state = payload;
	struct ring *ring = ring_of(state->index);

	switch (request) {
	case VU_SET_VRING_NUM:
		ring->num = state->num;
		return true;
	case VU_SET_VRING_BASE:
		ring->base = state->num;
		return true;
	case VU_SET_VRING_ADDR:
		memcpy(&ring->addr, payload, sizeof(ring->addr));
		return true;
	case VU_SET_VRING_CALL:
		close_fd(&ring->call);
		ring->call = take_fd();
		return true;
	case VU_SET_VRING_KICK:
		close_fd(&ring->kick);
		ring->kick = take_fd();
		start_ring(ring);
		return true;
	case VU_SET_VRING_ENABLE:
		return true;
	default:
		return false;
	}
}

static void set_message(uint32_t request, const void *payload)
{
	uint64_t value;

	memcpy(&value, payload, sizeof(value));
	if (ring_message(request, payload))
		return;
	switch (request) {
	case VU_SET_FEATURES:
		be.accepted = value;
		break;
	case VU_SET_PROTOCOL_FEATURES:
		be.acked = value;
		break;
	case VU_SET_STATUS:
		be.status = (uint8_t)value;
		break;
	case VU_SET_MEM_TABLE:
		set_table(payload);
		break;
	case VU_ADD_MEM_REG:
		add_region(&((const struct vu_slot *)payload)->region);
		break;
	case VU_REM_MEM_REG:
		remove_region(&((const struct vu_slot *)payload)->region);
		break;
	case VU_SET_VRING_ERR:
		close_fd(&be.err);
		be.err = take_fd();
		break;
	case VU_SET_BACKEND_REQ_FD:
		close_fd(&be.channel);
		be.channel = take_fd();
		break;
	case VU_RESET_DEVICE:
		reset();
		break;
	default:
		break;
	}
}

/* Payloads of messages that have an answer of their own. Return: whether it is one. */
static bool get_message(uint32_t request, const void *payload)
{
	struct vu_config config = {.size = sizeof(be.config)};
	struct vu_inflight inflight = {.size = AREA};
	struct vhost_vring_state state;

	switch (request) {
	case VU_GET_FEATURES:
		put_u64(be.features);
		return true;
	case VU_GET_PROTOCOL_FEATURES:
		put_u64(be.protocol);
		return true;
	case VU_GET_QUEUE_NUM:
		put_u64(be.queues);
		return true;
	case VU_GET_MAX_MEM_SLOTS:
		put_u64(be.slots);
		return true;
	case VU_GET_STATUS:
		put_u64(be.status);
		return true;
	case VU_GET_CONFIG:
		memcpy(config.bytes, &be.config, sizeof(be.config));
		put(&config, sizeof(config));
		return true;
	case VU_GET_INFLIGHT_FD:
		be.gives_file = true;
		put(&inflight, sizeof(inflight));
		return true;
	case VU_GET_VRING_BASE:
		memcpy(&state, payload, sizeof(state));
		state.num = stop_ring(ring_of(state.index));
		put(&state, sizeof(state));
		return true;
	default:
		return false;
	}
}

/* Other values, headers or lengths, twice, with a descriptor, an end, or nothing at all. */
static void distort(unsigned how)
{
	size_t head = sizeof(struct vu_header);
	size_t i;

	switch (how % 10) {
	case 1:
		if (be.reply_len)
			be.reply[input_back(be.in) % be.reply_len] = input_back(be.in);
		break;
	case 2:
		for (i = head; i < be.reply_len; i++)
			be.reply[i] = input_back(be.in);
		break;
	case 3:
		if (be.reply_len)
			be.reply_len = input_back(be.in) % be.reply_len;
		break;
	case 4:
		put(be.reply, be.reply_len);
		break;
	case 5:
		be.gives_file = !be.gives_file;
		break;
	case 6:
		be.dies = true;
		break;
	case 7:
		be.reply_len = 0;
		be.dies = true;
		break;
	case 8:
		be.reply_len = 0;
		break;
	default:
		if (be.reply_len > head)
			be.reply[head] = input_back(be.in);
	}
}

static void send_reply(void)
{
	int file = be.gives_file ? kernel_file(area, AREA) : -1;
	struct iovec iov = {be.reply, be.reply_len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;

	if (file >= 0) {
		memset(&control, 0, sizeof(control));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(file));
		memcpy(CMSG_DATA(&control.head), &file, sizeof(file));
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
	}
	if (be.reply_len)
		sendmsg(be.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (file >= 0)
		close(file);
}

static void handle(const struct vu_header *head, const uint8_t *payload)
{
	struct vu_header reply = {head->request, VU_VERSION | VU_REPLY, 0};
	unsigned lie = backend_lie(&be.message_lies);

	be.reply_len = 0;
	be.gives_file = be.dies = false;
	put(&reply, sizeof(reply));
	if (!get_message(head->request, payload)) {
		set_message(head->request, payload);
		if (head->flags & VU_NEED_REPLY)
			put_u64(0);
		else
			be.reply_len = 0;
	}
	reply.size = (uint32_t)(be.reply_len - sizeof(reply));
	if (be.reply_len)
		memcpy(be.reply, &reply, sizeof(reply));
	if (lie)
		distort(lie);
	send_reply();
	if (be.dies)
		close_connection();
}

/* Reads one message. Return: whether there was one. */
static bool receive(void)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(VU_MAX_FDS * sizeof(int))];
	} control;
	union {
		struct vu_table align;
		uint8_t bytes[sizeof(struct vu_table)];
	} payload;
	struct vu_header head;
	struct iovec iov = {&head, sizeof(head)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	ssize_t n = be.fd < 0 ? -1 : recvmsg(be.fd, &msg, MSG_DONTWAIT);
	unsigned i;

	if (n == 0)
		close_connection();
	if (n <= 0)
		return false;
	memset(&payload, 0, sizeof(payload));
	MUST(n == sizeof(head) && head.size <= sizeof(payload));
	if (head.size)
		MUST(recv(be.fd, &payload, head.size, MSG_DONTWAIT) == (ssize_t)head.size);
	be.nfds = 0;
	if (msg.msg_controllen) {
		be.nfds = (unsigned)((CMSG_FIRSTHDR(&msg)->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(be.fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), be.nfds * sizeof(int));
	}
	handle(&head, payload.bytes);
	for (i = 0; i < be.nfds; i++)
		close_fd(&be.fds[i]);
	return true;
}

/* What it sends and signals is its own turn again. */
void backend_turn(void)
{
	unsigned i;

	if (be.busy)
		return;
	be.busy = true;
	while (receive())
		;
	for (i = 0; i < BACKEND_RINGS; i++)
		serve_ring(&be.rings[i], i);
	be.busy = false;
}

/* -- steps -- */

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

/* Bytes of the parts of a ring that are the driver's and the device's. */
static uint8_t *byte_of(struct ring_device *dev, unsigned part, unsigned at)
{
	size_t driver = dev->packed ? 4 : 6 + 2 * (size_t)dev->size;
	size_t device = dev->packed ? 4 : 6 + 8 * (size_t)dev->size;

	switch (part % 3) {
	case 0:
		return (uint8_t *)dev->desc + at % (16 * dev->size);
	case 1:
		return (uint8_t *)dev->driver + at % driver;
	default:
		return (uint8_t *)dev->device + at % device;
	}
}

void backend_break(unsigned index, unsigned how, uint16_t a, uint32_t b)
{
	struct ring *ring = &be.rings[index % BACKEND_RINGS];
	struct ring_device *dev = &ring->dev;

	if (!ring->started || be.fd < 0)
		return;
	be.ring_lied = true;
	switch (how % 4) {
	case 0:
		device_lie(dev, a, b);
		ring_call(ring);
		break;
	case 1:
		if (dev->packed)
			device_write(dev, a % dev->size, (uint16_t)(b >> 16), b, (uint16_t)b);
		else
			device_show_idx(dev, a);
		break;
	case 2:
		if (ring->nheld && ring->held[0].nout)
			((uint8_t *)ring->held[0].out[0].iov_base)[a % 512] = (uint8_t)b;
		break;
	default:
		*byte_of(dev, b >> 8, a) = (uint8_t)b;
	}
}

/* A used entry that was a lie gives back what has its id. */
static bool is_in(const struct ring *ring, const struct held *held, const char *from, size_t len)
{
	unsigned i;

	if (!ring->dev.holds[held->chain.id].descs)
		return false;
	for (i = 1; i < held->nin; i++) {
		const char *at = held->in[i].iov_base;

		if (from < at + held->in[i].iov_len && at < from + len)
			return true;
	}
	return false;
}

bool backend_has(const void *memory, size_t len)
{
	unsigned r;
	unsigned i;

	backend_turn();
	for (r = 2; be.fd >= 0 && r < BACKEND_RINGS; r++) {
		for (i = 0; be.rings[r].started && i < be.rings[r].nheld; i++) {
			if (is_in(&be.rings[r], &be.rings[r].held[i], memory, len))
				return true;
		}
	}
	return false;
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
