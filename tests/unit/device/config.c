/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration space: what is read of it, what is written, and numbers that can't be. */
#include <errno.h>
#include <string.h>

#include <vscsi/error.h>

#include "device_tests.h"

static struct vscsi_dev_info info_of(struct driver *d)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(d->dev, &info), 0);
	return info;
}

static void close_device(struct driver *d)
{
	if (d->dev)
		assert_int_equal(vscsi_dev_close(d->dev), 0);
	d->dev = NULL;
	driver_close(d);
}

/* The space byte by byte (virtio 1.4, 5.6.4). */
static void test_layout(void **state)
{
	static const uint8_t bytes[36] = {
		0x03, 0,    0, 0, /* num_queues */
		0x05, 0,    0, 0, /* seg_max */
		0x34, 0x12, 0, 0, /* max_sectors */
		0x21, 0x43, 0, 0, /* cmd_per_lun */
		0x20, 0,    0, 0, /* event_info_size */
		96,   0,    0, 0, /* sense_size */
		32,   0,    0, 0, /* cdb_size */
		0xff, 0xff,       /* max_channel */
		0x21, 0x00,       /* max_target */
		0x21, 0x03, 0, 0, /* max_lun */
	};
	struct vscsi_dev_info info;
	struct chain chain;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-08", "R-CFG-06");
	assert_int_equal(sizeof(d.m->fake.config), sizeof(bytes));
	driver_init(&d);
	memcpy(&d.m->fake.config, bytes, sizeof(bytes));
	assert_int_equal(driver_open_device(&d, "queues=100"), 0);
	info = info_of(&d);
	assert_int_equal(info.queues, 3);
	assert_int_equal(info.seg_max, 5);
	assert_int_equal(info.max_sectors, 0x1234);
	assert_int_equal(info.cmd_per_lun, 0x4321);
	assert_int_equal(info.max_target, 0x21);
	assert_int_equal(info.max_lun, 0x321);
	assert_true(model_take(d.m, 1, &chain));
	assert_int_equal(chain.in[0].iov_len, 0x20);
	assert_int_equal(fake_count(&d.m->fake, FAKE_WRITE_CONFIG), 0);
	/* Read as a whole, so that no two fields are of different times. */
	assert_int_equal(fake_count(&d.m->fake, FAKE_READ_CONFIG), 1);
	assert_int_equal(d.m->fake.log[fake_find(&d.m->fake, FAKE_READ_CONFIG, 0)].len, 36);
	close_device(&d);
}

static void test_numbers_of_queues(void **state)
{
	static const struct {
		uint32_t says;
		unsigned queues;
	} table[] = {{0, 0}, {1, 1}, {4, 4}, {5, 4}, {65535, 4}, {UINT32_MAX, 4}};
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-27", "R-PCI-35");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct driver d;

		driver_init(&d);
		d.m->fake.config.num_queues = htole32(table[i].says);
		assert_int_equal(driver_open_device(&d, "queues=254"),
				 table[i].queues ? 0 : -EPROTO);
		if (!table[i].queues)
			d.dev = NULL;
		else
			assert_int_equal(info_of(&d).queues, table[i].queues);
		close_device(&d);
	}
}

static void test_limits_that_cannot_be(void **state)
{
	static const uint32_t values[] = {0, 1, 2, 0x7fffffff, 0x80000000, UINT32_MAX};
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-28", "R-SCSI-12", "R-SCSI-14");
	for (i = 0; i < ARRAY_LEN(values); i++) {
		struct vscsi_lun_info lun = {.size = sizeof(lun)};
		struct vscsi_dev_info info;
		struct driver d;

		driver_init(&d);
		d.m->fake.config.seg_max = htole32(values[i]);
		d.m->fake.config.max_sectors = htole32(values[i]);
		d.m->fake.config.cmd_per_lun = htole32(values[i]);
		d.m->max_transfer = 0;
		driver_open(&d, "");
		info = info_of(&d);
		assert_int_equal(info.seg_max, values[i] ? values[i] : 1);
		assert_true(info.max_segs >= 1 && info.max_segs <= 15);
		assert_int_equal(info.cmd_per_lun, values[i] ? values[i] : 1);
		assert_true(info.max_sectors >= 1);
		assert_int_equal(vscsi_lun_get_info(d.lun, &lun), 0);
		assert_true(lun.max_blocks >= 1);
		/* Never more bytes than a chain carries, nor than the device said. */
		assert_true((uint64_t)lun.max_blocks * 512 + 159 <= UINT64_C(1) << 32);
		assert_true(!values[i] || lun.max_blocks <= values[i]);
		assert_true(lun.queue_limit <= 256);
		driver_read(&d, 1);
		assert_int_equal(driver_poll(&d).result, 0);
		driver_close(&d);
	}
}

static void test_largest_numbers_of_a_scan(void **state)
{
	static const struct {
		uint16_t max_target;
		uint32_t max_lun;
		unsigned target;
		unsigned lun;
	} table[] = {{0, 0, 0, 0},
		     {255, 16383, 255, 16383},
		     {256, 16384, 255, 16383},
		     {UINT16_MAX, UINT32_MAX, 255, 16383}};
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-30", "R-SCSI-20");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct driver d;
		unsigned before;

		driver_init(&d);
		d.m->fake.config.max_target = htole16(table[i].max_target);
		d.m->fake.config.max_lun = htole32(table[i].max_lun);
		assert_int_equal(driver_open_device(&d, ""), 0);
		assert_int_equal(info_of(&d).max_target, table[i].target);
		assert_int_equal(info_of(&d).max_lun, table[i].lun);
		before = d.m->commands;
		assert_int_equal(vscsi_dev_scan(d.dev, NULL, 0), table[i].target ? 2 : 1);
		/* A target that isn't there costs one command. */
		assert_true(d.m->commands - before <= table[i].target + 1 + 2);
		close_device(&d);
	}
}

/* Only the two fields that a driver may write are written, to what our headers are laid out for. */
static void test_sizes_of_cdb_and_sense(void **state)
{
	static const uint32_t values[] = {0, 16, 31, 64, 255, UINT32_MAX};
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-10", "R-SCSI-16", "R-SCSI-17", "R-SCSI-19", "R-HARD-29", "R-INIT-03");
	for (i = 0; i < ARRAY_LEN(values); i++) {
		const struct fake_entry *first;
		const struct fake_entry *second;
		struct driver d;

		driver_init(&d);
		d.m->fake.config.sense_size = htole32(values[i]);
		d.m->fake.config.cdb_size = htole32(values[i]);
		driver_open(&d, "");
		assert_int_equal(fake_count(&d.m->fake, FAKE_WRITE_CONFIG), 2);
		first = &d.m->fake.log[fake_find(&d.m->fake, FAKE_WRITE_CONFIG, 0)];
		second = &d.m->fake.log[fake_find(&d.m->fake, FAKE_WRITE_CONFIG, 1)];
		assert_int_equal(first->value, 20);
		assert_int_equal(first->len, 4);
		assert_int_equal(second->value, 24);
		assert_int_equal(second->len, 4);
		assert_int_equal(le32toh(d.m->fake.config.sense_size), 96);
		assert_int_equal(le32toh(d.m->fake.config.cdb_size), 32);
		driver_read(&d, 1);
		assert_int_equal(driver_poll(&d).result, 0);
		driver_close(&d);
	}
}

/* A device that keeps its own sizes is refused: its headers would not be ours. */
static void test_device_that_insists(void **state)
{
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-19");
	driver_init(&d);
	d.m->fake.config.sense_size = htole32(252);
	d.m->fake.ignore_config_writes = true;
	assert_int_equal(driver_open_device(&d, ""), -EOPNOTSUPP);
	assert_non_null(strstr(vscsi_last_error(), "sense_size of 252"));
	d.dev = NULL;
	close_device(&d);
}

static void test_without_configuration_space(void **state)
{
	struct vscsi_dev_info info;
	struct driver d;

	(void)state;
	driver_init(&d);
	d.m->fake.config_len = 0;
	driver_open(&d, "");
	info = info_of(&d);
	assert_int_equal(info.queues, 2);
	assert_int_equal(info.max_target, 255);
	assert_int_equal(info.max_lun, 16383);
	assert_int_equal(info.max_segs, 15);
	driver_read(&d, 1);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

/* It is read again when the device says that it changed, and the application hears of it. */
static void test_a_change_is_seen(void **state)
{
	struct vscsi_event events[2];
	struct driver d;

	(void)state;
	CONFORMS("R-CFG-07", "R-NOTIF-03");
	driver_start(&d, "");
	d.m->fake.config.max_lun = htole32(6);
	d.m->fake.config.max_sectors = htole32(77);
	assert_int_equal(info_of(&d).max_lun, 7);
	d.m->fake.events = TRANSPORT_CONFIG;
	assert_int_equal(vscsi_dev_poll_events(d.dev, events, 2), 1);
	assert_int_equal(events[0].type, VSCSI_EVENT_CONFIG);
	assert_int_equal(info_of(&d).max_lun, 6);
	assert_int_equal(info_of(&d).max_sectors, 77);
	assert_int_equal(vscsi_dev_poll_events(d.dev, events, 2), 0);
	driver_close(&d);
}

/* A change that can't be read, or makes no sense, leaves what was known in force. */
static void test_a_change_that_cannot_be_read(void **state)
{
	struct vscsi_event events[2];
	struct vscsi_dev_info before;
	struct vscsi_dev_info after;
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		driver_start(&d, "");
		before = info_of(&d);
		d.m->fake.config.max_lun = htole32(5);
		if (i) {
			d.m->fake.config.num_queues = 0;
		} else {
			d.m->fake.fail = FAKE_READ_CONFIG;
			d.m->fake.fail_err = -ETIMEDOUT;
		}
		d.m->fake.events = TRANSPORT_CONFIG;
		assert_int_equal(vscsi_dev_poll_events(d.dev, events, 2), 1);
		after = info_of(&d);
		assert_memory_equal(&before, &after, sizeof(before));
		driver_read(&d, 1);
		assert_int_equal(driver_poll(&d).result, 0);
		driver_close(&d);
	}
}

/* With requests out the two fields that can be written stay as they are. */
static void test_nothing_is_written_under_load(void **state)
{
	struct vscsi_event events[2];
	struct chain chain;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-18");
	driver_start(&d, "");
	driver_hold(&d);
	driver_read(&d, 1);
	d.m->fake.config.sense_size = htole32(18);
	d.m->fake.config.cdb_size = htole32(16);
	d.m->fake.events = TRANSPORT_CONFIG;
	assert_int_equal(vscsi_dev_poll_events(d.dev, events, 2), 1);
	assert_int_equal(fake_count(&d.m->fake, FAKE_WRITE_CONFIG), 0);
	chain = driver_take(&d);
	model_serve_chain(d.m, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

/* max_sectors counts 512 bytes, whatever the blocks are (virtio 1.4, 5.6.4). */
static void test_sectors_are_512_bytes(void **state)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	struct driver d;

	(void)state;
	driver_init(&d);
	d.m->block_size = 4096;
	d.m->fake.config.max_sectors = htole32(64);
	driver_open(&d, "");
	assert_int_equal(vscsi_lun_get_info(d.lun, &info), 0);
	assert_int_equal(info.max_blocks, 8);
	driver_close(&d);
}

int config_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sectors_are_512_bytes),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_numbers_of_queues),
		cmocka_unit_test(test_limits_that_cannot_be),
		cmocka_unit_test(test_largest_numbers_of_a_scan),
		cmocka_unit_test(test_sizes_of_cdb_and_sense),
		cmocka_unit_test(test_device_that_insists),
		cmocka_unit_test(test_without_configuration_space),
		cmocka_unit_test(test_a_change_is_seen),
		cmocka_unit_test(test_a_change_that_cannot_be_read),
		cmocka_unit_test(test_nothing_is_written_under_load),
	};

	return cmocka_run_group_tests_name("device/config", tests, NULL, NULL);
}
