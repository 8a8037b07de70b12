/* SPDX-License-Identifier: BSD-3-Clause */
/* Task management: what is sent, what the answers mean, and devices that never answer. */
#include <errno.h>
#include <string.h>

#include <vscsi/error.h>

#include "device_tests.h"

static void test_bytes_of_the_functions(void **state)
{
	static const uint8_t lun_reset[TMF_BYTES] = {0, 0, 0, 0, 5, 0, 0, 0, 1, 1, 0x40, 2};
	static const uint8_t target_reset[TMF_BYTES] = {0, 0, 0, 0, 4, 0, 0, 0, 1, 3};
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-63", "R-SCSI-65");
	driver_start(&d, "");
	assert_int_equal(vscsi_lun_reset(d.lun), 0);
	assert_memory_equal(d.m->tmf, lun_reset, TMF_BYTES);
	assert_int_equal(vscsi_target_reset(d.dev, 3), 0);
	/* The LUN in it doesn't count, in whatever form it is there. */
	assert_memory_equal(d.m->tmf, target_reset, 10);
	assert_int_equal(d.m->tmf[11], 0);
	assert_memory_equal(d.m->tmf + 12, target_reset + 12, 12);
	driver_close(&d);
}

static int expected(unsigned response)
{
	switch (response) {
	case 0:  /* FUNCTION COMPLETE */
	case 10: /* FUNCTION SUCCEEDED */
		return 0;
	case 3:  /* BAD TARGET */
	case 12: /* INCORRECT LUN */
		return -ENODEV;
	case 5: /* BUSY */
		return -EBUSY;
	case 11: /* FUNCTION REJECTED */
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

static void test_every_answer(void **state)
{
	unsigned response;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-67", "R-SCSI-68", "R-HARD-21");
	driver_start(&d, "");
	for (response = 0; response < 256; response++) {
		d.m->tmf_response = (uint8_t)response;
		assert_int_equal(vscsi_lun_reset(d.lun), expected(response));
		assert_int_equal(vscsi_target_reset(d.dev, 1), expected(response));
		if (expected(response))
			assert_non_null(strstr(vscsi_last_error(), "vscsi_target_reset"));
	}
	driver_close(&d);
}

/* How a device gives its answers back: written or not, and with which used length. */
static struct {
	bool written;
	uint32_t len;
} answering;

static void give_answer_back(void *ctx, enum fake_call call, unsigned queue)
{
	struct model *m = ctx;
	struct chain chain;

	model_hook(m, call, queue);
	if (call != FAKE_NOTIFY || !model_take(m, 0, &chain))
		return;
	if (answering.written)
		*(uint8_t *)chain.in[0].iov_base = 0;
	model_give(m, &chain, answering.len);
}

/*
 * An answer is one byte, which says by itself whether it was written: used lengths don't count, as
 * there are back-ends that never set them.
 */
static void test_lengths_of_answers(void **state)
{
	static const uint32_t lengths[] = {0, 1, 2, 5, 108, UINT32_MAX};
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-21");
	driver_start(&d, "event_idx=off");
	d.m->held = 1;
	d.m->fake.hook = give_answer_back;
	for (i = 0; i < 2 * ARRAY_LEN(lengths); i++) {
		answering.len = lengths[i / 2];
		answering.written = true;
		assert_int_equal(vscsi_lun_reset(d.lun), 0);
		answering.written = false;
		assert_int_equal(vscsi_lun_reset(d.lun), -EIO);
	}
	d.m->fake.hook = model_hook;
	driver_close(&d);
}

/* Answers, and then many others are sent before the caller looks for its answer. */
static void answer_amid_others(void *ctx, enum fake_call call, unsigned queue)
{
	struct driver *d = ctx;
	unsigned i;

	model_hook(d->m, call, queue);
	if (call != FAKE_NOTIFY || queue != 0 || d->m->tmf_response)
		return;
	d->m->tmf_response = 11; /* FUNCTION REJECTED */
	for (i = 0; i < 20; i++)
		assert_int_equal(vscsi_target_reset(d->dev, i), -EOPNOTSUPP);
}

static void test_answer_amid_others(void **state)
{
	struct driver d;

	(void)state;
	driver_start(&d, "");
	d.m->fake.hook = answer_amid_others;
	d.m->fake.ctx = &d;
	assert_int_equal(vscsi_lun_reset(d.lun), 0);
	assert_int_equal(d.m->tmf_response, 11);
	d.m->fake.hook = model_hook;
	d.m->fake.ctx = d.m;
	driver_close(&d);
}

/* An answer that wasn't written is not the one that was there before. */
static void test_answer_that_was_not_written(void **state)
{
	struct chain chain;
	struct driver d;
	unsigned i;

	(void)state;
	clock_stop(true);
	driver_start(&d, "timeout_ms=20");
	for (i = 0; i < 30; i++)
		assert_int_equal(vscsi_lun_reset(d.lun), 0);
	d.m->held = MODEL_ALL;
	assert_int_equal(vscsi_lun_reset(d.lun), -ETIMEDOUT);
	assert_true(model_take(d.m, 0, &chain));
	assert_int_equal(((uint8_t *)chain.in[0].iov_base)[0], 0xff);
	model_give(d.m, &chain, 0);
	model_release(d.m, 0);
	assert_int_equal(vscsi_lun_reset(d.lun), 0);
	driver_close(&d);
}

/* Places that the device never gave back stay its own; when none is left, that is said. */
static void test_device_that_never_answers(void **state)
{
	struct chain chains[8];
	uint8_t saved[TMF_BYTES];
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-73", "R-CLN-01", "R-CLN-03");
	clock_stop(true);
	driver_start(&d, "timeout_ms=10");
	d.m->held = MODEL_ALL;
	for (i = 0; i < 8; i++)
		assert_int_equal(vscsi_target_reset(d.dev, i), -ETIMEDOUT);
	assert_int_equal(vscsi_target_reset(d.dev, 8), -EBUSY);
	/* Each is still as it was sent. */
	for (i = 0; i < 8; i++) {
		assert_true(model_take(d.m, 0, &chains[i]));
		memcpy(saved, chains[i].out[0].iov_base, TMF_BYTES);
		assert_int_equal(saved[9], i);
	}
	/* Late answers make room again, each for one. */
	*(uint8_t *)chains[5].in[0].iov_base = 9;
	model_give(d.m, &chains[5], 1);
	assert_int_equal(vscsi_target_reset(d.dev, 99), -ETIMEDOUT);
	assert_int_equal(vscsi_target_reset(d.dev, 99), -EBUSY);
	for (i = 0; i < 8; i++) {
		if (i != 5)
			model_give(d.m, &chains[i], 1);
	}
	model_release(d.m, 0);
	assert_int_equal(vscsi_target_reset(d.dev, 1), 0);
	driver_close(&d);
}

/* The first thing that a device hears may be a function. */
static void test_function_before_any_request(void **state)
{
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-24");
	driver_init(&d);
	assert_int_equal(driver_open_device(&d, ""), 0);
	assert_int_equal(vscsi_target_reset(d.dev, 1), 0);
	assert_int_equal(d.m->commands, 0);
	driver_open_rest(&d);
	driver_close(&d);
}

/* How devices end what a reset hits. */
static const struct answer cut_short[] = {
	{.response = VIRTIO_SCSI_S_RESET, .used_len = RESPONSE_BYTES},
	{.response = VIRTIO_SCSI_S_ABORTED, .used_len = RESPONSE_BYTES},
	{.status = 0x40, .used_len = RESPONSE_BYTES},
	MODEL_SENSE(0xb, 0), /* SPDK */
	{.response = 0xff},
};

/* Polls until the device has a chain again. */
static struct chain take_again(struct driver *d)
{
	struct chain chain;

	while (!model_take(d->m, DRIVER_QUEUE, &chain))
		driver_poll_nothing(d);
	return chain;
}

/*
 * Requests that our own reset cuts short come back through their queue, as cancelled. One that
 * comes later and is cut short, by whomever, is sent again.
 */
static void test_reset_with_requests_out(void **state)
{
	struct vscsi_completion c;
	struct chain chain;
	struct driver d;
	unsigned i;
	unsigned k;

	(void)state;
	CONFORMS("R-SCSI-46", "R-SCSI-70");
	driver_start(&d, "");
	d.m->held = UINT64_C(1) << DRIVER_QUEUE;
	for (k = 0; k < 2 * ARRAY_LEN(cut_short); k++) {
		const struct answer *answer = &cut_short[k / 2];

		for (i = 0; i < 5; i++)
			driver_read(&d, i);
		assert_int_equal(k % 2 ? vscsi_target_reset(d.dev, 1) : vscsi_lun_reset(d.lun), 0);
		for (i = 0; i < 5; i++) {
			chain = driver_take(&d);
			model_answer(d.m, &chain, answer);
		}
		for (i = 0; i < 5; i++) {
			c = driver_poll(&d);
			assert_int_equal(c.user_data, i);
			assert_int_equal(c.result, -ECANCELED);
		}
		driver_poll_nothing(&d);
		driver_read(&d, 5);
		chain = driver_take(&d);
		if (answer->response != 0xff) {
			model_answer(d.m, &chain, answer);
			chain = take_again(&d);
		}
		model_serve_chain(d.m, &chain);
		assert_int_equal(driver_poll(&d).result, 0);
	}
	driver_close(&d);
}

/* A reset with nothing in flight, and one of another LUN, cancel nothing. */
static void test_reset_of_another(void **state)
{
	struct vscsi_lun *other;
	struct chain chain;
	struct driver d;
	unsigned how;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &other), 0);
	d.m->held = UINT64_C(1) << DRIVER_QUEUE;
	for (how = 0; how < 3; how++) {
		if (how == 0)
			assert_int_equal(vscsi_lun_reset(d.lun), 0);
		driver_read(&d, how);
		if (how == 1)
			assert_int_equal(vscsi_lun_reset(other), 0);
		if (how == 2)
			assert_int_equal(vscsi_target_reset(d.dev, 0), 0);
		chain = driver_take(&d);
		model_answer(d.m, &chain, &cut_short[3]);
		chain = take_again(&d);
		model_serve_chain(d.m, &chain);
		assert_int_equal(driver_poll(&d).result, 0);
	}
	assert_int_equal(vscsi_lun_close(other), 0);
	driver_close(&d);
}

/* Another handle of the same LUN, on a queue that others share. */
static void test_reset_through_another_handle(void **state)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	struct vscsi_completion c;
	struct vscsi_queue *queue;
	struct vscsi_lun *lun;
	struct chain chain;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(vscsi_lun_open(d.dev, 1, 2, NULL, &lun), 0);
	assert_int_equal(vscsi_queue_open(d.dev, &opts, &queue), 0);
	d.m->held = UINT64_C(1) << DRIVER_SHARED;
	assert_int_equal(vscsi_read(queue, lun, d.buf, 0, 1, 0, 7), 0);
	assert_int_equal(vscsi_submit(queue), 0);
	assert_true(model_take(d.m, DRIVER_SHARED, &chain));
	assert_int_equal(vscsi_lun_reset(d.lun), 0);
	model_answer(d.m, &chain, &cut_short[3]);
	/* The library's own handle finds it, and leaves it to the one that it belongs to. */
	assert_int_equal(vscsi_lun_reset(d.lun), 0);
	assert_int_equal(vscsi_poll(queue, &c, 1), 1);
	assert_int_equal(c.user_data, 7);
	assert_int_equal(c.result, -ECANCELED);
	assert_int_equal(vscsi_queue_close(queue), 0);
	assert_int_equal(vscsi_lun_close(lun), 0);
	driver_close(&d);
}

int task_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_of_the_functions),
		cmocka_unit_test(test_every_answer),
		cmocka_unit_test(test_lengths_of_answers),
		cmocka_unit_test(test_answer_amid_others),
		cmocka_unit_test(test_answer_that_was_not_written),
		cmocka_unit_test(test_device_that_never_answers),
		cmocka_unit_test(test_function_before_any_request),
		cmocka_unit_test(test_reset_with_requests_out),
		cmocka_unit_test(test_reset_of_another),
		cmocka_unit_test(test_reset_through_another_handle),
	};

	return cmocka_run_group_tests_name("device/task", tests, NULL, NULL);
}
