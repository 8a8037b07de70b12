/* SPDX-License-Identifier: BSD-3-Clause */
/* The steps of late.h. */
#include "late.h"

void poll_long(struct desk *d)
{
	unsigned i;

	for (i = 0; i < 200; i++)
		desk_poll_nothing(d);
}

/* Several times after it, as what one look begins the next goes on with. */
void pass(struct desk *d, uint64_t ms)
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

struct chain take_task(struct desk *d, unsigned subtype)
{
	struct chain chain;
	const uint8_t *bytes;

	assert_true(model_take(d->m, 0, &chain));
	bytes = chain.out[0].iov_base;
	assert_int_equal(chain.out[0].iov_len, TMF_BYTES);
	assert_int_equal(bytes[4], subtype);
	return chain;
}

void answer_task(struct desk *d, const struct chain *chain, uint8_t response)
{
	*(uint8_t *)chain->in[0].iov_base = response;
	model_give(d->m, chain, 1);
}

void give_aborted(struct desk *d, const struct chain *chain)
{
	struct answer a = {.response = VIRTIO_SCSI_S_ABORTED, .used_len = RESPONSE_BYTES};

	model_answer(d->m, chain, &a);
}

void open_late(struct desk *d, const char *options)
{
	desk_init(d);
	desk_open(d, options);
	desk_hold(d);
}

struct chain late_read(struct desk *d)
{
	struct chain chain;

	desk_read(d, 7);
	chain = desk_take(d);
	pass(d, IO_MS + 1);
	return chain;
}
