/* SPDX-License-Identifier: BSD-3-Clause */
/* The two fields of the configuration space that a driver may write, over the real socket. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "peer.h"

#define FEATURES_OK 8u
#define SENSE_SIZE  20u /* offsets: virtio 1.4, 5.6.4 */
#define CDB_SIZE    24u

/* Word of the payload of GET_CONFIG's answer in which a field lies: three words stand before. */
#define WORD(offset) (3u + (offset) / 4u)

static struct rig *start(uint32_t sense_size, uint32_t cdb_size)
{
	struct rig_opts opts = rig_defaults();

	alarm(60);
	opts.config.sense_size = sense_size;
	opts.config.cdb_size = cdb_size;
	return rig_start(&opts);
}

static int open_device(struct rig *rig, struct vscsi_dev **dev)
{
	char address[128];
	int err;

	snprintf(address, sizeof(address), "vhost-user:%s", rig_address(rig));
	err = vscsi_dev_open(address, NULL, dev);
	if (!err)
		rig_taken(rig);
	return err;
}

/* The number of a message among all: the one of this kind and value, or that kind's @n-th. */
static unsigned position(struct rig *rig, uint32_t request, unsigned n)
{
	struct rig_record record;
	unsigned i;

	for (i = 0; rig_record(rig, RIG_ANY, i, &record); i++) {
		if (record.request == request && n-- == 0)
			return i;
	}
	fail_msg("message %u did not come", request);
	return 0;
}

static unsigned position_of_status(struct rig *rig, uint8_t bit)
{
	unsigned i = 0;

	while (!(rig_value(rig, RIG_SET_STATUS, i) & bit))
		i++;
	return position(rig, RIG_SET_STATUS, i);
}

static void assert_write(struct rig *rig, unsigned n, uint32_t offset, uint32_t value)
{
	const uint32_t expected[] = {offset, 4, 0, value};
	struct rig_record record;

	assert_true(rig_record(rig, RIG_SET_CONFIG, n, &record));
	assert_int_equal(record.size, sizeof(expected));
	assert_memory_equal(record.payload, expected, sizeof(expected));
}

/* Written once each, after FEATURES_OK and before a ring could carry a request; read back. */
static void test_written_when_they_differ(void **state)
{
	struct vscsi_dev *dev;
	struct rig *rig;
	unsigned first;
	unsigned second;

	(void)state;
	CONFORMS("R-SCSI-10", "R-SCSI-16", "R-SCSI-17", "R-SCSI-18", "R-SCSI-19", "R-VU-73");
	rig = start(252, 64);
	assert_int_equal(open_device(rig, &dev), 0);
	assert_int_equal(rig_seen(rig, RIG_SET_CONFIG), 2);
	assert_write(rig, 0, SENSE_SIZE, 96);
	assert_write(rig, 1, CDB_SIZE, 32);
	first = position(rig, RIG_SET_CONFIG, 0);
	second = position(rig, RIG_SET_CONFIG, 1);
	assert_true(position_of_status(rig, FEATURES_OK) < first);
	assert_true(second < position(rig, RIG_SET_VRING_KICK, 0));
	/* The answer that counts is the one after each write. */
	assert_true(position(rig, RIG_GET_CONFIG, rig_seen(rig, RIG_GET_CONFIG) - 1) > second);
	assert_int_equal(vscsi_dev_close(dev), 0);
	rig_stop(rig);
}

static void test_only_the_one_that_differs(void **state)
{
	struct vscsi_dev *dev;
	struct rig *rig;

	(void)state;
	CONFORMS("R-SCSI-17", "R-VU-74");
	rig = start(96, 16);
	assert_int_equal(open_device(rig, &dev), 0);
	assert_int_equal(rig_seen(rig, RIG_SET_CONFIG), 1);
	assert_write(rig, 0, CDB_SIZE, 32);
	assert_int_equal(vscsi_dev_close(dev), 0);
	rig_stop(rig);
}

/* What a device says after the write counts, be it the old value or one of its own. */
static void refused(uint32_t sense_size, uint32_t says, const char *message)
{
	struct rig *rig = start(sense_size, 32);
	struct vscsi_dev *dev;

	/* The third: one to learn the limits, one before the write, one after it. */
	rig_fault(rig, (struct rig_fault){.request = RIG_GET_CONFIG,
					  .skip = 2,
					  .kind = RIG_FAULT_WORD,
					  .arg = (uint64_t)WORD(SENSE_SIZE) << 32 | says});
	assert_int_equal(open_device(rig, &dev), -EOPNOTSUPP);
	assert_non_null(strstr(vscsi_last_error(), message));
	assert_int_equal(rig_seen(rig, RIG_SET_VRING_KICK), 0);
	rig_stop(rig);
}

static void test_device_that_insists(void **state)
{
	(void)state;
	CONFORMS("R-SCSI-19");
	refused(252, 252, "sense_size of 252");
	refused(252, 128, "sense_size of 128");
}

int size_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_when_they_differ),
		cmocka_unit_test(test_only_the_one_that_differs),
		cmocka_unit_test(test_device_that_insists),
	};

	return cmocka_run_group_tests_name("peers/sizes", tests, NULL, NULL);
}
