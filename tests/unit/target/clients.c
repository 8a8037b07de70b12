/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two clients of one device: what one does, and what the other notices of it.
 */
#include "target.h"

#include <linux/virtio_scsi.h>
#include <sys/eventfd.h>

#include "../src/util/bits.h"
#include "target/event.h"
#include "target/session.h"
#include "target/task_management.h"

static struct {
	struct device device;
	struct session sessions[2];
	struct lun *lun;
} t;

/* Sense key and code of a command that this client sends; 0: it succeeds. */
static uint32_t answer(unsigned nexus, const uint8_t *cdb)
{
	uint8_t data[64];
	struct iovec iov = {data, sizeof(data)};
	struct scsi_task task = {
		.luns = &t.device.luns,
		.to = TO_LUN,
		.lun = t.lun,
		.nexus = nexus,
		.cdb = cdb,
		.max_sectors = 65535,
		.in = {.iov = &iov, .count = 1, .len = sizeof(data)},
	};

	scsi_run(&task);
	return task.status ? (uint32_t)task.sense[2] << 16 | get_be16(task.sense + 12) : 0;
}

static uint32_t test_unit_ready(unsigned nexus)
{
	static const uint8_t cdb[16] = {0};

	return answer(nexus, cdb);
}

static void stop_unit(void)
{
	static const uint8_t cdb[16] = {0x1b};

	assert_int_equal(answer(0, cdb), 0);
	assert_int_equal(test_unit_ready(1), 0x20402);
}

static void manage(struct session *s, uint32_t subtype)
{
	struct virtio_scsi_ctrl_tmf_req request = {
		.type = htole32(VIRTIO_SCSI_T_TMF), .subtype = htole32(subtype), .lun = {1}};
	struct virtio_scsi_ctrl_tmf_resp response = {.response = 0xff};
	struct iovec out = {&request, sizeof(request)};
	struct iovec in = {&response, sizeof(response)};
	struct chain c = {.out = {.iov = &out, .count = 1, .len = sizeof(request)},
			  .in = {.iov = &in, .count = 1, .len = sizeof(response)}};

	assert_int_equal(task_management(s, &c), sizeof(response));
	assert_int_equal(response.response, VIRTIO_SCSI_S_OK);
}

static void connect_client(unsigned i)
{
	/* This end of the socket only keeps the session open. */
	assert_int_equal(session_open(&t.sessions[i], eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), 0);
	assert_int_equal(test_unit_ready(i), 0x60000 | UA_POWER_ON);
	assert_int_equal(test_unit_ready(i), 0);
}

static int start(void **state)
{
	unsigned i;

	(void)state;
	memset(&t, 0, sizeof(t));
	t.device.options = (struct options){.queues = 1, .max_sectors = 65535};
	assert_int_equal(loop_open(&t.device.loop), 0);
	t.lun = get_lun(&t.device.luns, "0:0,null=1M");
	for (i = 0; i < 2; i++) {
		session_init(&t.sessions[i], &t.device, i);
		connect_client(i);
	}
	return 0;
}

static int stop(void **state)
{
	(void)state;
	session_free(&t.sessions[0]);
	session_free(&t.sessions[1]);
	lun_table_close(&t.device.luns);
	loop_close(&t.device.loop);
	return 0;
}

/* Both have just connected, and the first noticed nothing of the second. */
static void connections(void **state)
{
	(void)state;
	assert_int_equal(test_unit_ready(0), 0);
	session_close(&t.sessions[1], "the test wants it");
	assert_int_equal(test_unit_ready(0), 0);
	connect_client(1);
	assert_int_equal(test_unit_ready(0), 0);
}

static void lun_reset(void **state)
{
	unsigned i;

	(void)state;
	stop_unit();
	manage(&t.sessions[0], VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET);
	for (i = 0; i < 2; i++) {
		assert_int_equal(test_unit_ready(i), 0x60000 | UA_DEVICE_RESET);
		assert_int_equal(test_unit_ready(i), 0);
	}
}

static void nexus_reset(void **state)
{
	(void)state;
	stop_unit();
	manage(&t.sessions[0], VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET);
	assert_int_equal(test_unit_ready(1), 0x20402);
	assert_int_equal(test_unit_ready(0), 0x60000 | UA_NEXUS_LOSS);
	assert_int_equal(test_unit_ready(0), 0x20402);
}

/* The unit is started by the reset of a client that is alone. */
static void device_reset(void **state)
{
	(void)state;
	stop_unit();
	session_reset(&t.sessions[0]);
	assert_int_equal(test_unit_ready(1), 0x20402);
	assert_int_equal(test_unit_ready(0), 0x60000 | UA_POWER_ON);
	assert_int_equal(test_unit_ready(0), 0x20402);
	session_close(&t.sessions[0], "the test wants it");
	session_reset(&t.sessions[1]);
	assert_int_equal(test_unit_ready(1), 0x60000 | UA_POWER_ON);
	assert_int_equal(test_unit_ready(1), 0);
}

/* All learn of a change; REPORT LUNS of one client tells only that client. */
static void changes(void **state)
{
	static const uint8_t report_luns[16] = {0xa0, [9] = 64};
	unsigned i;

	(void)state;
	target_attention(&t.device.luns, 0, UA_LUNS_CHANGED, NULL);
	assert_int_equal(answer(0, report_luns), 0);
	assert_int_equal(test_unit_ready(0), 0);
	assert_int_equal(test_unit_ready(1), 0x60000 | UA_LUNS_CHANGED);
	assert_int_equal(lun_resize(&t.device.luns, 0, 0, 2 << 20), 0);
	for (i = 0; i < 2; i++)
		assert_int_equal(test_unit_ready(i), 0x60000 | UA_CAPACITY_CHANGED);
	event_post(&t.device, VIRTIO_SCSI_T_PARAM_CHANGE, 0x092a, 0, 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(t.sessions[i].events.count, 1);
		assert_int_equal(t.sessions[i].events.waiting[0].reason, 0x092a);
	}
}

int clients_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(connections, start, stop),
		cmocka_unit_test_setup_teardown(lun_reset, start, stop),
		cmocka_unit_test_setup_teardown(nexus_reset, start, stop),
		cmocka_unit_test_setup_teardown(device_reset, start, stop),
		cmocka_unit_test_setup_teardown(changes, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
