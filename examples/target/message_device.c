/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages about the device: features, status, config space, reset.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <unistd.h>

#include "../../src/util/bits.h"
#include "error.h"
#include "message.h"
#include "scsi.h"
#include "session.h"

/* Bytes of a message before the config bytes. */
#define CONFIG_HEAD offsetof(struct message_config, bytes)

/* The two writable fields of config space, and their valid ranges. */
#define CDB_SIZE_MIN   16
#define SENSE_SIZE_MIN 18
#define SENSE_SIZE_MAX 1024

static int answer_u64(struct message *m, uint64_t v)
{
	m->body.u64 = v;
	m->header.size = sizeof(v);
	return 0;
}

int msg_get_features(struct session *s, struct message *m)
{
	return answer_u64(m, s->device->options.features.virtio);
}

/*
 * Features that were not offered can't be negotiated (virtio 1.4, 2.2.1). A client without
 * REPLY_ACK learns that only by losing its connection. Features determine the format of rings, so
 * they can't change while a ring runs.
 */
int msg_set_features(struct session *s, struct message *m)
{
	uint64_t offered = s->device->options.features.virtio;
	uint64_t wanted = m->body.u64;
	struct ring *r;
	unsigned int i;

	if (wanted & ~offered)
		return set_error(EINVAL, "features %#llx were not offered",
				 (unsigned long long)(wanted & ~offered));
	if (!(wanted & BIT(VIRTIO_F_VERSION_1)) && offered & BIT(VIRTIO_F_VERSION_1))
		return set_error(EINVAL,
				 "VERSION_1 was not negotiated: legacy drivers are not supported");
	if (session_any_started(s))
		return wanted == s->features
			       ? 0
			       : set_error(EBUSY, "features cannot change while rings run");
	s->features = wanted;
	for (i = 0; i < s->ring_count; i++) {
		r = &s->rings[i];
		r->ops = wanted & BIT(VIRTIO_F_RING_PACKED) ? &ring_packed_ops : &ring_split_ops;
		r->event_idx = wanted & BIT(VIRTIO_RING_F_EVENT_IDX);
		r->in_order = wanted & BIT(VIRTIO_F_IN_ORDER);
		r->indirect = wanted & BIT(VIRTIO_RING_F_INDIRECT_DESC);
		/* vhost-user, "Ring states": with this bit, rings wait for SET_VRING_ENABLE. */
		if (!(wanted & BIT(F_PROTOCOL_FEATURES)))
			r->enabled = true;
	}
	return 0;
}

int msg_get_protocol_features(struct session *s, struct message *m)
{
	return answer_u64(m, s->device->options.features.protocol);
}

/* Allowed before SET_FEATURES and SET_OWNER: front-ends differ in their order. */
int msg_set_protocol_features(struct session *s, struct message *m)
{
	uint64_t extra = m->body.u64 & ~s->device->options.features.protocol;

	if (extra)
		return set_error(EINVAL, "protocol features %#llx were not offered",
				 (unsigned long long)extra);
	s->protocol = m->body.u64;
	return 0;
}

/* Allowed once per connection. */
int msg_set_owner(struct session *s, struct message *m)
{
	(void)m;
	if (s->owned)
		return set_error(EBUSY, "SET_OWNER was sent twice");
	s->owned = true;
	return 0;
}

/* RESET_OWNER is deprecated and its meaning differs between peers; a reset is safe. */
int msg_reset(struct session *s, struct message *m)
{
	(void)m;
	session_reset(s);
	return 0;
}

/* Includes the control and event ring. */
int msg_get_queue_num(struct session *s, struct message *m)
{
	if (!(s->device->options.features.protocol & BIT(P_MQ)))
		return set_error(EPROTO, "GET_QUEUE_NUM requires MQ, which is not offered");
	return answer_u64(m, s->ring_count);
}

/*
 * Kept open as long as the client expects it. Nothing is ever sent there: config space changes only
 * if the driver changes it.
 */
int msg_set_backend_fd(struct session *s, struct message *m)
{
	int fd = message_take_fd(m);

	if (fd < 0)
		return set_error(EBADMSG, "SET_BACKEND_REQ_FD has no descriptor");
	if (s->backend_fd >= 0)
		close(s->backend_fd);
	s->backend_fd = fd;
	return 0;
}

/* The message contains two lengths, both untrusted. */
static int check_config(const struct message *m)
{
	const struct message_config *c = &m->body.config;

	if (m->header.size < CONFIG_HEAD || m->header.size != CONFIG_HEAD + c->size ||
	    c->size > CONFIG_MAX || c->offset > CONFIG_MAX - c->size)
		return set_error(EBADMSG, "a config message of %u bytes asks for %u at %u",
				 m->header.size, c->size, c->offset);
	return 0;
}

/*
 * Bytes after the device's config space read as zeros; some clients always request 256 bytes.
 */
int msg_get_config(struct session *s, struct message *m)
{
	struct virtio_scsi_config config = session_config(s);
	uint8_t space[CONFIG_MAX] = {0};
	int rc = check_config(m);

	if (rc)
		return rc;
	memcpy(space, &config, sizeof(config));
	memcpy(m->body.config.bytes, space + m->body.config.offset, m->body.config.size);
	return 0;
}

int msg_set_config(struct session *s, struct message *m)
{
	const struct message_config *c = &m->body.config;
	struct virtio_scsi_config now = session_config(s);
	struct virtio_scsi_config config = now;
	uint32_t sense;
	uint32_t cdb;
	int rc;

	rc = check_config(m);
	if (rc)
		return rc;
	if (c->flags || !range_inside(c->offset, c->size, 0, sizeof(config)))
		return set_error(EINVAL, "a config write has flags %#x and %u bytes at %u",
				 c->flags, c->size, c->offset);
	memcpy((uint8_t *)&config + c->offset, c->bytes, c->size);
	sense = le32toh(config.sense_size);
	cdb = le32toh(config.cdb_size);
	now.sense_size = config.sense_size;
	now.cdb_size = config.cdb_size;
	/* virtio 1.4, 5.6.4.1: only these two fields are writable. */
	if (memcmp(&now, &config, sizeof(now)))
		return set_error(EPERM, "a config write changes more than sense_size and cdb_size");
	if (sense < SENSE_SIZE_MIN || sense > SENSE_SIZE_MAX || cdb < CDB_SIZE_MIN || cdb > CDB_MAX)
		return set_error(EINVAL, "sense_size %u or cdb_size %u is out of range", sense,
				 cdb);
	s->sense_size = sense;
	s->cdb_size = cdb;
	return 0;
}

int msg_get_status(struct session *s, struct message *m)
{
	return answer_u64(m, s->status);
}

/* A status of zero resets the device (virtio 1.4, 2.1). */
int msg_set_status(struct session *s, struct message *m)
{
	if (m->body.u64 > 0xff)
		return set_error(EINVAL, "device status %#llx has more than eight bits",
				 (unsigned long long)m->body.u64);
	s->status = (uint8_t)m->body.u64;
	/* virtio 1.4, 2.2.2: features without VERSION_1 are not accepted. */
	if (!(s->features & BIT(VIRTIO_F_VERSION_1)))
		s->status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	if (!m->body.u64)
		session_reset(s);
	return 0;
}
