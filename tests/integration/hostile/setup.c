/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lies while the device is opened: configuration, number of queues, and an end of the connection at
 * every message. A device opens and works, or it doesn't open, with a message and nothing left.
 */
#include "liar.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <linux/virtio_scsi.h>

#include "kernel.h"

/**
 * struct setup_lie - A configuration or an answer that can't be
 * @field, @size, @value: what stands in the configuration instead; @size 0: nothing
 * @request: message that is answered with @value then
 * @opens: what vscsi_dev_open() returns
 */
struct setup_lie {
	const char *name;
	size_t field;
	size_t size;
	uint64_t value;
	uint32_t request;
	int opens;
	const char *words;
};

#define FIELD(member)                                \
	offsetof(struct virtio_scsi_config, member), \
		sizeof(((struct virtio_scsi_config *)0)->member)

static const struct setup_lie lies[] = {
	{"num_queues 0", FIELD(num_queues), 0, 0, -EPROTO, "no request queue"},
	{"num_queues 2^32 - 1", FIELD(num_queues), UINT32_MAX, 0, 0, NULL},
	{"seg_max 0", FIELD(seg_max), 0, 0, 0, NULL},
	{"seg_max 2^32 - 1", FIELD(seg_max), UINT32_MAX, 0, 0, NULL},
	{"max_sectors 0", FIELD(max_sectors), 0, 0, 0, NULL},
	{"max_sectors 2^32 - 1", FIELD(max_sectors), UINT32_MAX, 0, 0, NULL},
	{"cmd_per_lun 0", FIELD(cmd_per_lun), 0, 0, 0, NULL},
	{"cmd_per_lun 2^32 - 1", FIELD(cmd_per_lun), UINT32_MAX, 0, 0, NULL},
	{"event_info_size 0", FIELD(event_info_size), 0, 0, 0, NULL},
	{"event_info_size 2^32 - 1", FIELD(event_info_size), UINT32_MAX, 0, 0, NULL},
	{"max_target 65535", FIELD(max_target), 65535, 0, 0, NULL},
	{"max_lun 2^32 - 1", FIELD(max_lun), UINT32_MAX, 0, 0, NULL},
	{"cdb_size 0", FIELD(cdb_size), 0, 0, 0, NULL},
	{"cdb_size 2^32 - 1", FIELD(cdb_size), UINT32_MAX, 0, 0, NULL},
	{"sense_size 0", FIELD(sense_size), 0, 0, 0, NULL},
	{"GET_QUEUE_NUM: 0", 0, 0, 0, RIG_GET_QUEUE_NUM, -EOPNOTSUPP, "needs 3"},
	{"GET_QUEUE_NUM: 1", 0, 0, 1, RIG_GET_QUEUE_NUM, -EOPNOTSUPP, "needs 3"},
	{"GET_QUEUE_NUM: 2", 0, 0, 2, RIG_GET_QUEUE_NUM, -EOPNOTSUPP, "needs 3"},
	{"GET_QUEUE_NUM: 2^63", 0, 0, UINT64_C(1) << 63, RIG_GET_QUEUE_NUM, 0, NULL},
	{"GET_MAX_MEM_SLOTS: 0", 0, 0, 0, RIG_GET_MAX_MEM_SLOTS, -EOPNOTSUPP, "no slot"},
	{"GET_MAX_MEM_SLOTS: 2^64 - 1", 0, 0, UINT64_MAX, RIG_GET_MAX_MEM_SLOTS, 0, NULL},
	{"GET_STATUS: 2^64 - 1, so NEEDS_RESET", 0, 0, UINT64_MAX, RIG_GET_STATUS, -EIO, "reset"},
	{"GET_FEATURES: none", 0, 0, 0, RIG_GET_FEATURES, -EOPNOTSUPP, "VERSION_1"},
	{"GET_FEATURES: all but packed rings and in order, which this back-end can't serve", 0, 0,
	 ~(RIG_F_PACKED | RIG_F_IN_ORDER), RIG_GET_FEATURES, 0, NULL},
};

static void setup_lies(void **state)
{
	struct liar *liar = *state;
	const struct setup_lie *lie = liar->ctx;
	struct vscsi_dev_info info = {.size = sizeof(info)};
	int err;

	CONFORMS("R-HARD-27", "R-HARD-28", "R-HARD-29", "R-HARD-30", "R-HARD-35", "R-HARD-38");
	memcpy((char *)&liar->opts.config + lie->field, &lie->value, lie->size);
	liar->options = "?queues=3";
	liar_start(liar);
	if (lie->request)
		rig_plan(liar->rig, lie->request, RIG_FAULT_VALUE, lie->value);
	err = liar_open(liar);
	assert_int_equal(err, lie->opens);
	if (err) {
		assert_non_null(strstr(vscsi_last_error(), lie->words));
		told(lie->name, "%s", vscsi_last_error());
		return;
	}
	assert_int_equal(vscsi_dev_get_info(liar->dev, &info), 0);
	assert_in_range(info.queues, 1, 3);
	assert_in_range(info.max_segs, 1, 15);
	assert_true(info.max_target <= 255 && info.max_lun <= 16383);
	liar_up(liar);
	assert_int_equal(vscsi_read(liar->queue, liar->lun, liar->buf, 0, 1, 0, 0), 0);
	assert_int_equal(liar_outcome(liar).result, 0);
	told(lie->name, "works: %u queues, %u segments", info.queues, info.max_segs);
}

/* Whatever was reached, what vscsi_dev_open() left is the socket, which is still the caller's. */
static bool hang_up_at(unsigned message, enum rig_kind kind)
{
	struct rig_fault fault = {.skip = message, .kind = kind, .arg = 7};
	void *state = NULL;
	struct liar *liar;
	unsigned fds;
	int err;

	liar_begin(&state);
	liar = state;
	liar->options = "?queues=2&timeout_ms=600000";
	liar_start(liar);
	rig_fault(liar->rig, fault);
	fds = count_fds();
	err = liar_open(liar);
	if (err) {
		assert_int_equal(err, -ENOTCONN);
		assert_non_null(strstr(vscsi_last_error(), "closed the connection"));
		assert_int_not_equal(fcntl(rig_socket(liar->rig), F_GETFD), -1);
		rig_wait_gone(liar->rig);
		/* The rig, in this process, closes what it has. */
		assert_true(count_fds() <= fds);
	}
	assert_int_equal(liar_end(&state), 0);
	return err != 0;
}

static void hangs_up_at_each_message(enum rig_kind kind, const char *name)
{
	unsigned failed = 0;
	unsigned n;

	for (n = 0; n < 60; n++)
		failed += hang_up_at(n, kind);
	/* After the last message nothing happens; messages without an answer have no 7 bytes. */
	assert_in_range(failed, 25, 59);
	told(name, "closed the connection, nothing left; at %u messages", failed);
}

static void hangs_up(void **state)
{
	(void)state;
	CONFORMS("R-VU-107", "R-VU-112");
	hangs_up_at_each_message(RIG_FAULT_CLOSE, "hangs up instead of an answer");
}

static void hangs_up_in_an_answer(void **state)
{
	(void)state;
	CONFORMS("R-VU-107", "R-VU-112");
	hangs_up_at_each_message(RIG_FAULT_CLOSE_AFTER, "hangs up after 7 bytes of an answer");
}

static void falls_silent_at_each_message(void **state)
{
	unsigned n;

	(void)state;
	CONFORMS("R-VU-110");
	for (n = 0; n < 60; n += 7) {
		struct rig_fault fault = {.skip = n, .kind = RIG_FAULT_DROP};
		void *inner = NULL;
		struct liar *liar;
		int err;

		liar_begin(&inner);
		liar = inner;
		liar->options = "?queues=2&timeout_ms=50";
		liar_start(liar);
		rig_fault(liar->rig, fault);
		err = liar_open(liar);
		assert_true(err == 0 || err == -ETIMEDOUT);
		assert_int_equal(liar_end(&inner), 0);
	}
	told("falls silent at a message", "Connection timed out, nothing left");
}

/*
 * The device is refused only after the transport took over the socket. As vscsi_dev_open() failed,
 * the socket is still the caller's, and only the caller may close it.
 */
static void refused_socket_stays_the_callers(void **state)
{
	struct liar *liar = *state;
	int fd;

	CONFORMS("R-VU-112");
	liar->opts.features &= ~RIG_F_VERSION_1;
	liar_start(liar);
	fd = rig_socket(liar->rig);
	assert_int_equal(liar_open(liar), -EOPNOTSUPP);
	assert_int_not_equal(fcntl(fd, F_GETFD), -1);
	rig_wait_gone(liar->rig);
}

/*
 * Whether reads of an eventfd block is the same for all that have it, and QEMU has them block. Once
 * nothing is signalled no call may read one without asking.
 */
static void descriptors_that_block(void **state)
{
	const struct vscsi_queue_opts sharing = {.size = sizeof(sharing),
						 .flags = VSCSI_QUEUE_SHARED};
	struct liar *liar = *state;
	struct vscsi_queue *queues[2];
	struct vscsi_completion c;
	struct vscsi_event event;
	unsigned i;

	need_reads_that_dont_wait();
	alarm(30);
	liar->opts.blocking = true;
	liar_up(liar);
	assert_int_equal(vscsi_queue_open(liar->dev, &sharing, &queues[0]), 0);
	queues[1] = liar->queue;
	assert_true(vscsi_dev_fd(liar->dev) >= 0);
	liar_hold(liar, 1);
	for (i = 0; i < 4; i++) {
		assert_int_equal(vscsi_dev_poll_events(liar->dev, &event, 1), 0);
		assert_int_equal(vscsi_poll(queues[i % 2], &c, 1), 0);
		assert_int_equal(vscsi_arm(queues[i % 2]), 0);
		assert_int_equal(vscsi_wait(queues[i % 2], 1), 0);
	}
	liar_serve(liar, LIAR_QUEUE, &liar->kept[0]);
	assert_int_equal(vscsi_wait(liar->queue, -1), 1);
	assert_int_equal(liar_outcome(liar).result, 0);
	assert_int_equal(vscsi_queue_close(queues[0]), 0);
	told("descriptors that block", "no call waits for them");
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(lies) + 5];
	unsigned n = 0;

	for (n = 0; n < ARRAY_LEN(lies); n++)
		tests[n] = (struct CMUnitTest)LIAR_ROW(setup_lies, &lies[n]);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(hangs_up);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(hangs_up_in_an_answer);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(falls_silent_at_each_message);
	tests[n++] = (struct CMUnitTest)LIAR_TEST(refused_socket_stays_the_callers);
	tests[n++] = (struct CMUnitTest)LIAR_TEST(descriptors_that_block);
	return _cmocka_run_group_tests("hostile setup", tests, n, NULL, NULL);
}
