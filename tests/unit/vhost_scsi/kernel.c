/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's system calls, and what the tests share. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_scsi.h>

#include "kernel.h"

#define BYTES      (64u * 1024)
#define RING_BYTES 4096u

struct kernel kernel;
bool (*kernel_fails)(const char *call);

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_ioctl(int fd, unsigned long request, ...);

static bool fails(const char *call)
{
	return kernel_fails && kernel_fails(call);
}

static int refuse(int err)
{
	errno = err;
	return -1;
}

int __wrap_open64(const char *path, int flags, ...)
{
	if (fails("open64"))
		return -1;
	if (strcmp(path, "/dev/vhost-scsi") != 0)
		return __real_open64(path, flags, 0600);
	if (kernel.open_errno)
		return refuse(kernel.open_errno);
	assert_int_equal(flags, O_RDWR | O_CLOEXEC);
	assert_int_equal(kernel.fd, -1);
	kernel.fd = __real_open64("/dev/null", flags);
	assert_true(kernel.fd >= 0);
	kernel.opened++;
	return kernel.fd;
}

/* Waits until all that it took is given back, for ever if need be. */
static void wait_for_requests(void)
{
	unsigned i;

	for (i = 0; kernel.set && i < kernel.vrings; i++) {
		const struct kernel_ring *ring = &kernel.rings[i];
		const struct vring_used *used = (void *)(uintptr_t)ring->addr.used_user_addr;

		if (i == 1 || !ring->size)
			continue;
		if (le16toh(used->idx) == ring->position)
			continue;
		assert_true(kernel.may_wait);
		kernel.waited++;
	}
}

static void forget(void)
{
	kernel.owned = kernel.set = false;
	kernel.features = 0;
	kernel.nregions = 0;
	memset(kernel.rings, 0, sizeof(kernel.rings));
}

int __wrap_close(int fd)
{
	int ret;

	if (fd >= 0 && fd == kernel.fd) {
		wait_for_requests();
		forget();
		kernel.closed++;
		kernel.fd = -1;
	}
	ret = __real_close(fd);
	return fails("close") ? -1 : ret;
}

static int set_table(const struct vhost_memory *table)
{
	if (table->nregions > kernel.most_regions)
		return refuse(E2BIG);
	assert_int_equal(table->padding, 0);
	wait_for_requests();
	memcpy(kernel.regions, table->regions, table->nregions * sizeof(*table->regions));
	kernel.nregions = table->nregions;
	return 0;
}

/* Requests for one ring; num and base can't change while the endpoint is set. */
static int ring_ioctl(unsigned long request, unsigned index, void *arg)
{
	const struct vhost_vring_state *state = arg;
	const struct vhost_vring_file *file = arg;
	struct kernel_ring *ring = &kernel.rings[index];

	if (index >= kernel.vrings)
		return refuse(ENOBUFS);
	switch (request) {
	case VHOST_SET_VRING_NUM:
		assert_false(kernel.set);
		ring->size = state->num;
		return 0;
	case VHOST_SET_VRING_BASE:
		assert_false(kernel.set);
		ring->base = ring->position = state->num;
		return 0;
	case VHOST_GET_VRING_BASE:
		((struct vhost_vring_state *)arg)->num = ring->position;
		return 0;
	case VHOST_SET_VRING_ADDR:
		assert_true(kernel.nregions && ring->size);
		memcpy(&ring->addr, arg, sizeof(ring->addr));
		return 0;
	case VHOST_SET_VRING_KICK:
		ring->kick = file->fd;
		return 0;
	case VHOST_SET_VRING_CALL:
		ring->call = file->fd;
		return 0;
	default:
		return refuse(ENOTTY);
	}
}

static int device_ioctl(unsigned long request, void *arg)
{
	const struct vhost_scsi_target *target = arg;

	if (request != VHOST_SET_OWNER && request != VHOST_GET_FEATURES)
		assert_true(kernel.owned);
	switch (request) {
	case VHOST_SET_OWNER:
		assert_false(kernel.owned);
		kernel.owned = true;
		return 0;
	case VHOST_GET_FEATURES:
		*(uint64_t *)arg = UINT64_C(0x13d00000a);
		return 0;
	case VHOST_SET_FEATURES:
		kernel.features = *(const uint64_t *)arg;
		return 0;
	case VHOST_SET_MEM_TABLE:
		return set_table(arg);
	case VHOST_SCSI_SET_ENDPOINT:
		assert_string_equal(target->vhost_wwpn, NAME);
		assert_int_equal(target->reserved, 0);
		assert_false(kernel.set);
		kernel.set = true;
		return 0;
	case VHOST_SCSI_CLEAR_ENDPOINT:
		assert_string_equal(target->vhost_wwpn, NAME);
		assert_true(kernel.set);
		wait_for_requests();
		kernel.set = false;
		return 0;
	default:
		return ring_ioctl(request, *(const unsigned *)arg, arg);
	}
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *arg;

	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	if (fails("ioctl"))
		return -1;
	assert_true(fd >= 0 && fd == kernel.fd);
	assert_true(kernel.ncalls < ARRAY_LEN(kernel.calls));
	kernel.calls[kernel.ncalls++] = request;
	if (request == kernel.fail && !kernel.fail_skip--)
		return refuse(kernel.fail_errno);
	return device_ioctl(request, arg);
}

unsigned kernel_count(unsigned long request)
{
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < kernel.ncalls; i++)
		count += kernel.calls[i] == request;
	return count;
}

void kernel_init(void)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.fd = -1;
	kernel.vrings = RINGS;
	kernel.most_regions = 64;
}

void bench_open(struct bench *b)
{
	const struct transport_opts opts = {.timeout_ms = 1000};
	unsigned i;

	kernel_init();
	memset(b, 0, sizeof(*b));
	b->region.addr = (uintptr_t)aligned_alloc(RING_BYTES, BYTES);
	b->region.len = BYTES;
	b->region.fd = -1;
	memset((void *)(uintptr_t)b->region.addr, 0, BYTES);
	for (i = 0; i < RINGS; i++) {
		const struct transport_queue queue = bench_queue(b, i);

		b->avail[i] = queue.driver;
		b->used[i] = queue.device;
	}
	assert_int_equal(transport_open("vhost-scsi:" NAME, &opts, &b->t), 0);
	assert_true(b->t->wait);
}

struct transport_queue bench_queue(const struct bench *b, unsigned index)
{
	char *ring = (char *)(uintptr_t)b->region.addr + (size_t)2 * RING_BYTES * index;

	return (struct transport_queue){
		.index = index,
		.size = ENTRIES,
		.desc = ring,
		.driver = ring + RING_BYTES / 2,
		.device = ring + RING_BYTES,
	};
}

void bench_start(struct bench *b)
{
	const struct transport_ops *ops = b->t->ops;
	struct transport_queue queue;
	uint64_t iova;
	unsigned i;

	assert_int_equal(ops->set_status(b->t, 0), 0);
	assert_int_equal(ops->set_features(b->t, ops->features), 0);
	assert_int_equal(ops->set_status(b->t, VIRTIO_CONFIG_S_FEATURES_OK), 0);
	assert_int_equal(ops->mem_map(b->t, &b->region, &iova), 0);
	assert_int_equal(iova, b->region.addr);
	for (i = 0; i < RINGS; i++) {
		queue = bench_queue(b, i);
		assert_int_equal(ops->queue_start(b->t, &queue), 0);
	}
}

void bench_run(struct bench *b)
{
	assert_int_equal(b->t->ops->set_status(b->t, VIRTIO_CONFIG_S_FEATURES_OK |
							     VIRTIO_CONFIG_S_DRIVER_OK),
			 0);
}

void bench_running(struct bench *b)
{
	bench_open(b);
	bench_start(b);
	bench_run(b);
}

void bench_close(struct bench *b)
{
	b->t->ops->close(b->t);
	assert_int_equal(kernel.fd, -1);
	assert_int_equal(kernel.opened, kernel.closed);
	free((void *)(uintptr_t)b->region.addr);
}

void bench_give(struct bench *b, unsigned index)
{
	b->avail[index]->idx = htole16((uint16_t)(le16toh(b->avail[index]->idx) + 1));
	kernel.rings[index].position = le16toh(b->avail[index]->idx);
}

void bench_end(struct bench *b, unsigned index)
{
	b->used[index]->idx = htole16((uint16_t)(le16toh(b->used[index]->idx) + 1));
}

bool was_signalled(int fd)
{
	eventfd_t count;

	return eventfd_read(fd, &count) == 0;
}
