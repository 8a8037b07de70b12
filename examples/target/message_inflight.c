/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages about the in-flight area: a client requests one once, keeps it, and sends it on each
 * connection before its rings start.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <unistd.h>

#include "error.h"
#include "message.h"
#include "session.h"

/* Clients send the structure with or without trailing padding. */
#define SIZE_BARE 20

static const struct inflight_ops *layout(const struct session *s)
{
	return s->features & BIT(VIRTIO_F_RING_PACKED) ? &inflight_packed_ops : &inflight_split_ops;
}

static int check(const struct session *s, const struct message *m)
{
	const struct message_inflight *i = &m->body.inflight;
	uint32_t most = s->device->options.queue_size;

	if (m->header.size != SIZE_BARE && m->header.size != sizeof(*i))
		return set_error(EBADMSG, "a message about the in-flight area has %u bytes",
				 m->header.size);
	if (!i->queues || i->queues > s->ring_count || !i->entries || i->entries > most)
		return set_error(
			EINVAL,
			"invalid in-flight area for %u rings of %u entries (1 to %u of 1 to %u)",
			i->queues, i->entries, s->ring_count, most);
	return 0;
}

/* On failure returns a size of 0: the client continues without in-flight tracking. */
int msg_get_inflight_fd(struct session *s, struct message *m)
{
	struct message_inflight *i = &m->body.inflight;
	int rc = check(s, m);

	if (rc)
		return rc;
	i->offset = 0;
	m->answer_fd = inflight_make(layout(s), i->queues, i->entries, &i->size);
	if (m->answer_fd < 0) {
		warn("%s", last_error());
		i->size = 0;
	}
	return 0;
}

int msg_set_inflight_fd(struct session *s, struct message *m)
{
	const struct message_inflight *i = &m->body.inflight;
	int rc = check(s, m);
	int fd;

	if (rc)
		return rc;
	if (session_any_started(s))
		return set_error(EBUSY, "the in-flight area cannot change while rings run");
	inflight_unmap(&s->area);
	fd = message_take_fd(m);
	if (fd < 0)
		return set_error(EBADMSG, "SET_INFLIGHT_FD has no descriptor");
	s->area.queues = i->queues;
	s->area.entries = i->entries;
	rc = inflight_map(&s->area, layout(s), i->size, i->offset, fd);
	close(fd);
	return rc;
}
