/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every feature disabled on either side, in all pairs; every feature required from a target that
 * lacks it. Data that was written is read back.
 */
#include "disk.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

/*
 * struct feature - A feature that both sides can disable
 * @name: in --off= and in the address
 * @spoken: in the library's error text
 * @bit: of the virtio features or the vhost-user protocol features
 * @protocol: which of these
 */
static const struct feature {
	const char *name;
	const char *spoken;
	unsigned bit;
	bool protocol;
} features[] = {
	{"indirect", "INDIRECT_DESC", VIRTIO_RING_F_INDIRECT_DESC, false},
	{"event_idx", "EVENT_IDX", VIRTIO_RING_F_EVENT_IDX, false},
	{"packed", "RING_PACKED", VIRTIO_F_RING_PACKED, false},
	{"in_order", "IN_ORDER", VIRTIO_F_IN_ORDER, false},
	{"hotplug", "HOTPLUG", VIRTIO_SCSI_F_HOTPLUG, false},
	{"change", "CHANGE", VIRTIO_SCSI_F_CHANGE, false},
	{"inout", "INOUT", VIRTIO_SCSI_F_INOUT, false},
	/* vhost-user, "Protocol features" */
	{"mq", "MQ", 0, true},
	{"reply_ack", "REPLY_ACK", 3, true},
	{"backend_req", "BACKEND_REQ", 5, true},
	{"config", "CONFIG", 9, true},
	{"reset_device", "RESET_DEVICE", 13, true},
	{"mem_slots", "CONFIGURE_MEM_SLOTS", 15, true},
	{"status", "STATUS", 16, true},
};

static void start_without(struct fixture *f, const char *off, const char *mode)
{
	char arg[256];

	snprintf(arg, sizeof(arg), "--off=%s", off);
	START(f, "--lun=0:0,ram=16M", mode, *off ? arg : mode);
}

static bool in_use(struct fixture *f, const struct feature *feature)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
	assert_int_equal(info.errors, 0);
	assert_true(info.negotiated & UINT64_C(1) << VIRTIO_F_VERSION_1);
	return (feature->protocol ? info.protocol_features : info.negotiated) >> feature->bit & 1;
}

static bool is_in_order(const struct feature *feature)
{
	return feature && feature->bit == VIRTIO_F_IN_ORDER;
}

/*
 * Opens the device of a target that lacks @missing with @off disabled in the library, and checks
 * I/O. Either can be NULL. The feature that is off by default is on, if possible.
 */
static void works_without(struct fixture *f, const struct feature *missing,
			  const struct feature *off)
{
	bool in_order = !is_in_order(missing) && !is_in_order(off) && !target_lacks("in_order");
	char options[128];

	snprintf(options, sizeof(options), "?mem=2M&queues=2%s%s%s%s",
		 in_order ? "&in_order=on" : "", off ? "&" : "", off ? off->name : "",
		 off ? "=off" : "");
	open_disk(f, options);
	if (off)
		assert_false(in_use(f, off));
	assert_works(f);
}

static void all_pairs(void **state)
{
	struct fixture *f = *state;
	unsigned i;
	unsigned j;

	/* The target rejects invalid chains. */
	CONFORMS("R-FEAT-08", "R-PACK-23", "R-PACK-26", "R-PACK-27", "R-PACK-46");
	for (i = 0; i < ARRAY_LEN(features); i++) {
		start_without(f, features[i].name, "--mode=eventfd");
		for (j = 0; j < ARRAY_LEN(features); j++) {
			works_without(f, &features[i], &features[j]);
			assert_false(in_use(f, &features[i]));
			close_all(f);
		}
		works_without(f, &features[i], NULL);
		assert_false(in_use(f, &features[i]));
		close_all(f);
		assert_true(target_stop(&f->target));
	}
}

static void features_off_in_library(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	CONFORMS("R-RFB-06");
	start_without(f, "", "--mode=eventfd");
	for (i = 0; i < ARRAY_LEN(features); i++) {
		works_without(f, NULL, &features[i]);
		close_all(f);
	}
	works_without(f, NULL, NULL);
	for (i = 0; i < ARRAY_LEN(features); i++)
		assert_int_equal(in_use(f, &features[i]), !target_lacks(features[i].name));
}

/* It is slower, so a device has it only on request. */
static void in_order_off_by_default(void **state)
{
	const struct vscsi_dev_opts zeros = {.size = sizeof(zeros)};
	const struct vscsi_dev_opts *const opts[] = {NULL, &zeros};
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct fixture *f = *state;
	unsigned i;

	need_feature("in_order");
	start_without(f, "", "--mode=eventfd");
	for (i = 0; i < ARRAY_LEN(opts); i++) {
		assert_int_equal(vscsi_dev_open(f->target.address, opts[i], &f->dev), 0);
		assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
		assert_true(info.offered & UINT64_C(1) << VIRTIO_F_IN_ORDER);
		assert_false(info.negotiated & UINT64_C(1) << VIRTIO_F_IN_ORDER);
		close_all(f);
	}
}

static void features_with_polling_target(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	start_without(f, "", "--mode=poll");
	for (i = 0; i < ARRAY_LEN(features); i++) {
		works_without(f, NULL, &features[i]);
		close_all(f);
	}
	works_without(f, NULL, NULL);
}

static void required_feature_missing(void **state)
{
	char address[128];
	struct fixture *f = *state;
	unsigned i;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		start_without(f, features[i].name, "--mode=eventfd");
		snprintf(address, sizeof(address), "%s?%s=on", f->target.address, features[i].name);
		assert_int_equal(vscsi_dev_open(address, NULL, &f->dev), -EOPNOTSUPP);
		assert_null(f->dev);
		assert_error_text("vscsi_dev_open");
		assert_error_text(features[i].spoken);
		/* The library fails; the target then serves the next client. */
		works_without(f, &features[i], NULL);
		close_all(f);
		assert_true(target_stop(&f->target));
	}
}

static void required_feature_offered(void **state)
{
	char options[512] = "?mem=2M";
	struct fixture *f = *state;
	unsigned i;

	for (i = 0; i < ARRAY_LEN(features); i++) {
		if (target_lacks(features[i].name))
			continue;
		strcat(options, "&");
		strcat(options, features[i].name);
		strcat(options, "=on");
	}
	start_without(f, "", "--mode=eventfd");
	open_disk(f, options);
	for (i = 0; i < ARRAY_LEN(features); i++)
		assert_int_equal(in_use(f, &features[i]), !target_lacks(features[i].name));
	assert_works(f);
}

static void all_features_off(void **state)
{
	char options[512] = "?mem=2M";
	char off[512] = "protocol_features";
	struct fixture *f = *state;
	unsigned i;

	CONFORMS("R-FEAT-08");
	for (i = 0; i < ARRAY_LEN(features); i++) {
		snprintf(options + strlen(options), sizeof(options) - strlen(options), "&%s=off",
			 features[i].name);
		snprintf(off + strlen(off), sizeof(off) - strlen(off), ",%s", features[i].name);
	}
	start_without(f, off, "--mode=eventfd");
	open_disk(f, options);
	assert_works(f);
	close_all(f);
	open_disk(f, "?mem=2M");
	assert_works(f);
	close_all(f);
	assert_true(target_stop(&f->target));
	start_without(f, "", "--mode=poll");
	open_disk(f, options);
	assert_works(f);
}

static void without_version_1(void **state)
{
	struct fixture *f = *state;

	start_without(f, "version_1", "--mode=eventfd");
	assert_int_equal(vscsi_dev_open(f->target.address, NULL, &f->dev), -EOPNOTSUPP);
	assert_error_text("VERSION_1");
}

/*
 * Submitted together with IN_ORDER: the target completes all with one used entry, and the one in
 * the middle has its own response.
 */
static void failure_in_batch(void **state)
{
	struct vscsi_command unknown = {.size = sizeof(unknown), .cdb_len = 6, .cdb = {0xff}};
	struct vscsi_completion done[3];
	struct fixture *f = *state;
	unsigned packed;
	unsigned i;
	char *data;

	CONFORMS("R-ORD-07");
	need_feature("in_order");
	start_without(f, "", "--mode=eventfd");
	for (packed = 0; packed < 2; packed++) {
		open_disk(f, packed ? "?in_order=on&packed=on" : "?in_order=on&packed=off");
		assert_works(f);
		data = alloc_dma(f, 8192);
		assert_int_equal(vscsi_read(f->queue, f->lun, data, 0, 8, 0, 0), 0);
		assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &unknown, 1), 0);
		assert_int_equal(vscsi_read(f->queue, f->lun, data + 4096, 8, 8, 0, 2), 0);
		collect(f->queue, done, 3);
		for (i = 0; i < 3; i++) {
			assert_int_equal(done[i].user_data, i);
			assert_int_equal(done[i].result != 0, i == 1);
		}
		/* CHECK CONDITION, ILLEGAL REQUEST (SPC). */
		assert_int_equal(done[1].status, 2);
		assert_int_equal(done[1].sense[2] & 0xf, 5);
		close_all(f);
	}
}

int main(void)
{
	static const struct CMUnitTest matrix[] = {
		TEST(all_pairs),
		TEST(features_off_in_library),
		TEST(in_order_off_by_default),
		TEST(features_with_polling_target),
		TEST(required_feature_missing),
		TEST(required_feature_offered),
		TEST(all_features_off),
		TEST(without_version_1),
		TEST(failure_in_batch),
	};

	return RUN_TESTS(matrix);
}
