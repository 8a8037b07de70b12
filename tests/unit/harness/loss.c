/* SPDX-License-Identifier: BSD-3-Clause */
/* A device that is lost and found as a test likes. */
#include <errno.h>
#include <string.h>

#include "loss.h"
#include "util/error.h"

bool loss_away;
int loss_error = -ECONNREFUSED;
unsigned loss_attempts;

static bool can_reopen(struct transport *t)
{
	(void)t;
	return true;
}

static int reopen(struct transport *t)
{
	struct fake *fake = (struct fake *)t;

	loss_attempts++;
	if (loss_away)
		return error_set(loss_error, "no way to the device");
	memset(fake->started, 0, sizeof(fake->started));
	fake->insist = 0;
	return 0;
}

void loss_prepare(struct driver *d)
{
	loss_away = false;
	loss_error = -ECONNREFUSED;
	loss_attempts = 0;
	d->m->fake.ops.can_reopen = can_reopen;
	d->m->fake.ops.reopen = reopen;
}

void loss_open(struct driver *d, const char *options)
{
	driver_init(d);
	loss_prepare(d);
	driver_open(d, options);
	d->m->held = UINT64_C(1) << DRIVER_QUEUE;
}

void loss_open_stopped(struct driver *d, const char *options)
{
	loss_open(d, options);
	clock_stop(true);
}

void loss_read(struct driver *d, uint64_t lba)
{
	assert_int_equal(vscsi_read(d->queue, d->lun, d->buf, lba, 1, 0, lba), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
}

void loss_answer(struct driver *d, const struct chain *chain)
{
	struct answer good = model_good(chain);

	model_answer(d->m, chain, &good);
}

void loss_serve(struct driver *d, uint64_t lba)
{
	struct chain chain = driver_take(d);

	assert_int_equal(chain_cdb(&chain)[5], lba);
	loss_answer(d, &chain);
	assert_int_equal(driver_poll(d).user_data, lba);
}

void loss_break(struct driver *d)
{
	d->m->fake.fail = FAKE_CHECK;
	d->m->fake.fail_skip = 0;
	d->m->fake.fail_err = -ENOTCONN;
}

void loss_look(struct driver *d)
{
	struct vscsi_event events[8];

	if (vscsi_dev_poll_events(d->dev, events, 8) < 0)
		fail_msg("%s", vscsi_last_error());
}

void loss_lose(struct driver *d)
{
	loss_away = true;
	loss_break(d);
	loss_look(d);
}

void loss_find(struct driver *d)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	loss_away = false;
	clock_skip(1000);
	loss_look(d);
	assert_int_equal(vscsi_dev_get_info(d->dev, &info), 0);
	assert_int_equal(info.state, VSCSI_DEV_RUNNING);
}
