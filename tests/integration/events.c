/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events of the device: units that are added, removed and resized; more events than buffers; and
 * the unit attentions that come with them.
 */
#include "disk.h"

#include <errno.h>
#include <sched.h>

#define OP_TEST_UNIT_READY 0x00

/* Starts with 0:0 and 1:0, scanned: later events are relative to that. */
static void start(struct fixture *f, const char *options)
{
	START(f, "--lun=0:0,ram=16M,serial=FIRST", "--lun=1:0,ram=1M");
	open_disk(f, options);
	assert_int_equal(vscsi_dev_scan(f->dev, NULL, 0), 2);
}

static struct vscsi_event next_event(struct fixture *f)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	struct vscsi_event event;
	int count;

	while (!(count = vscsi_dev_poll_events(f->dev, &event, 1))) {
		assert_true(now_ms() < limit);
		sched_yield();
	}
	assert_int_equal(count, 1);
	return event;
}

static void expect_event(struct fixture *f, unsigned type, unsigned target, unsigned lun)
{
	struct vscsi_event event = next_event(f);

	assert_int_equal(event.type, type);
	assert_int_equal(event.target, target);
	assert_int_equal(event.lun, lun);
}

/* A scan that is under way goes on with each look. */
static void expect_silence(struct fixture *f)
{
	struct vscsi_event event;
	unsigned i;

	for (i = 0; i < 200; i++) {
		assert_int_equal(vscsi_dev_poll_events(f->dev, &event, 1), 0);
		sched_yield();
	}
}

static void plug_and_unplug_unit(void **state)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	struct fixture *f = *state;
	struct vscsi_lun *lun;
	char *data;

	CONFORMS("R-SCSI-05", "R-SCSI-02");
	start(f, "");
	target_command(&f->target, NULL, 0, "add 0:300,ram=1M,serial=COMES");
	expect_event(f, VSCSI_EVENT_PLUGGED, 0, 300);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 300, NULL, &lun), 0);
	assert_int_equal(vscsi_lun_get_info(lun, &info), 0);
	assert_string_equal(info.serial, "COMES");
	data = alloc_dma(f, 512);
	assert_int_equal(vscsi_write(f->queue, lun, data, 0, 1, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	target_command(&f->target, NULL, 0, "remove 0:300");
	expect_event(f, VSCSI_EVENT_UNPLUGGED, 0, 300);
	/* An open handle fails cleanly, and others are not affected. */
	assert_int_equal(vscsi_write(f->queue, lun, data, 0, 1, 0, 0), -ENODEV);
	assert_int_equal(vscsi_pread(lun, data, 512, 0), -ENODEV);
	assert_int_equal(vscsi_lun_close(lun), 0);
	assert_works(f);
	expect_silence(f);
}

/* Requests in flight when their unit is removed complete once, as do those of other units. */
static void unplug_unit_under_load(void **state)
{
	struct vscsi_completion done[64];
	struct fixture *f = *state;
	struct vscsi_lun *goes;
	unsigned gone = 0;
	unsigned rounds;
	char *data;
	unsigned i;

	CONFORMS("R-SCSI-91");
	start(f, "");
	data = alloc_dma(f, 64 * 512);
	for (rounds = 0; rounds < 10; rounds++) {
		uint64_t seen = 0;

		target_command(&f->target, NULL, 0, "add 0:300,ram=1M");
		expect_event(f, VSCSI_EVENT_PLUGGED, 0, 300);
		assert_int_equal(vscsi_lun_open(f->dev, 0, 300, NULL, &goes), 0);
		for (i = 0; i < 64; i++) {
			assert_int_equal(vscsi_read(f->queue, i % 2 ? goes : f->lun,
						    data + 512 * (size_t)i, i, 1, 0, i),
					 0);
			if (i % 16 == rounds)
				assert_int_equal(vscsi_submit(f->queue), 0);
			if (i == 32)
				target_command(&f->target, NULL, 0, "remove 0:300");
		}
		assert_int_equal(vscsi_submit(f->queue), 0);
		collect(f->queue, done, 64);
		for (i = 0; i < 64; i++) {
			uint64_t number = done[i].user_data;

			assert_int_equal(seen >> number & 1, 0);
			seen |= UINT64_C(1) << number;
			assert_true(!done[i].result || (number % 2 && done[i].result == -ENODEV));
			gone += done[i].result != 0;
		}
		expect_event(f, VSCSI_EVENT_UNPLUGGED, 0, 300);
		assert_int_equal(vscsi_lun_close(goes), 0);
	}
	/* At least those submitted after the removal. */
	assert_true(gone >= 10 * 8);
	assert_works(f);
	expect_silence(f);
}

/* LUN 0 of a target without units, and of one that has none afterwards. */
static void plug_and_unplug_target(void **state)
{
	struct fixture *f = *state;

	CONFORMS("R-SCSI-88", "R-SCSI-89");
	start(f, "");
	target_command(&f->target, NULL, 0, "add 200:0,ram=1M");
	expect_event(f, VSCSI_EVENT_PLUGGED, 200, 0);
	target_command(&f->target, NULL, 0, "remove 200:0");
	expect_event(f, VSCSI_EVENT_UNPLUGGED, 200, 0);
	target_command(&f->target, NULL, 0, "remove 1:0");
	expect_event(f, VSCSI_EVENT_UNPLUGGED, 1, 0);
	expect_silence(f);
	assert_works(f);
}

/* Only the other units of a target are removed; their events must not affect LUN 0. */
static void unplug_one_of_many(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	CONFORMS("R-SCSI-92");
	start(f, "");
	for (i = 1; i < 6; i++) {
		target_command(&f->target, NULL, 0, "add 0:%u,null=1M", i);
		expect_event(f, VSCSI_EVENT_PLUGGED, 0, i);
	}
	target_command(&f->target, NULL, 0, "remove 0:3");
	expect_event(f, VSCSI_EVENT_UNPLUGGED, 0, 3);
	/* The change is also reported by a unit attention of the other units. */
	assert_works(f);
	expect_silence(f);
	assert_int_equal(vscsi_dev_scan(f->dev, NULL, 0), 6);
}

static void replaced_between_polls(void **state)
{
	struct vscsi_event events[8];
	struct fixture *f = *state;
	uint64_t limit = now_ms() + TIMEOUT_MS;
	int count = 0;

	start(f, "");
	target_command(&f->target, NULL, 0, "remove 1:0");
	target_command(&f->target, NULL, 0, "add 2:0,ram=1M");
	target_command(&f->target, NULL, 0, "add 2:9,ram=1M");
	while (count < 3) {
		int got = vscsi_dev_poll_events(f->dev, events + count, 8 - (unsigned)count);

		assert_true(got >= 0 && now_ms() < limit);
		count += got;
	}
	assert_int_equal(count, 3);
	assert_int_equal(events[0].type, VSCSI_EVENT_UNPLUGGED);
	assert_int_equal(events[0].target, 1);
	assert_int_equal(events[1].type, VSCSI_EVENT_PLUGGED);
	assert_int_equal(events[1].target, 2);
	assert_int_equal(events[2].type, VSCSI_EVENT_PLUGGED);
	assert_int_equal(events[2].lun, 9);
	expect_silence(f);
}

static void resize_unit(void **state)
{
	static const unsigned sizes[] = {32, 8, 9};
	struct vscsi_lun_info info = {.size = sizeof(info)};
	struct fixture *f = *state;
	struct vscsi_event event;
	unsigned i;

	CONFORMS("R-SCSI-06", "R-SCSI-95");
	start(f, "");
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		target_command(&f->target, NULL, 0, "resize 0:0 %uM", sizes[i]);
		event = next_event(f);
		assert_int_equal(event.type, VSCSI_EVENT_RESIZED);
		assert_int_equal(event.target, 0);
		assert_int_equal(event.lun, 0);
		assert_int_equal(event.code, 0x2a09);
		/* The old size until it is refreshed; the unit attention is not visible. */
		assert_works(f);
		assert_int_equal(vscsi_lun_refresh(f->lun), 0);
		assert_int_equal(vscsi_lun_get_info(f->lun, &info), 0);
		assert_int_equal(info.blocks, sizes[i] * MIB / 512);
	}
}

/*
 * Without events, the unit attention of the next command reports the change, and the command is
 * executed.
 */
static void unit_attention_without_events(void **state)
{
	struct fixture *f = *state;

	CONFORMS("R-SCSI-92");
	start(f, "?change=off&hotplug=off");
	target_command(&f->target, NULL, 0, "resize 0:0 20M");
	expect_silence(f);
	assert_works(f);
	expect_event(f, VSCSI_EVENT_RESIZED, 0, 0);
	assert_int_equal(vscsi_lun_refresh(f->lun), 0);
	target_command(&f->target, NULL, 0, "add 0:77,ram=1M");
	expect_silence(f);
	assert_works(f);
	expect_event(f, VSCSI_EVENT_PLUGGED, 0, 77);
	expect_silence(f);
}

/*
 * Changes of size fill all event buffers while nothing polls, so that only the missed flag reports
 * the units that are added then: all of them are found.
 */
static void more_events_than_buffers(void **state)
{
	struct vscsi_event events[64];
	struct fixture *f = *state;
	uint64_t limit = now_ms() + TIMEOUT_MS;
	unsigned count = 0;
	unsigned i;

	CONFORMS("R-SCSI-86", "R-SCSI-79");
	start(f, "");
	for (i = 0; i < 20; i++)
		target_command(&f->target, NULL, 0, "resize 1:0 %uM", 2 + i);
	for (i = 0; i < 60; i++)
		target_command(&f->target, NULL, 0, "add 5:%u,null=1M", i);
	assert_true(target_counter(&f->target, "events_missed") > 60);
	while (count < 61) {
		int got = vscsi_dev_poll_events(f->dev, events + count, 64 - count);

		assert_true(got >= 0 && now_ms() < limit);
		count += (unsigned)got;
	}
	assert_int_equal(events[0].type, VSCSI_EVENT_RESIZED);
	for (i = 0; i < 60; i++) {
		assert_int_equal(events[i + 1].type, VSCSI_EVENT_PLUGGED);
		assert_int_equal(events[i + 1].target, 5);
		assert_int_equal(events[i + 1].lun, i);
	}
	expect_silence(f);
}

/* Many events through the same buffers; each buffer is posted again. */
static void many_events(void **state)
{
	struct vscsi_event event;
	struct fixture *f = *state;
	unsigned i;

	CONFORMS("R-SCSI-82");
	start(f, "");
	for (i = 0; i < 200; i++) {
		target_command(&f->target, NULL, 0, "resize 1:0 %uM", 1 + i % 7);
		event = next_event(f);
		assert_int_equal(event.type, VSCSI_EVENT_RESIZED);
		assert_int_equal(event.target, 1);
	}
	assert_int_equal(target_counter(&f->target, "events_missed"), 0);
	expect_silence(f);
}

/* Sends a command without retries and returns its completion. */
static struct vscsi_completion attention(struct fixture *f, struct vscsi_lun *lun)
{
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = 6,
		.cdb = {OP_TEST_UNIT_READY},
	};
	struct vscsi_completion done;

	assert_int_equal(vscsi_prepare_command(f->queue, lun, &command, 0), 0);
	collect(f->queue, &done, 1);
	return done;
}

static void reset_of_unit(void **state)
{
	struct vscsi_completion done;
	struct fixture *f = *state;

	CONFORMS("R-SCSI-02");
	start(f, "");
	assert_int_equal(vscsi_lun_reset(f->lun), 0);
	assert_int_equal(target_counter(&f->target, "tmfs"), 1);
	done = attention(f, f->lun);
	assert_int_equal(done.result, -EBUSY);
	assert_int_equal(done.sense_key, 6);
	assert_int_equal(done.asc, 0x29);
	/* It is reported once; and a synchronous call never returns one. */
	assert_int_equal(attention(f, f->lun).result, 0);
	assert_int_equal(vscsi_lun_reset(f->lun), 0);
	assert_works(f);
}

static void reset_of_target(void **state)
{
	struct vscsi_lun *lun;
	struct fixture *f = *state;

	start(f, "");
	assert_int_equal(vscsi_lun_open(f->dev, 1, 0, NULL, &lun), 0);
	assert_int_equal(vscsi_target_reset(f->dev, 1), 0);
	assert_int_equal(attention(f, lun).sense_key, 6);
	/* The other target has no unit attention. */
	assert_int_equal(attention(f, f->lun).result, 0);
	assert_int_equal(vscsi_lun_close(lun), 0);
	assert_int_equal(vscsi_target_reset(f->dev, 77), -ENODEV);
	assert_error_text("vscsi_target_reset");
	assert_int_equal(vscsi_target_reset(f->dev, 256), -EINVAL);
	target_command(&f->target, NULL, 0, "remove 0:0");
	assert_int_equal(vscsi_lun_reset(f->lun), -ENODEV);
}

/* All requests submitted before a reset complete once. */
static void reset_under_load(void **state)
{
	struct vscsi_completion done[64];
	struct fixture *f = *state;
	uint64_t seen = 0;
	char *data;
	unsigned i;

	CONFORMS("R-SCSI-59");
	start(f, "");
	data = alloc_dma(f, 64 * 512);
	for (i = 0; i < 64; i++)
		assert_int_equal(vscsi_read(f->queue, f->lun, data + 512 * i, i, 1, 0, i), 0);
	assert_int_equal(vscsi_submit(f->queue), 0);
	assert_int_equal(vscsi_lun_reset(f->lun), 0);
	collect(f->queue, done, 64);
	for (i = 0; i < 64; i++) {
		assert_true(!done[i].result || done[i].result == -ECANCELED);
		seen |= UINT64_C(1) << done[i].user_data;
	}
	assert_true(seen == UINT64_MAX);
	assert_works(f);
}

/* With retries off, every unit attention is returned. */
static void without_retries(void **state)
{
	struct vscsi_lun_opts opts = {.size = sizeof(opts), .retries = VSCSI_NO_RETRIES};
	struct fixture *f = *state;
	struct vscsi_lun *lun;
	char *data;

	start(f, "");
	assert_int_equal(vscsi_lun_open(f->dev, 1, 0, &opts, &lun), 0);
	data = alloc_dma(f, 512);
	assert_int_equal(vscsi_lun_reset(lun), 0);
	assert_int_equal(vscsi_read(f->queue, lun, data, 0, 1, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), -EBUSY);
	assert_int_equal(vscsi_read(f->queue, lun, data, 0, 1, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_int_equal(vscsi_lun_close(lun), 0);
}

/* A batch gets a unit attention: that request is sent again, and all succeed. */
static void unit_attention_in_batch(void **state)
{
	struct vscsi_completion done[32];
	struct fixture *f = *state;
	unsigned round;
	unsigned i;
	char *data;

	start(f, "");
	data = alloc_dma(f, 32 * 512);
	for (round = 0; round < 20; round++) {
		assert_int_equal(vscsi_lun_reset(f->lun), 0);
		for (i = 0; i < 32; i++)
			assert_int_equal(vscsi_read(f->queue, f->lun, data + 512 * i, i, 1, 0, i),
					 0);
		collect(f->queue, done, 32);
		for (i = 0; i < 32; i++)
			assert_int_equal(done[i].result, 0);
	}
}

int main(void)
{
	static const struct CMUnitTest events[] = {
		TEST(unplug_unit_under_load),
		TEST(plug_and_unplug_unit),
		TEST(plug_and_unplug_target),
		TEST(unplug_one_of_many),
		TEST(replaced_between_polls),
		TEST(resize_unit),
		TEST(unit_attention_without_events),
		TEST(more_events_than_buffers),
		TEST(many_events),
		TEST(reset_of_unit),
		TEST(reset_of_target),
		TEST(reset_under_load),
		TEST(without_retries),
		TEST(unit_attention_in_batch),
	};

	return RUN_TESTS(events);
}
