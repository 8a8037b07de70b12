/* SPDX-License-Identifier: BSD-3-Clause */
/* vscsi_command.timeout_ms of vscsi_sync_command(): the call has an end, and so has the command. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include "api.h"

/* Virtqueue of the library's own calls. */
#define SYNC_QUEUE 2u

static const struct vscsi_command unit_ready = {
	.size = sizeof(unit_ready),
	.cdb_len = 6,
	.timeout_ms = 20,
};

static void open_held(struct driver *d)
{
	driver_init(d);
	driver_open(d, "task_timeout_ms=30");
	d->m->held = UINT64_C(1) << SYNC_QUEUE;
	d->m->tmf[4] = 0xff;
}

/* A device that answers nothing: the call returns, and the command doesn't refer to it any more. */
static void test_the_call_ends(void **state)
{
	struct vscsi_completion c = {.result = 12345};
	struct driver d;

	(void)state;
	open_held(&d);
	assert_int_equal(vscsi_sync_command(d.lun, &unit_ready, &c), -ETIMEDOUT);
	/* 20, a quarter of it, and twice 30. */
	assert_non_null(strstr(vscsi_last_error(), "no answer in 85 ms"));
	assert_int_equal(c.result, 12345);
	/* It was tried to end it. */
	assert_int_not_equal(d.m->tmf[4], 0xff);
	model_release(d.m, SYNC_QUEUE);
	driver_close(&d);
}

/* A command that can't be sent has no completion: none is written that looks like a success. */
static void test_not_sent(void **state)
{
	char byte = 0;
	struct iovec one = {.iov_base = &byte, .iov_len = 1};
	struct vscsi_command bidirectional = unit_ready;
	struct vscsi_completion c = {.result = 12345};
	struct driver d;

	(void)state;
	bidirectional.in = bidirectional.out = &one;
	bidirectional.in_count = bidirectional.out_count = 1;
	driver_start(&d, "inout=off");
	assert_int_equal(vscsi_sync_command(d.lun, &bidirectional, &c), -EOPNOTSUPP);
	assert_int_equal(c.result, 12345);
	driver_close(&d);
}

/* One that aborts what it is told to. */
static void abort_hook(void *ctx, enum fake_call call, unsigned queue)
{
	const struct answer aborted = {.response = VIRTIO_SCSI_S_ABORTED,
				       .used_len = RESPONSE_BYTES};
	struct model *m = ctx;
	struct chain chain;

	model_hook(ctx, call, queue);
	if (call == FAKE_NOTIFY && queue == 0 && model_take(m, SYNC_QUEUE, &chain))
		model_answer(m, &chain, &aborted);
}

static void test_the_command_is_aborted(void **state)
{
	struct vscsi_completion c;
	struct driver d;

	(void)state;
	open_held(&d);
	clock_stop(true);
	d.m->fake.hook = abort_hook;
	assert_int_equal(vscsi_sync_command(d.lun, &unit_ready, &c), -ETIMEDOUT);
	assert_non_null(strstr(vscsi_last_error(), "longer than its time limit and was ended"));
	assert_int_equal(c.result, -ETIMEDOUT);
	assert_int_equal(d.m->tmf[4], VIRTIO_SCSI_T_TMF_ABORT_TASK);
	model_release(d.m, SYNC_QUEUE);
	driver_close(&d);
}

/* A command that is in time, with a limit of its own or without any. */
static void test_in_time(void **state)
{
	struct vscsi_command command = unit_ready;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	command.timeout_ms = 3600000;
	assert_int_equal(vscsi_sync_command(d.lun, &command, NULL), 0);
	command.timeout_ms = VSCSI_NO_TIMEOUT;
	assert_int_equal(vscsi_sync_command(d.lun, &command, NULL), 0);
	driver_close(&d);
}

int timeout_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_call_ends),
		cmocka_unit_test(test_not_sent),
		cmocka_unit_test(test_the_command_is_aborted),
		cmocka_unit_test(test_in_time),
	};

	return cmocka_run_group_tests_name("api/timeout", tests, NULL, NULL);
}
