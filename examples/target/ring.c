/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What both ring formats share: start, stop, break, and notify the driver.
 */
#include "ring.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "crash.h"
#include "error.h"

static int make_pieces(struct ring *r)
{
	struct iovec *iov;

	/* A buffer that spans regions needs more segments than descriptors; this is enough. */
	r->iov_max = 2 * r->num + MEMORY_SLOTS;
	iov = realloc(r->iov, r->iov_max * sizeof(*iov));
	if (!iov)
		return set_error(ENOMEM, "no memory left for ring %u", r->index);
	r->iov = iov;
	return 0;
}

int ring_start(struct ring *r)
{
	int rc;

	if (!r->num || !r->have_addr)
		return set_error(EINVAL,
				 "ring %u was kicked before its size and addresses were set",
				 r->index);
	rc = make_pieces(r);
	if (rc)
		return rc;
	r->ops->set_base(r, r->start_base);
	rc = r->ops->attach(r);
	if (!rc)
		rc = inflight_start(r);
	if (rc)
		return rc;
	r->called_valid = false;
	r->uncalled = 0;
	r->broken = false;
	r->started = true;
	r->avail_idx = r->next_avail;
	r->kick_word = KICK_WORD_NONE;
	r->pending = true; /* there is no kick for requests made available before */
	r->ops->enable_kicks(r, !r->polled);
	return 0;
}

/* Keeps the private used index: the one in memory may have been changed. */
int ring_reattach(struct ring *r)
{
	uint16_t used = r->next_used;
	int rc;

	rc = r->ops->attach(r);
	r->next_used = used;
	r->kick_word = KICK_WORD_NONE;
	return rc;
}

/*
 * Call and error descriptors end with the ring: they are sent again for the next start (vhost-user,
 * "Ring states").
 */
void ring_stop(struct ring *r)
{
	if (r->started)
		r->start_base = r->ops->base(r);
	r->started = false;
	r->broken = false;
	r->pending = false;
	r->batch.slots = 0; /* of a client that was disconnected */
	inflight_stop(&r->inflight);
	if (r->call_fd >= 0)
		close(r->call_fd);
	if (r->err_fd >= 0)
		close(r->err_fd);
	r->call_fd = -1;
	r->err_fd = -1;
}

bool ring_runs(const struct ring *r)
{
	return r->started && r->enabled && !r->broken;
}

void ring_break(struct ring *r)
{
	r->broken = true;
	if (r->err_fd >= 0)
		eventfd_write(r->err_fd, 1);
}

bool ring_rearm(struct ring *r)
{
	if (r->polled)
		return r->ops->has_work(r);
	r->ops->enable_kicks(r, true);
	/*
	 * Pairs with the driver's fence between publishing a request and reading the flag: either
	 * it sees that kicks are enabled, or we see its request (virtio 1.4, 2.7.13.4.1,
	 * 2.8.21.3.1).
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return r->ops->has_work(r);
}

int ring_pop(struct ring *r, struct chain *c)
{
	int rc;

	if (inflight_replay(&r->inflight)) {
		rc = r->ops->pop_replay(r, c);
		r->inflight.replay_next++;
	} else {
		rc = r->ops->pop(r, c);
		if (rc > 0 && r->inflight.part && r->ops->inflight->take(r, c))
			rc = -EINVAL;
	}
	/* The client can write to the ring meanwhile, so that a batch might never end. */
	if (rc > 0 && r->batch.slots + c->slots > r->num)
		return set_error(EINVAL, "a batch of ring %u is longer than its %u entries",
				 r->index, r->num);
	if (rc > 0)
		crash_point(CRASH_TAKEN);
	return rc;
}

/* Publishes the requests in the in-flight area's done list, or @c if there is no area. */
static void publish(struct ring *r, const struct chain *c, uint32_t written)
{
	if (r->inflight.part)
		r->ops->inflight->link(r, c->slots);
	crash_point(CRASH_LINKED);
	r->ops->push(r, c, written);
	r->uncalled += c->slots;
	crash_point(CRASH_SHOWN);
	if (r->inflight.part)
		r->ops->inflight->clear(r);
}

void ring_push(struct ring *r, const struct chain *c, uint32_t written)
{
	crash_point(CRASH_DONE);
	if (r->inflight.part)
		r->inflight.done[r->inflight.done_count++] = c->entry;
	if (!r->in_order) {
		publish(r, c, written);
		return;
	}
	r->batch.id = c->id;
	r->batch.slots = (uint16_t)(r->batch.slots + c->slots);
	r->batch.written = written;
}

static void show_batch(struct ring *r)
{
	const struct chain c = {.id = r->batch.id, .slots = r->batch.slots};

	if (c.slots)
		publish(r, &c, r->batch.written);
	r->batch.slots = 0;
}

bool ring_call(struct ring *r)
{
	bool wanted;

	show_batch(r);
	/*
	 * What was pushed must be visible before the driver's event is read: the driver sets it and
	 * then checks for used entries (virtio 1.4, 2.7.7.2, 2.8.22).
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	wanted = r->ops->wants_call(r);
	r->called_valid = true;
	r->uncalled = 0;
	if (!wanted || r->call_fd < 0)
		return false;
	/* If the counter is full, a notification is pending already. */
	eventfd_write(r->call_fd, 1);
	return true;
}
