/* SPDX-License-Identifier: BSD-3-Clause */
/* The steps of late.h. */
#include "late.h"

void poll_long(struct driver *d)
{
	unsigned i;

	for (i = 0; i < 200; i++)
		driver_poll_nothing(d);
}

/* Several times after it, as what one look begins the next goes on with. */
void pass(struct driver *d, uint64_t ms)
{
	clock_stop(true);
	poll_long(d);
	clock_skip(ms);
	poll_long(d);
	clock_skip(300);
	poll_long(d);
	clock_skip(10);
	poll_long(d);
}

struct chain take_task(struct driver *d, unsigned subtype)
{
	struct chain chain;
	const uint8_t *bytes;

	assert_true(model_take(d->m, 0, &chain));
	bytes = chain.out[0].iov_base;
	assert_int_equal(chain.out[0].iov_len, TMF_BYTES);
	assert_int_equal(bytes[4], subtype);
	return chain;
}

void answer_task(struct driver *d, const struct chain *chain, uint8_t response)
{
	*(uint8_t *)chain->in[0].iov_base = response;
	model_give(d->m, chain, 1);
}

void give_aborted(struct driver *d, const struct chain *chain)
{
	struct answer a = {.response = VIRTIO_SCSI_S_ABORTED, .used_len = RESPONSE_BYTES};

	model_answer(d->m, chain, &a);
}

void open_late(struct driver *d, const char *options)
{
	driver_init(d);
	driver_open(d, options);
	driver_hold(d);
}

struct chain late_read(struct driver *d)
{
	struct chain chain;

	driver_read(d, 7);
	chain = driver_take(d);
	pass(d, IO_MS + 1);
	return chain;
}
