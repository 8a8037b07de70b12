/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages about the in-flight area: a client asks for one once, keeps it, and hands it over before
 * its rings start, each time that it connects.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <unistd.h>

#include "message.h"
#include "say.h"
#include "session.h"

/* Clients send the structure with or without the padding behind it. */
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
		return refuse(EBADMSG, "a message about the in-flight area came with %u bytes",
			      m->header.size);
	if (!i->queues || i->queues > s->ring_count || !i->entries || i->entries > most)
		return refuse(EINVAL,
			      "an in-flight area is for %u rings of %u entries: 1 to %u of 1 to %u",
			      i->queues, i->entries, s->ring_count, most);
	return 0;
}

/* Where none can be made the client goes on without: that is what a size of 0 means. */
int msg_get_inflight_fd(struct session *s, struct message *m)
{
	struct message_inflight *i = &m->body.inflight;
	int rc = check(s, m);

	if (rc)
		return rc;
	i->offset = 0;
	m->answer_fd = inflight_make(layout(s), i->queues, i->entries, &i->size);
	if (m->answer_fd < 0) {
		warn("%s", refusal());
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
		return refuse(EBUSY, "the in-flight area cannot change while rings run");
	inflight_unmap(&s->area);
	fd = message_take_fd(m);
	if (fd < 0)
		return refuse(EBADMSG, "SET_INFLIGHT_FD came without a descriptor");
	s->area.queues = i->queues;
	s->area.entries = i->entries;
	rc = inflight_map(&s->area, layout(s), i->size, i->offset, fd);
	close(fd);
	return rc;
}
