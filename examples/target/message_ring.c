/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages about a ring. SET_VRING_KICK starts it, GET_VRING_BASE stops it (vhost-user, "Ring
 * states").
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "error.h"
#include "message.h"
#include "session.h"

/* The ring with this index, which is checked. */
static struct ring *ring_at(struct session *s, uint64_t index)
{
	if (index < s->ring_count)
		return &s->rings[index];
	set_error(EINVAL, "ring %llu does not exist: there are %u", (unsigned long long)index,
		  s->ring_count);
	return NULL;
}

/* The ring with this index if it is stopped: a running ring can't be configured. */
static struct ring *stopped_ring(struct session *s, uint64_t index)
{
	struct ring *r = ring_at(s, index);

	if (r && r->started) {
		set_error(EBUSY, "ring %u is running and cannot be changed", r->index);
		return NULL;
	}
	return r;
}

/* Whether the size is valid for the ring's format is checked at the start. */
int msg_set_vring_num(struct session *s, struct message *m)
{
	struct ring *r = stopped_ring(s, m->body.state.index);
	uint32_t max = s->device->options.queue_size;

	if (!r)
		return -EINVAL;
	if (!m->body.state.num || m->body.state.num > max)
		return set_error(EINVAL, "ring %u cannot have %u entries (1 to %u)", r->index,
				 m->body.state.num, max);
	r->num = m->body.state.num;
	return 0;
}

/* Front-ends may send this again while the ring runs, to switch dirty logging. */
int msg_set_vring_addr(struct session *s, struct message *m)
{
	const struct vhost_vring_addr *a = &m->body.addr;
	struct ring *r = ring_at(s, a->index);

	if (!r)
		return -EINVAL;
	if (a->flags)
		return set_error(EINVAL,
				 "dirty logging was requested for ring %u, but is not offered",
				 r->index);
	r->desc_addr = a->desc_user_addr;
	r->driver_addr = a->avail_user_addr;
	r->device_addr = a->used_user_addr;
	r->have_addr = true;
	if (r->started && !r->broken && ring_reattach(r))
		session_break_ring(s, r);
	return 0;
}

/* The value is checked when the ring starts. */
int msg_set_vring_base(struct session *s, struct message *m)
{
	struct ring *r = stopped_ring(s, m->body.state.index);

	if (!r)
		return -EINVAL;
	r->start_base = m->body.state.num;
	return 0;
}

/* Nothing is in flight here: each request is completed when it is taken. */
int msg_get_vring_base(struct session *s, struct message *m)
{
	struct ring *r = ring_at(s, m->body.state.index);

	if (!r)
		return -EINVAL;
	loop_remove(r->loop, &r->kick);
	ring_stop(r);
	m->body.state.num = r->start_base;
	return 0;
}

/*
 * The ring and the descriptor of a KICK, CALL or ERR message. *@fd is -1 if the message has none.
 * Returns NULL with the error text set if the message is inconsistent.
 */
static struct ring *ring_and_fd(struct session *s, struct message *m, int *fd)
{
	uint64_t v = m->body.u64;
	struct ring *r;

	if (v & ~(uint64_t)(VRING_INDEX_MASK | VRING_NO_FD) ||
	    !(v & VRING_NO_FD) != (m->fd_count == 1)) {
		set_error(EBADMSG,
			  "a ring descriptor message has the value %#llx and %u descriptors",
			  (unsigned long long)v, m->fd_count);
		return NULL;
	}
	r = ring_at(s, v & VRING_INDEX_MASK);
	if (r)
		*fd = message_take_fd(m);
	return r;
}

static void on_kick(struct watch *w)
{
	struct ring *r = w->owner;
	eventfd_t kicks;

	errno = 0; /* eventfd_read does not set it at the end of a file or socket */
	if (eventfd_read(w->fd, &kicks)) {
		/* Not an eventfd, or one that others read too: it would stay readable. */
		if (errno != EAGAIN && errno != EINTR)
			loop_remove(r->loop, w);
		return;
	}
	r->counters->kicks += kicks;
	r->pending = true;
}

/*
 * Reads must not block. O_NONBLOCK is a property of the file that both sides share, so it is set
 * even if the client created a blocking descriptor.
 */
static int watch_kicks(struct ring *r, int fd)
{
	loop_remove(r->loop, &r->kick);
	r->kick.ready = on_kick;
	r->kick.owner = r;
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		return set_error(errno, "the kick descriptor of ring %u is unusable", r->index);
	return loop_add(r->loop, &r->kick, fd);
}

int msg_set_vring_kick(struct session *s, struct message *m)
{
	struct ring *r;
	int fd = -1;
	int rc;

	r = ring_and_fd(s, m, &fd);
	if (!r)
		return -EINVAL;
	if (fd >= 0) {
		rc = watch_kicks(r, fd);
		if (rc) {
			close(fd);
			return rc;
		}
	}
	/* The main thread does not poll next to workers, which it would stop again and again. */
	r->polled = fd < 0 || (s->device->options.poll && (r->worker || !s->device->worker_count));
	r->pending = true; /* a running ring must also set its kicks again */
	if (r->started)
		return 0;
	if (!r->ops)
		return set_error(EPROTO, "ring %u was kicked before SET_FEATURES", r->index);
	return ring_start(r);
}

static int set_fd(struct session *s, struct message *m, bool call)
{
	struct ring *r;
	int *slot;
	int fd = -1;

	r = ring_and_fd(s, m, &fd);
	if (!r)
		return -EINVAL;
	/* Writing to a full counter must not block. */
	if (fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK)) {
		close(fd);
		return set_error(EINVAL, "a descriptor of ring %u is unusable", r->index);
	}
	slot = call ? &r->call_fd : &r->err_fd;
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
	/*
	 * Used requests may not have been announced through the previous descriptor: QEMU sends
	 * this after the kick when it restarts a ring. A spurious notification is allowed (virtio
	 * 1.4, 2.7.7.1).
	 */
	if (call && fd >= 0 && r->started)
		eventfd_write(fd, 1);
	return 0;
}

int msg_set_vring_call(struct session *s, struct message *m)
{
	return set_fd(s, m, true);
}

int msg_set_vring_err(struct session *s, struct message *m)
{
	return set_fd(s, m, false);
}

/* A disabled ring keeps its positions and is not processed. */
int msg_set_vring_enable(struct session *s, struct message *m)
{
	struct ring *r = ring_at(s, m->body.state.index);

	if (!r)
		return -EINVAL;
	if (m->body.state.num > 1)
		return set_error(EINVAL, "SET_VRING_ENABLE of ring %u has the value %u", r->index,
				 m->body.state.num);
	if (!(s->features & BIT(F_PROTOCOL_FEATURES)))
		return set_error(
			EPROTO,
			"SET_VRING_ENABLE requires feature bit 30, which was not negotiated");
	r->enabled = m->body.state.num;
	r->pending = true;
	return 0;
}
