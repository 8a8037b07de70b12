/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client of vscsi-target that lies: any message with any descriptors, anything in the memory that
 * it shares, kicks at any time. The bytes are its steps; a first one may do the handshake, so that
 * rings run at once.
 */
#include "fuzz.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel.h"
#include "target/fault.h"
#include "target/session.h"

#define SHARED 65536u
#define RINGS  5u
#define AREA   0xc000u /* where an in-flight area is in the memory, for scribbling in it too */

static struct {
	struct input in;
	struct device device;
	struct session session;
	int fd; /* the client's end */
	int memory;
	int kicks[RINGS];
} t;

/* Memory that the client shares. */
static uint8_t shared[SHARED] __attribute__((aligned(4096)));

/* One message; it has to be taken or refused at once, as nothing here waits. */
static void send_message(uint32_t request, uint32_t flags, const void *payload, uint32_t size,
			 uint32_t real, const int *fds, unsigned nfds)
{
	struct message_header head = {request, flags, size};
	struct iovec iov[2] = {{&head, sizeof(head)}, {(void *)(uintptr_t)payload, real}};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	struct cmsghdr *cmsg;
	uint8_t answer[1024];
	unsigned i;

	if (nfds) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nfds * sizeof(int));
	}
	if (sendmsg(t.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
	for (i = 0; i < 4; i++)
		loop_wait(&t.device.loop, 0);
	while (recv(t.fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		;
}

static void send_any(void)
{
	uint32_t request = input_u8(&t.in) % 44;
	uint8_t how = input_u8(&t.in);
	uint8_t payload[PAYLOAD_MAX];
	uint32_t size = how & 1 ? input_u16(&t.in) % sizeof(payload) : 8;
	int fds[16];
	unsigned nfds = how >> 5;
	unsigned i;

	if (request == MSG_SET_VRING_ADDR && !(how & 1))
		size = 40;
	for (i = 0; i < nfds; i++)
		fds[i] = how & 16 ? t.memory : t.kicks[i % RINGS];
	input_take(&t.in, payload, size);
	send_message(request, MSG_VERSION | (how & 2 ? MSG_NEED_REPLY : 0) | (how & 4 ? how : 0),
		     payload, size, how & 8 ? size / 2 : size, fds, nfds);
}

static void set_u64(uint32_t request, uint64_t value, int fd)
{
	send_message(request, MSG_VERSION, &value, 8, 8, &fd, fd >= 0);
}

/* Begins with what the input says was there, or empty. */
static void send_area(bool used)
{
	struct message_inflight area = {
		.size = SHARED - AREA, .offset = AREA, .queues = RINGS, .entries = 16};

	if (used)
		input_take(&t.in, shared + AREA, 640);
	send_message(MSG_SET_INFLIGHT_FD, MSG_VERSION, &area, sizeof(area), sizeof(area), &t.memory,
		     1);
}

/* Consecutive rings: 4 KiB each, 16 entries. */
static void start_ring(unsigned i, uint64_t packed)
{
	struct vhost_vring_state state = {.index = i, .num = 16};
	struct vhost_vring_addr addr = {.index = i,
					.desc_user_addr = i * 4096,
					.avail_user_addr = i * 4096 + 1024,
					.used_user_addr = i * 4096 + 2048};

	send_message(MSG_SET_VRING_NUM, MSG_VERSION, &state, 8, 8, NULL, 0);
	send_message(MSG_SET_VRING_ADDR, MSG_VERSION, &addr, 40, 40, NULL, 0);
	state.num = packed ? 0x80008000 : 0;
	send_message(MSG_SET_VRING_BASE, MSG_VERSION, &state, 8, 8, NULL, 0);
	set_u64(MSG_SET_VRING_CALL, i, t.kicks[i]);
	set_u64(MSG_SET_VRING_KICK, i, t.kicks[i]);
	state.num = 1;
	send_message(MSG_SET_VRING_ENABLE, MSG_VERSION, &state, 8, 8, NULL, 0);
}

static void restart_ring(unsigned i)
{
	struct vhost_vring_state state = {.index = i};

	send_message(MSG_GET_VRING_BASE, MSG_VERSION, &state, 8, 8, NULL, 0);
	start_ring(i, t.session.features >> 34 & 1);
}

static void handshake(bool packed, bool area, bool used)
{
	struct message_table table = {.count = 1, .regions = {{.size = SHARED}}};
	uint64_t want = t.device.options.features.virtio;
	unsigned i;

	if (!packed)
		want &= ~(UINT64_C(1) << 34);
	send_message(MSG_SET_OWNER, MSG_VERSION, NULL, 0, 0, NULL, 0);
	set_u64(MSG_SET_PROTOCOL_FEATURES, t.device.options.features.protocol, -1);
	set_u64(MSG_SET_FEATURES, want, -1);
	send_message(MSG_SET_MEM_TABLE, MSG_VERSION, &table, 40, 40, &t.memory, 1);
	if (area)
		send_area(used);
	for (i = 0; i < RINGS; i++)
		start_ring(i, want >> 34 & 1);
}

/* Bytes anywhere into what is shared; little numbers go a long way in rings. */
static void scribble(void)
{
	uint16_t at = input_u16(&t.in);
	uint8_t len = input_u8(&t.in) % 64;

	if (at + len <= SHARED)
		input_take(&t.in, shared + at, len);
}

/* A request as it should be, in ring 2, entry 0 on, to be spoilt by what follows or came before. */
static void request_honest(void)
{
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags;
		uint16_t next;
	} desc[3] = {{0x8000, 51, 1, 1}, {0x8100, 108, 3, 2}, {0x9000, 512, 2, 0}};
	uint16_t *avail = (void *)(shared + 2 * 4096 + 1024);
	uint8_t *head = shared + 0x8000;

	memcpy(shared + 2 * 4096, desc, sizeof(desc));
	memset(head, 0, 51);
	head[0] = 1;
	head[2] = 0x40;
	input_take(&t.in, head + 19, 16);
	avail[2 + (avail[1] & 15)] = 0;
	avail[1]++;
}

static void step(void)
{
	uint8_t ring;
	unsigned i;

	switch (input_u8(&t.in) % 6) {
	case 0:
		send_any();
		break;
	case 1:
	case 2:
		scribble();
		break;
	case 3:
		ring = input_u8(&t.in);
		if (ring & 0x80)
			restart_ring(ring % RINGS);
		else
			eventfd_write(t.kicks[ring % RINGS], 1);
		break;
	case 4:
		request_honest();
		break;
	default:
		event_post(&t.device, VIRTIO_SCSI_T_TRANSPORT_RESET, VIRTIO_SCSI_EVT_RESET_RESCAN,
			   0, 0);
	}
	for (i = 0; i < 4; i++)
		loop_wait(&t.device.loop, 0);
	/* A turn is bounded whatever is in the rings; all of them being done is not. */
	for (i = 0; i < 4 && session_serve(&t.session); i++)
		;
}

static void set_up(void)
{
	struct lun_spec spec;
	int pair[2];
	unsigned i;

	MUST(!loop_open(&t.device.loop));
	t.device.options = (struct options){.features = features_all(),
					    .fd = -1,
					    .queues = RINGS - 2,
					    .queue_size = 64,
					    .seg_max = 62,
					    .max_sectors = 128,
					    .cmd_per_lun = 8};
	MUST(!lun_spec_parse("0:0,ram=64K", &spec) && !lun_add(&t.device.luns, &spec));
	MUST(!lun_spec_parse("1:1,ram=64K,thin", &spec) && !lun_add(&t.device.luns, &spec));
	session_init(&t.session, &t.device, 0);
	kernel_pair(pair);
	t.fd = pair[1];
	memset(shared, 0, SHARED);
	t.memory = kernel_file(shared, SHARED);
	for (i = 0; i < RINGS; i++)
		t.kicks[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	MUST(!session_open(&t.session, pair[0]));
}

static void take_down(void)
{
	unsigned i;

	session_free(&t.session);
	lun_table_close(&t.device.luns);
	loop_close(&t.device.loop);
	for (i = 0; i < RINGS; i++)
		close(t.kicks[i]);
	close(t.memory);
	close(t.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct kernel_hooks nobody;
	uint8_t how;

	memset(&t, 0, sizeof(t));
	t.in = (struct input){data, size};
	kernel_begin(&nobody);
	set_up();
	how = input_u8(&t.in);
	if (how & 1)
		handshake(how & 2, how & 4, how & 8);
	while (t.in.left && t.session.watch.fd >= 0)
		step();
	take_down();
	kernel_end();
	return 0;
}
