/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user back-end that lies: every reply is as it should be, and then the bytes have their
 * say: other values, other headers, cut short, with descriptors, twice, or an end. What the library
 * sends is only looked at; nothing is served, so that no thread is needed.
 *
 * The socket's calls are wrapped by the linker.
 */
#include "fuzz.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vscsi/vscsi.h>

#include "transport/vhost_user/protocol.h"
#include "util/bits.h"

#define ROOM 1024u

static struct {
	struct input in;
	int fd;      /* the library's end; calls on others are let through */
	int channel; /* the back-end's end of its own channel */
	int ours;    /* keeps the connection open */
	uint64_t features;
	uint64_t protocol;
	uint8_t reply[ROOM];
	size_t len;
	size_t sent;
	bool fds; /* a descriptor comes with the next bytes */
	bool over;
} end;

ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __real_recv(int fd, void *buf, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);

static void put(const void *bytes, size_t len)
{
	if (end.len + len > ROOM)
		return;
	memcpy(end.reply + end.len, bytes, len);
	end.len += len;
}

static uint64_t answer_u64(uint32_t request)
{
	switch (request) {
	case VU_GET_FEATURES:
		return end.features | UINT64_C(1) << 32 | 1u << VU_F_PROTOCOL_FEATURES;
	case VU_GET_PROTOCOL_FEATURES:
		return end.protocol;
	case VU_GET_QUEUE_NUM:
		return 5;
	case VU_GET_MAX_MEM_SLOTS:
		return 8;
	case VU_GET_STATUS:
		return 15;
	default:
		return 0;
	}
}

/* The reply as the protocol has it; most messages have none, or a u64. */
static void make_reply(const struct vu_header *head, const uint8_t *payload)
{
	struct vu_header reply = {head->request, VU_VERSION | VU_REPLY, 8};
	uint64_t value = answer_u64(head->request);
	struct virtio_scsi_config config = {.num_queues = 3,
					    .seg_max = 126,
					    .max_sectors = 65535,
					    .cmd_per_lun = 128,
					    .event_info_size = 16,
					    .sense_size = 96,
					    .cdb_size = 32,
					    .max_target = 1,
					    .max_lun = 1};
	uint32_t config_head[3] = {0, sizeof(config), 0};

	switch (head->request) {
	case VU_GET_CONFIG:
		reply.size = sizeof(config_head) + sizeof(config);
		put(&reply, sizeof(reply));
		put(config_head, sizeof(config_head));
		put(&config, sizeof(config));
		return;
	case VU_GET_FEATURES:
	case VU_GET_PROTOCOL_FEATURES:
	case VU_GET_QUEUE_NUM:
	case VU_GET_MAX_MEM_SLOTS:
	case VU_GET_STATUS:
		break;
	case VU_GET_VRING_BASE:
		memcpy(&value, payload, 4);
		break;
	default:
		if (!(head->flags & VU_NEED_REPLY))
			return;
	}
	put(&reply, sizeof(reply));
	put(&value, sizeof(value));
}

/* What the bytes make of the reply that was just put. */
static void distort(size_t from)
{
	uint8_t how = end.in.left ? input_u8(&end.in) % 32 : 0;
	size_t len = end.len - from;

	if (how == 1 && len)
		end.reply[from + input_u8(&end.in) % len] = input_u8(&end.in);
	else if (how == 2 && len > 12)
		input_take(&end.in, end.reply + from + 12, len - 12);
	else if (how == 3 && len)
		end.len = from + input_u8(&end.in) % len;
	else if (how == 4)
		put(end.reply + from, len);
	else if (how == 5)
		end.fds = true;
	else if (how == 6)
		end.over = true;
	else if (how == 7 && end.len + 8 <= ROOM) {
		input_take(&end.in, end.reply + end.len, 8);
		end.len += 8;
	}
}

/* The library's own channel for the back-end: kept, and written to. */
static void take_channel(const struct msghdr *msg)
{
	const struct cmsghdr *cmsg = msg->msg_controllen ? CMSG_FIRSTHDR(msg) : NULL;
	int fd;

	if (!cmsg || end.channel >= 0)
		return;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	end.channel = dup(fd);
}

static void write_channel(void)
{
	uint8_t bytes[64];
	uint8_t len = input_u8(&end.in) % sizeof(bytes);

	if (end.channel < 0 || !end.in.left)
		return;
	input_take(&end.in, bytes, len);
	/* The library may have given the channel up. */
	if (send(end.channel, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const struct iovec *iov = msg->msg_iov;
	struct vu_header head;
	size_t from = end.len;

	if (fd != end.fd)
		return __real_sendmsg(fd, msg, flags);
	if (end.over) {
		errno = EPIPE;
		return -1;
	}
	MUST(iov->iov_len >= sizeof(head));
	memcpy(&head, iov->iov_base, sizeof(head));
	MUST(iov->iov_len == sizeof(head) + head.size);
	if (head.request == VU_SET_BACKEND_REQ_FD)
		take_channel(msg);
	make_reply(&head, (uint8_t *)iov->iov_base + sizeof(head));
	distort(from);
	if (end.in.left && input_u8(&end.in) == 0x7f)
		write_channel();
	return (ssize_t)iov->iov_len;
}

/* One descriptor along with the bytes, laid out as the kernel does. */
static void give_fd(struct msghdr *msg)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	int fd = dup(end.ours);

	end.fds = false;
	MUST(cmsg && fd >= 0);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	msg->msg_controllen = CMSG_SPACE(sizeof(fd));
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	size_t n = end.len - end.sent;

	if (fd != end.fd)
		return __real_recvmsg(fd, msg, flags);
	if (!n) {
		errno = EAGAIN;
		return end.over ? 0 : -1;
	}
	if (n > msg->msg_iov->iov_len)
		n = msg->msg_iov->iov_len;
	memcpy(msg->msg_iov->iov_base, end.reply + end.sent, n);
	end.sent += n;
	if (end.sent == end.len)
		end.sent = end.len = 0;
	msg->msg_flags = 0;
	if (end.fds)
		give_fd(msg);
	else
		msg->msg_controllen = 0;
	return (ssize_t)n;
}

ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags)
{
	if (fd != end.fd)
		return __real_recv(fd, buf, len, flags);
	if (end.len > end.sent)
		return 1;
	errno = EAGAIN;
	return end.over ? 0 : -1;
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int ready;

	if (!n || fds[0].fd != end.fd)
		return __real_poll(fds, n, timeout);
	fds[0].revents = 0;
	if (end.len > end.sent || end.over || fds[0].events & POLLOUT)
		fds[0].revents = fds[0].events;
	/* Nothing will come that is not there: the time is over at once, as far as it can be. */
	ready = n > 1 ? __real_poll(fds + 1, n - 1, fds[0].revents ? 0 : timeout) : 0;
	return ready + (fds[0].revents != 0);
}

static struct vscsi_mem *pool(void)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 2 << 20};
	static struct vscsi_mem *mem;

	if (!mem)
		MUST(!vscsi_mem_create(&opts, &mem));
	return mem;
}

static void use_device(struct vscsi_dev *dev)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct vscsi_event events[2];

	MUST(!vscsi_dev_get_info(dev, &info));
	MUST(info.queues >= 1 && info.queues <= 254 && info.depth);
	while (end.in.left && !end.over) {
		size_t left = end.in.left;

		write_channel();
		vscsi_dev_poll_events(dev, events, 2);
		if (end.in.left == left)
			break;
	}
	MUST(!vscsi_dev_close(dev));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vscsi_dev_opts opts = {
		.size = sizeof(opts), .queues = 2, .queue_size = 16, .timeout_ms = 1};
	struct vscsi_dev *dev;
	char address[32];
	int pair[2];

	memset(&end, 0, sizeof(end));
	MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	end.in = (struct input){data, size};
	end.fd = pair[0];
	end.ours = pair[1];
	end.channel = -1;
	input_take(&end.in, &end.features, sizeof(end.features));
	end.protocol = input_u32(&end.in);
	opts.mem = pool();
	snprintf(address, sizeof(address), "vhost-user:fd=%d", pair[0]);
	if (!vscsi_dev_open(address, &opts, &dev))
		use_device(dev);
	else
		close(pair[0]);
	close(pair[1]);
	if (end.channel >= 0)
		close(end.channel);
	return 0;
}
