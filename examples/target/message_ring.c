/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages about one ring. SET_VRING_KICK starts it, GET_VRING_BASE stops it (vhost-user, "Ring
 * states").
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "message.h"
#include "say.h"
#include "session.h"

/* Every ring message names its ring, and every one has to be checked. */
static struct ring *ring_at(struct session *s, uint64_t index)
{
	if (index < s->ring_count)
		return &s->rings[index];
	refuse(EINVAL, "ring %llu is named, but there are only %u", (unsigned long long)index,
	       s->ring_count);
	return NULL;
}

/* The ring at @index if it is stopped: its set-up may not change while it runs. */
static struct ring *stopped_ring(struct session *s, uint64_t index)
{
	struct ring *r = ring_at(s, index);

	if (r && r->started) {
		refuse(EBUSY, "ring %u runs and cannot be changed", r->index);
		return NULL;
	}
	return r;
}

/* Whether the number suits the ring's format is known only when it starts. */
int msg_set_vring_num(struct session *s, struct message *m)
{
	struct ring *r = stopped_ring(s, m->body.state.index);
	uint32_t max = s->device->options.queue_size;

	if (!r)
		return -EINVAL;
	if (!m->body.state.num || m->body.state.num > max)
		return refuse(EINVAL, "ring %u cannot have %u entries: 1 to %u", r->index,
			      m->body.state.num, max);
	r->num = m->body.state.num;
	return 0;
}

/* Front-ends may send this again while the ring runs, to turn dirty logging on or off. */
int msg_set_vring_addr(struct session *s, struct message *m)
{
	const struct vhost_vring_addr *a = &m->body.addr;
	struct ring *r = ring_at(s, a->index);

	if (!r)
		return -EINVAL;
	if (a->flags)
		return refuse(EINVAL, "dirty logging was asked for ring %u, but is not offered",
			      r->index);
	r->desc_addr = a->desc_user_addr;
	r->driver_addr = a->avail_user_addr;
	r->device_addr = a->used_user_addr;
	r->have_addr = true;
	if (r->started && !r->broken && ring_reattach(r))
		session_break_ring(s, r);
	return 0;
}

/* Any value may come here; whether it makes sense shows when the ring starts. */
int msg_set_vring_base(struct session *s, struct message *m)
{
	struct ring *r = stopped_ring(s, m->body.state.index);

	if (!r)
		return -EINVAL;
	r->start_base = m->body.state.num;
	return 0;
}

/* Requests run to their end when they are taken, so nothing is in flight here. */
int msg_get_vring_base(struct session *s, struct message *m)
{
	struct ring *r = ring_at(s, m->body.state.index);

	if (!r)
		return -EINVAL;
	loop_remove(&s->device->loop, &r->kick);
	ring_stop(r);
	m->body.state.num = r->start_base;
	return 0;
}

/*
 * The ring and the descriptor of a KICK, CALL or ERR message. *@fd is -1 if the message says that
 * there is none. Returns NULL with a sentence if the message contradicts itself.
 */
static struct ring *ring_and_fd(struct session *s, struct message *m, int *fd)
{
	uint64_t v = m->body.u64;
	struct ring *r;

	if (v & ~(uint64_t)(VRING_INDEX_MASK | VRING_NO_FD) ||
	    !(v & VRING_NO_FD) != (m->fd_count == 1)) {
		refuse(EBADMSG, "a ring descriptor message has the value %#llx and %u descriptors",
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
	struct session *s =
		(struct session *)((char *)(r - r->index) - offsetof(struct session, rings));
	eventfd_t kicks;

	errno = 0; /* at the end of a file or socket eventfd_read fails without setting it */
	if (eventfd_read(w->fd, &kicks)) {
		/* No eventfd, or one that others read too: it would be ready for ever. */
		if (errno != EAGAIN && errno != EINTR)
			loop_remove(&s->device->loop, w);
		return;
	}
	s->device->counters.kicks += kicks;
	r->pending = true;
}

/*
 * A read must never block, and O_NONBLOCK belongs to the file that both sides share; clients that
 * made a blocking one get it changed.
 */
static int watch_kicks(struct session *s, struct ring *r, int fd)
{
	int rc;

	loop_remove(&s->device->loop, &r->kick);
	r->kick.ready = on_kick;
	r->kick.owner = r;
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		return refuse(errno, "the kick descriptor of ring %u is unusable", r->index);
	rc = loop_add(&s->device->loop, &r->kick, fd);
	return rc;
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
		rc = watch_kicks(s, r, fd);
		if (rc) {
			close(fd);
			return rc;
		}
	}
	r->polled = fd < 0 || s->device->options.poll;
	r->pending = true; /* also makes a running ring ask for kicks in its new way */
	if (r->started)
		return 0;
	if (!r->ops)
		return refuse(EPROTO, "ring %u was kicked before SET_FEATURES", r->index);
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
	/* A write to a full counter must not block. */
	if (fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK)) {
		close(fd);
		return refuse(EINVAL, "a descriptor of ring %u is unusable", r->index);
	}
	slot = call ? &r->call_fd : &r->err_fd;
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
	/*
	 * What was used while there was no descriptor, or another one, went unheard: QEMU, restarting
	 * a ring, sends this after the kick. One notification too many does no harm (virtio 1.4,
	 * 2.7.7.1).
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

/* A ring that is disabled keeps its place and is simply not looked at. */
int msg_set_vring_enable(struct session *s, struct message *m)
{
	struct ring *r = ring_at(s, m->body.state.index);

	if (!r)
		return -EINVAL;
	if (m->body.state.num > 1)
		return refuse(EINVAL, "SET_VRING_ENABLE of ring %u has the value %u", r->index,
			      m->body.state.num);
	if (!(s->features & BIT(F_PROTOCOL_FEATURES)))
		return refuse(EPROTO, "SET_VRING_ENABLE came without bit 30 being negotiated");
	r->enabled = m->body.state.num;
	r->pending = true;
	return 0;
}
