/* SPDX-License-Identifier: BSD-3-Clause */
/* The steps that most tests take. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "queue/quiet.h"
#include "ring/split.h"

void driver_init(struct driver *d)
{
	memset(d, 0, sizeof(*d));
	d->m = malloc(sizeof(*d->m));
	assert_non_null(d->m);
	model_init(d->m);
}

int driver_open_device(struct driver *d, const char *options)
{
	char address[256];

	snprintf(address, sizeof(address), "fake:model?queues=2&mem=4M%s%s", *options ? "&" : "",
		 options);
	return vscsi_dev_open(address, NULL, &d->dev);
}

void driver_open_rest(struct driver *d)
{
	const struct vscsi_queue_opts opts = {
		.size = sizeof(opts),
		.flags = VSCSI_QUEUE_EXCLUSIVE,
	};

	assert_int_equal(vscsi_lun_open(d->dev, 1, 2, NULL, &d->lun), 0);
	assert_int_equal(vscsi_queue_open(d->dev, &opts, &d->queue), 0);
	d->buf = vscsi_mem_alloc(vscsi_dev_mem(d->dev), DRIVER_BUF, 4096);
	assert_non_null(d->buf);
	memset(d->buf, 0, DRIVER_BUF);
}

void driver_open(struct driver *d, const char *options)
{
	int err = driver_open_device(d, options);

	if (err)
		fail_msg("%s", vscsi_last_error());
	driver_open_rest(d);
}

void driver_start(struct driver *d, const char *options)
{
	driver_init(d);
	driver_open(d, options);
}

struct vscsi_queue *driver_open_queue(struct driver *d, uint32_t flags)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = flags};
	struct vscsi_queue *queue;

	assert_int_equal(vscsi_queue_open(d->dev, &opts, &queue), 0);
	return queue;
}

struct vscsi_queue_info driver_queue_info(struct vscsi_queue *queue)
{
	struct vscsi_queue_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_queue_get_info(queue, &info), 0);
	return info;
}

void driver_close(struct driver *d)
{
	const char *broken;

	clock_stop(false);
	if (d->dev) {
		vscsi_mem_free(vscsi_dev_mem(d->dev), d->buf);
		assert_int_equal(vscsi_lun_close(d->lun), 0);
		assert_int_equal(vscsi_queue_close(d->queue), 0);
		assert_int_equal(vscsi_dev_close(d->dev), 0);
		assert_true(d->m->fake.closed);
	}
	assert_true(fake_status_only_grows(&d->m->fake));
	model_fini(d->m);
	broken = d->m->broken;
	free(d->m);
	assert_string_equal(broken ? broken : "none", "none");
}

void driver_hold(struct driver *d)
{
	d->m->held = MODEL_ALL;
}

void driver_hold_own(struct driver *d)
{
	d->m->held = MODEL_ALL & ~(UINT64_C(1) << DRIVER_SHARED);
}

void driver_read(struct driver *d, uint64_t user_data)
{
	assert_int_equal(vscsi_read(d->queue, d->lun, d->buf, 0, 1, 0, user_data), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
}

struct chain driver_take(struct driver *d)
{
	struct chain chain;

	assert_true(model_take(d->m, DRIVER_QUEUE, &chain));
	return chain;
}

struct vscsi_completion driver_poll(struct driver *d)
{
	struct vscsi_completion c;

	memset(&c, 0xa5, sizeof(c));
	quiet_end(d->queue);
	assert_int_equal(vscsi_poll(d->queue, &c, 1), 1);
	return c;
}

void driver_poll_nothing(struct driver *d)
{
	struct vscsi_completion c;

	assert_int_equal(vscsi_poll(d->queue, &c, 1), 0);
}

struct vscsi_completion driver_answer_read(struct driver *d, const struct answer *answer)
{
	struct chain chain;

	driver_read(d, 0x1122334455667788);
	chain = driver_take(d);
	model_answer(d->m, &chain, answer);
	return driver_poll(d);
}

uint64_t driver_errors(struct driver *d)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(d->dev, &info), 0);
	return info.errors;
}

/* By the linker's --wrap: what happens just before the library asks for a notification. */
static void (*before_arm)(void *ctx);
static void *before_arm_ctx;

bool __real_split_arm(struct split_ring *ring);
bool __wrap_split_arm(struct split_ring *ring);

bool __wrap_split_arm(struct split_ring *ring)
{
	void (*call)(void *ctx) = before_arm;

	before_arm = NULL;
	if (call)
		call(before_arm_ctx);
	return __real_split_arm(ring);
}

void driver_before_arm(void (*call)(void *ctx), void *ctx)
{
	before_arm = call;
	before_arm_ctx = ctx;
}
