/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vfio-user server that lies: each answer is that of tests/vfio_user/, and then the bytes have
 * their say: other values, other headers, cut short, in pieces, with descriptors, twice, late,
 * never, or an end. What is done with the device follows the bytes, too: opened, started, asked,
 * left in the middle, cut off and connected again, waiting or not.
 *
 * The socket's calls and the clock are wrapped by the linker, so nothing is ever waited for.
 */
#include "fuzz.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "transport/transport.h"
#include "vfio_user/message.h"

#define ROOM   8192u
#define MEMORY (64u << 10)
#define STEPS  200u

static struct server *server;
static struct dma_region region;

static struct {
	struct input in;
	uint64_t now;
	uint8_t answer[ROOM];
	size_t len;
	size_t at;
	bool fds;
	bool late;
	bool over;
	bool may_sleep;
} end;

int __wrap_socket(int domain, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len);
int __wrap_shutdown(int fd, int how);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_sched_yield(void);

/* -- the server's end -- */

static void let_go(void)
{
	server_forget(server);
	end.len = end.at = 0;
	end.fds = end.late = end.over = false;
}

static void put(const void *bytes, size_t len)
{
	if (end.len + len > ROOM)
		return;
	memcpy(end.answer + end.len, bytes, len);
	end.len += len;
}

/* What the bytes make of the answer that was just put. */
static void distort(size_t from)
{
	uint8_t how = end.in.left ? input_u8(&end.in) % 64 : 0;
	size_t len = end.len - from;

	if (how == 1)
		end.answer[from + input_u8(&end.in) % len] = input_u8(&end.in);
	else if (how == 2 && len > 16)
		input_take(&end.in, end.answer + from + 16, len - 16);
	else if (how == 3)
		end.len = from + input_u8(&end.in) % len;
	else if (how == 4)
		put(end.answer + from, len);
	else if (how == 5)
		end.fds = true;
	else if (how == 6)
		end.over = true;
	else if (how == 7)
		end.late = true;
	else if (how == 8)
		input_take(&end.in, end.answer + from, 16);
	else if (how == 9 && len > 2)
		end.answer[end.len - 1 - input_u8(&end.in) % 2] = input_u8(&end.in);
}

static void serve(struct exchange *x)
{
	size_t from = end.len;
	int error = 0;
	bool answered;

	x->len = x->m.size - 16;
	answered = server_handle(server, x, &error);
	if (x->m.command != SERVER_REGION_INFO)
		while (x->nfds)
			close(x->fds[--x->nfds]);
	if (!answered || x->m.flags & 0x10)
		return;
	x->m.flags = error ? 0x21 : 1;
	x->m.error = (uint32_t)error;
	if (error)
		x->len = 0;
	x->m.size = 16 + x->len;
	put(&x->m, x->m.size);
	if (end.len > from)
		distort(from);
}

int __wrap_socket(int domain, int type, int protocol)
{
	(void)domain;
	(void)type;
	(void)protocol;
	let_go();
	server->versioned = false;
	return eventfd(0, EFD_CLOEXEC);
}

int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	(void)fd;
	(void)addr;
	(void)len;
	if (input_u8(&end.in) < 250)
		return 0;
	errno = input_u8(&end.in) & 1 ? EAGAIN : ECONNREFUSED;
	return -1;
}

int __wrap_shutdown(int fd, int how)
{
	(void)fd;
	(void)how;
	end.over = true;
	return 0;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const struct cmsghdr *c = msg->msg_controllen ? CMSG_FIRSTHDR(msg) : NULL;
	struct exchange x = {.nfds = 0};
	size_t len = 0;
	size_t i;
	int own;

	(void)fd;
	MUST(flags & MSG_NOSIGNAL && flags & MSG_DONTWAIT);
	if (end.over) {
		errno = EPIPE;
		return -1;
	}
	if (end.in.left && input_u8(&end.in) == 255) {
		errno = EAGAIN;
		return -1;
	}
	for (i = 0; i < msg->msg_iovlen; i++) {
		MUST(len + msg->msg_iov[i].iov_len <= sizeof(x.m));
		if (msg->msg_iov[i].iov_len)
			memcpy((char *)&x.m + len, msg->msg_iov[i].iov_base,
			       msg->msg_iov[i].iov_len);
		len += msg->msg_iov[i].iov_len;
	}
	MUST(len >= 16 && x.m.size == len);
	for (i = 0; c && CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++) {
		memcpy(&own, CMSG_DATA(c) + i * sizeof(int), sizeof(own));
		x.fds[x.nfds++] = dup(own);
	}
	serve(&x);
	return (ssize_t)len;
}

ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags)
{
	struct iovec iov = {(void *)(uintptr_t)buf, len};
	const struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return __wrap_sendmsg(fd, &msg, flags);
}

static ssize_t give(void *buf, size_t len, bool keep)
{
	size_t n = end.len - end.at;

	if (!n || end.late) {
		if (end.over)
			return 0;
		errno = EAGAIN;
		return -1;
	}
	n = n < len ? n : len;
	/* In pieces, sometimes. */
	if (n > 1 && end.in.left && end.in.at[0] & 0x40)
		n = 1 + n / 2;
	memcpy(buf, end.answer + end.at, n);
	if (keep)
		return (ssize_t)n;
	end.at += n;
	if (end.at == end.len)
		end.at = end.len = 0;
	return (ssize_t)n;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n = give(msg->msg_iov[0].iov_base, msg->msg_iov[0].iov_len, false);
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int own;

	(void)fd;
	MUST(flags & MSG_DONTWAIT && flags & MSG_CMSG_CLOEXEC);
	msg->msg_flags = 0;
	if (n > 0 && end.fds && c) {
		own = dup(region.fd);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(own));
		memcpy(CMSG_DATA(c), &own, sizeof(own));
		msg->msg_controllen = CMSG_SPACE(sizeof(own));
		end.fds = false;
	} else {
		msg->msg_controllen = 0;
	}
	return n;
}

ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags)
{
	(void)fd;
	MUST(flags & MSG_DONTWAIT);
	return give(buf, len, flags & MSG_PEEK);
}

/* Sleeping moves the clock; what is late comes by and by. */
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	(void)fds;
	(void)n;
	MUST(!timeout || end.may_sleep);
	end.now += (uint64_t)(timeout > 0 ? timeout : 1) * 1000000;
	if (end.in.left && !(input_u8(&end.in) & 3))
		end.late = false;
	return 0;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	(void)clock;
	end.now += 1000;
	ts->tv_sec = (time_t)(end.now / 1000000000);
	ts->tv_nsec = (long)(end.now % 1000000000);
	return 0;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)time;
	(void)left;
	MUST(end.may_sleep);
	end.now += 1000000;
	return 0;
}

int __wrap_sched_yield(void)
{
	MUST(end.may_sleep);
	end.now += 1000000;
	return 0;
}

/* -- the driver -- */

static int start_queue(struct transport *t, unsigned index)
{
	char *at = (char *)(uintptr_t)region.addr + index * 4096;
	const struct transport_queue queue = {
		.index = index, .size = 16, .desc = at, .driver = at + 1024, .device = at + 2048};

	return t->ops->queue_start(t, &queue);
}

/* Whether the server has a queue: then its memory stays, as the device sees to. */
static bool runs(void)
{
	unsigned i;

	for (i = 0; i < server->queues; i++) {
		if (server->rings[i].enable)
			return true;
	}
	return false;
}

/* One operation, as it is repeated; @what says which. */
static int operate(struct transport *t, uint8_t what, bool *mapped)
{
	static char config[36];
	uint64_t features = 0;
	uint64_t iova;
	unsigned found;
	int ret;

	switch (what % 16) {
	case 0:
		return t->ops->set_status(t, 0);
	case 1:
		return t->ops->set_status(t, 15);
	case 2:
		return t->ops->get_status(t) & (1u << 31) ? -EIO : 0;
	case 3:
		return t->ops->get_features(t, &features);
	case 4:
		return t->ops->set_features(t, server->features & t->ops->features);
	case 5:
		return t->ops->read_config(t, 0, config, sizeof(config));
	case 6:
		ret = *mapped ? 0 : t->ops->mem_map(t, &region, &iova);
		*mapped = *mapped || !ret;
		return ret;
	case 7:
		ret = *mapped && !runs() ? t->ops->mem_unmap(t, &region, region.addr) : 0;
		*mapped = *mapped && (ret || runs());
		return ret;
	case 8:
		return t->ops->check(t, &found);
	case 9:
		t->ops->notify(t, 2, 0);
		return 0;
	case 10:
		t->ops->disconnect(t);
		return 0;
	case 11:
	case 12:
		return t->ops->reopen(t);
	default:
		return start_queue(t, what % 3);
	}
}

/* Until it ends or is left. Every one of them ends some time. */
static void drive(struct transport *t, uint8_t what, bool *mapped)
{
	uint8_t how = input_u8(&end.in);
	unsigned rounds;
	int ret = -EINPROGRESS;

	t->wait = how & 1;
	for (rounds = 0; ret == -EINPROGRESS && rounds < 100000; rounds++) {
		end.may_sleep = t->wait;
		ret = operate(t, what, mapped);
		MUST(ret != -EINPROGRESS || !t->wait);
		end.may_sleep = true;
		if (ret == -EINPROGRESS && how & 2 && input_u8(&end.in) < 8)
			return;
		if (ret == -EINPROGRESS)
			MUST(t->ops->wait_ready(t, -1) == 0);
	}
	MUST(ret != -EINPROGRESS);
}

static void prepare(void)
{
	unsigned i;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	server = calloc(1, sizeof(*server));
	MUST(server && fd >= 0 && ftruncate(fd, MEMORY) == 0);
	region = (struct dma_region){.len = MEMORY, .fd = fd};
	region.addr = (uintptr_t)mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	server->features = UINT64_C(0x110000007);
	server->queues = 6;
	server->queue_max = 64;
	server->vectors = 8;
	server->config_size = 256;
	server->max_fds = 8;
	server->minor = 1;
	for (i = 0; i < SERVER_VECTORS; i++)
		server->irqs[i] = -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct transport_opts opts = {.timeout_ms = 50};
	struct transport *t = NULL;
	bool mapped = false;
	unsigned i;

	if (!server)
		prepare();
	memset(&end, 0, sizeof(end));
	end.in = (struct input){data, size};
	end.may_sleep = true;
	memset((void *)(uintptr_t)region.addr, 0, MEMORY);
	server->habits = input_u16(&end.in) & ~(unsigned)SERVER_MAPPABLE;
	*server->broken = '\0';
	memset(server->config, 0, sizeof(server->config));
	server_build(server);
	if (transport_open("vfio-user:/fuzz", &opts, &t) == 0) {
		for (i = 0; i < STEPS && end.in.left; i++)
			drive(t, input_back(&end.in), &mapped);
		t->wait = true;
		t->ops->close(t);
	}
	let_go();
	return 0;
}
