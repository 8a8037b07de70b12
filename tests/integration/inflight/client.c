/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client's connection: processes, messages and the in-flight area.
 */
#include "client.h"

#include <fcntl.h>
#include <linux/vhost_types.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "layout.h"

#define NEED_REPLY 0x9 /* includes the version */

struct header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

/* The running target, in case the test that started it fails. */
static struct target running;

static void start_target(struct client *c)
{
	const char *args[] = {"--lun=0:0,file=unit.img", "--queues=1", c->mode, NULL};

	target_start(&c->target, "inflight", args);
	running = c->target;
}

void client_start(struct client *c, bool packed, bool in_order, const char *mode)
{
	int fd = open("unit.img", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && !ftruncate(fd, 1 << 20));
	close(fd);
	*c = (struct client){
		.packed = packed, .in_order = in_order, .mode = mode, .fd = -1, .area = -1};
	c->memory = memfd_create("client", MFD_CLOEXEC);
	assert_int_equal(ftruncate(c->memory, SHARED), 0);
	c->shared = mmap(NULL, SHARED, PROT_READ | PROT_WRITE, MAP_SHARED, c->memory, 0);
	assert_ptr_not_equal(c->shared, MAP_FAILED);
	client_reset_rings(c);
	start_target(c);
}

void client_restart(struct client *c)
{
	assert_true(client_lost(c));
	client_close(c);
	target_kill(&c->target);
	running.pid = 0;
	start_target(c);
}

static void drop_area(struct client *c)
{
	if (c->area < 0)
		return;
	munmap(c->mapped, c->inflight.size);
	close(c->area);
	c->area = -1;
}

void client_end(struct client *c)
{
	client_close(c);
	drop_area(c);
	munmap(c->shared, SHARED);
	close(c->memory);
	running.pid = 0;
	assert_true(target_stop(&c->target));
}

int client_clean(void **state)
{
	(void)state;
	if (running.pid) {
		target_kill(&running);
		running.pid = 0;
	}
	return 0;
}

void client_close(struct client *c)
{
	unsigned i;

	if (c->fd < 0)
		return;
	close(c->fd);
	c->fd = -1;
	for (i = 0; i < RINGS; i++)
		if (c->rings[i].kick >= 0)
			close(c->rings[i].kick);
}

bool client_lost(struct client *c)
{
	struct pollfd pfd = {.fd = c->fd, .events = POLLIN};
	char byte;

	return poll(&pfd, 1, TIMEOUT_MS) > 0 && recv(c->fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

static bool send_message(struct client *c, uint32_t request, const void *payload, uint32_t size,
			 int fd)
{
	struct header head = {request, NEED_REPLY, size};
	struct iovec iov[2] = {{&head, sizeof(head)}, {(void *)(uintptr_t)payload, size}};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	return sendmsg(c->fd, &msg, MSG_NOSIGNAL) == (ssize_t)(sizeof(head) + size);
}

/* The target sends header and payload with one call. */
static bool receive(struct client *c, void *payload, uint32_t size, int *fd)
{
	struct header head;
	struct iovec iov[2] = {{&head, sizeof(head)}, {payload, size}};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = iov,
			     .msg_iovlen = 2,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};

	if (recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC) <= 0)
		return false;
	assert_int_equal(head.size, size);
	if (fd)
		*fd = -1;
	if (fd && CMSG_FIRSTHDR(&msg))
		memcpy(fd, CMSG_DATA(&control.head), sizeof(*fd));
	return true;
}

uint64_t client_send(struct client *c, uint32_t request, const void *payload, uint32_t size, int fd)
{
	uint64_t answer = UINT64_MAX;

	return send_message(c, request, payload, size, fd) && receive(c, &answer, 8, NULL)
		       ? answer
		       : UINT64_MAX;
}

bool client_request(struct client *c, uint32_t request, void *payload, uint32_t size, int *fd)
{
	return send_message(c, request, payload, request == GET_FEATURES ? 0 : size, -1) &&
	       receive(c, payload, size, fd);
}

static void send_u64(struct client *c, uint32_t request, uint64_t value, int fd)
{
	assert_int_equal(client_send(c, request, &value, sizeof(value), fd), 0);
}

static void connect_socket(struct client *c)
{
	struct timeval limit = {.tv_sec = TIMEOUT_MS / 1000};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(addr.sun_path, c->target.socket);
	assert_int_equal(connect(c->fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
}

void client_connect(struct client *c)
{
	struct {
		uint32_t count;
		uint32_t padding;
		uint64_t region[4]; /* guest address, size, user address, offset */
	} table = {1, 0, {0, SHARED, 0, 0}};
	uint64_t features;
	unsigned i;

	connect_socket(c);
	for (i = 0; i < RINGS; i++)
		c->rings[i].kick = -1;
	assert_true(client_request(c, GET_FEATURES, &features, sizeof(features), NULL));
	if (!c->packed)
		features &= ~F_PACKED;
	if (!c->in_order)
		features &= ~F_IN_ORDER;
	features &= ~F_EVENT_IDX;
	/* From the next message on the target acknowledges everything. */
	assert_true(send_message(c, SET_PROTOCOL_FEATURES, &(uint64_t){P_ALL}, 8, -1));
	assert_int_equal(client_send(c, SET_OWNER, NULL, 0, -1), 0);
	send_u64(c, SET_FEATURES, features, -1);
	assert_int_equal(client_send(c, SET_MEM_TABLE, &table, sizeof(table), c->memory), 0);
}

static void map_area(struct client *c)
{
	c->mapped = mmap(NULL, c->inflight.size, PROT_READ | PROT_WRITE, MAP_SHARED, c->area, 0);
	assert_ptr_not_equal(c->mapped, MAP_FAILED);
}

void client_make_area(struct client *c)
{
	drop_area(c);
	c->inflight = (struct inflight){.queues = RINGS, .entries = ENTRIES};
	assert_true(
		client_request(c, GET_INFLIGHT_FD, &c->inflight, sizeof(c->inflight), &c->area));
	assert_true(c->area >= 0);
	assert_int_equal(c->inflight.size, RINGS * (c->packed ? sizeof(struct packed_area)
							      : sizeof(struct split_area)));
	assert_int_equal(c->inflight.offset, 0);
	map_area(c);
}

void client_own_area(struct client *c)
{
	drop_area(c);
	c->inflight = (struct inflight){.size = RINGS * (c->packed ? sizeof(struct packed_area)
								   : sizeof(struct split_area)),
					.queues = RINGS,
					.entries = ENTRIES};
	c->area = memfd_create("own", MFD_CLOEXEC);
	assert_int_equal(ftruncate(c->area, (off_t)c->inflight.size), 0);
	map_area(c);
}

uint64_t client_set_area(struct client *c)
{
	return client_send(c, SET_INFLIGHT_FD, &c->inflight, sizeof(c->inflight), c->area);
}

unsigned client_in_flight(const struct client *c, unsigned ring)
{
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < ENTRIES; i++)
		count += c->packed ? c->packed_area[ring].desc[i].inflight
				   : c->split[ring].desc[i].inflight;
	return count;
}

/* Used buffers become visible to the driver before the area is updated. */
bool client_completed(const struct client *c, unsigned ring)
{
	const volatile struct packed_area *p = &c->packed_area[ring];
	const volatile struct split_area *s = &c->split[ring];
	uint64_t limit = now_ms() + TIMEOUT_MS;
	bool settled = false;

	while (!settled && now_ms() < limit) {
		usleep(100);
		settled = !client_in_flight(c, ring);
		settled &= c->packed ? p->used_idx == p->old_used_idx &&
					       p->used_wrap_counter == p->old_used_wrap_counter &&
					       p->free_head == p->old_free_head &&
					       p->used_idx == c->rings[ring].used
				     : s->used_idx == *used_idx(c, ring);
	}
	return settled;
}

/* After a crash a split ring starts at its used index; a packed one at the last known position. */
static uint32_t base_of(const struct client *c, const struct driver *d, unsigned index)
{
	if (!c->packed)
		return *used_idx(c, index);
	return d->used | d->used_wrap << 15 | (uint32_t)(d->used | d->used_wrap << 15) << 16;
}

uint64_t client_start_ring(struct client *c, unsigned index)
{
	struct vhost_vring_state state = {.index = index, .num = ENTRIES};
	struct vhost_vring_addr addr = {.index = index,
					.desc_user_addr = ring_at(index),
					.avail_user_addr = ring_at(index) + DRIVER_PART,
					.used_user_addr = ring_at(index) + DEVICE_PART};
	struct driver *d = &c->rings[index];
	uint64_t answer;

	d->kick = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(client_send(c, SET_VRING_NUM, &state, sizeof(state), -1), 0);
	state.num = base_of(c, d, index);
	assert_int_equal(client_send(c, SET_VRING_BASE, &state, sizeof(state), -1), 0);
	assert_int_equal(client_send(c, SET_VRING_ADDR, &addr, sizeof(addr), -1), 0);
	send_u64(c, SET_VRING_CALL, index | NO_FD, -1);
	answer = client_send(c, SET_VRING_KICK, &(uint64_t){index}, 8, d->kick);
	state.num = 1;
	if (!answer)
		answer = client_send(c, SET_VRING_ENABLE, &state, sizeof(state), -1);
	return answer;
}

void client_begin(struct client *c)
{
	unsigned i;

	client_connect(c);
	if (c->area >= 0)
		assert_int_equal(client_set_area(c), 0);
	for (i = 0; i < RINGS; i++)
		assert_int_equal(client_start_ring(c, i), 0);
}

void client_begin_with_new_area(struct client *c)
{
	client_connect(c);
	client_make_area(c);
	client_close(c);
	client_begin(c);
}

void client_expect_block(unsigned lba, uint8_t fill)
{
	uint8_t block[512];
	uint8_t expect[512];
	int fd = open("unit.img", O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, block, sizeof(block), lba * 512), sizeof(block));
	close(fd);
	memset(expect, fill, sizeof(expect));
	assert_memory_equal(block, expect, sizeof(block));
}

static int group_setup(void **state)
{
	(void)state;
	enter_work_dir();
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	leave_work_dir();
	return 0;
}

int client_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
	return _cmocka_run_group_tests(name, tests, count, group_setup, group_teardown);
}
