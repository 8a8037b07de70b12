/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening and closing, and what the device says of itself. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_scsi.h>

#include "kernel.h"

static const struct transport_opts opts = {.timeout_ms = 1000};

/* Each reason why there is no device is told with what to do about it. */
static void test_device_that_is_not_there(void **state)
{
	static const struct {
		int open_errno;
		unsigned long fail;
		int fail_errno;
		int result;
		const char *text;
	} table[] = {
		{ENOENT, 0, 0, -ENOENT,
		 "opening /dev/vhost-scsi: No such file or directory; load the kernel's module "
		 "vhost_scsi"},
		{ENODEV, 0, 0, -ENODEV, "load the kernel's module"},
		{EACCES, 0, 0, -EACCES,
		 "opening /dev/vhost-scsi: Permission denied; give this user"},
		{EMFILE, 0, 0, -EMFILE, "opening /dev/vhost-scsi: Too many open files"},
		{0, VHOST_SET_OWNER, EBUSY, -EBUSY, "owning /dev/vhost-scsi"},
		{0, VHOST_GET_VRING_BASE, EINVAL, -EINVAL, "counting the virtqueues"},
	};
	struct transport *t;
	struct bench b;
	unsigned i;

	(void)state;
	bench_open(&b);
	bench_close(&b);
	for (i = 0; i < ARRAY_LEN(table); i++) {
		kernel.open_errno = table[i].open_errno;
		kernel.fail = table[i].fail;
		kernel.fail_errno = table[i].fail_errno;
		kernel.fail_skip = 0;
		assert_int_equal(vhost_scsi_ops.open(NAME, &opts, &t), table[i].result);
		expect_error_text(table[i].text);
		assert_int_equal(kernel.fd, -1);
	}
}

static void test_names(void **state)
{
	char name[256];
	struct transport *t;

	(void)state;
	kernel_init();
	memset(name, 'x', sizeof(name));
	name[224] = '\0';
	assert_int_equal(vhost_scsi_ops.open("", &opts, &t), -EINVAL);
	assert_int_equal(vhost_scsi_ops.open(name, &opts, &t), -EINVAL);
	expect_error_text("is not the name of a target");
	assert_int_equal(kernel.opened, 0);
	name[223] = '\0';
	assert_int_equal(vhost_scsi_ops.open(name, &opts, &t), 0);
	t->ops->close(t);
}

/* As many virtqueues as the module has, whatever its parameter is, and no more than are used. */
static void test_virtqueues_are_counted(void **state)
{
	static const unsigned counts[] = {3, 4, 128, 130, 255, 256, 1026};
	struct transport *t;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(counts); i++) {
		unsigned most = counts[i] < 256 ? counts[i] : 256;
		struct virtio_scsi_config config;

		kernel_init();
		kernel.vrings = counts[i];
		assert_int_equal(vhost_scsi_ops.open(NAME, &opts, &t), 0);
		assert_int_equal(t->ops->queue_count(t), most);
		assert_int_equal(t->ops->queue_max(t, most - 1), 256);
		assert_int_equal(t->ops->queue_max(t, most), 0);
		assert_int_equal(t->ops->read_config(t, 0, &config, sizeof(config)), 0);
		assert_int_equal(le32toh(config.num_queues), most - 2);
		t->ops->close(t);
	}
}

/* The kernel has no configuration space: its limits are the transport's to know. */
static void test_configuration(void **state)
{
	struct virtio_scsi_config config;
	uint32_t word;
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_int_equal(b.t->ops->read_config(b.t, 0, &config, sizeof(config)), 0);
	assert_int_equal(le32toh(config.sense_size), 96);
	assert_int_equal(le32toh(config.cdb_size), 32);
	assert_int_equal(le32toh(config.event_info_size), 16);
	assert_int_equal(le16toh(config.max_target), 255);
	assert_int_equal(le32toh(config.max_lun), 16383);
	/* Each segment may begin at the last byte of a page and end at the first of another. */
	assert_true(le32toh(config.max_sectors) / 8 + 2 * le32toh(config.seg_max) <= 2048);
	assert_int_equal(b.t->ops->read_config(b.t, 20, &word, 4), 0);
	assert_int_equal(le32toh(word), 96);
	assert_int_equal(b.t->ops->read_config(b.t, 36, &word, 0), 0);
	assert_int_equal(b.t->ops->read_config(b.t, 33, &word, 4), -EINVAL);
	assert_int_equal(b.t->ops->read_config(b.t, 37, &word, 0), -EINVAL);
	assert_int_equal(b.t->ops->write_config(b.t, 20, &word, 4), -EOPNOTSUPP);
	bench_close(&b);
}

/* What the kernel's code can't do, or does in a layout of its own, is never accepted. */
static void test_features(void **state)
{
	uint64_t offered = 0;
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_int_equal(b.t->ops->get_features(b.t, &offered), 0);
	assert_true(offered & BIT(VIRTIO_SCSI_F_T10_PI));
	assert_int_equal(b.t->ops->features & offered,
			 BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
				 BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_SCSI_F_HOTPLUG));
	assert_int_equal(b.t->ops->features & ~offered, 0);
	assert_true(b.t->ops->no_used_len && b.t->ops->no_lun_reset);
	/* Without features the device doesn't agree to them. */
	assert_int_equal(b.t->ops->set_status(b.t, VIRTIO_CONFIG_S_FEATURES_OK), 0);
	assert_int_equal(b.t->ops->get_status(b.t), 0);
	kernel.fail = VHOST_SET_FEATURES;
	kernel.fail_errno = EOPNOTSUPP;
	assert_int_equal(b.t->ops->set_features(b.t, 1), -EOPNOTSUPP);
	expect_error_text("VHOST_SET_FEATURES of " NAME);
	assert_int_equal(b.t->ops->set_status(b.t, VIRTIO_CONFIG_S_FEATURES_OK), 0);
	assert_int_equal(b.t->ops->get_status(b.t), 0);
	kernel.fail = 0;
	assert_int_equal(b.t->ops->set_features(b.t, 1), 0);
	assert_int_equal(b.t->ops->set_status(b.t, VIRTIO_CONFIG_S_FEATURES_OK), 0);
	assert_int_equal(b.t->ops->get_status(b.t), VIRTIO_CONFIG_S_FEATURES_OK);
	bench_close(&b);
}

/* A child closes what it has and says nothing to the device, which may have requests in flight. */
static void test_child(void **state)
{
	struct bench b;
	unsigned calls;
	int call;

	(void)state;
	bench_running(&b);
	bench_give(&b, 2);
	call = b.t->ops->call_fd(b.t, 2);
	calls = kernel.ncalls;
	/* The file stays open in the parent, so that nothing is waited for. */
	kernel.set = false;
	b.t->ops->abandon(b.t);
	assert_int_equal(kernel.ncalls, calls);
	assert_int_equal(kernel.fd, -1);
	assert_int_equal(eventfd_write(call, 1), -1);
	free((void *)(uintptr_t)b.region.addr);
}

int open_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_device_that_is_not_there),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_virtqueues_are_counted),
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_child),
	};

	return cmocka_run_group_tests_name("open", tests, NULL, NULL);
}
