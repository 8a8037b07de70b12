/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages about memory.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "message.h"
#include "session.h"

/* Locates the rings again; they may have moved or be gone. */
static void reattach(struct session *s)
{
	struct ring *r;
	unsigned int i;

	for (i = 0; i < s->ring_count; i++) {
		r = &s->rings[i];
		if (r->started && !r->broken && ring_reattach(r))
			session_break_ring(s, r);
	}
}

/* The mapping outlives the descriptor, which is always closed. */
static int add(struct memory *memory, const struct message_region *g, struct message *m)
{
	int fd = message_take_fd(m);
	int rc;

	if (fd < 0)
		return set_error(EBADMSG, "a memory region has no descriptor");
	rc = memory_add(memory, g->guest, g->user, g->size, g->offset, fd);
	close(fd);
	return rc;
}

/* Replaces the whole table; on failure the old regions are gone too. */
int msg_set_mem_table(struct session *s, struct message *m)
{
	struct message_table t = m->body.table;
	unsigned int i;
	int rc = 0;

	if (m->header.size < 8 || !t.count || t.count > TABLE_REGIONS ||
	    m->header.size != 8 + t.count * sizeof(t.regions[0]) || m->fd_count != t.count)
		return set_error(
			EBADMSG,
			"a memory table of %u bytes and %u descriptors names %u regions (1 to %d)",
			m->header.size, m->fd_count, t.count, TABLE_REGIONS);
	memory_clear(&s->memory);
	for (i = 0; i < t.count && !rc; i++)
		rc = add(&s->memory, &t.regions[i], m);
	if (rc)
		memory_clear(&s->memory);
	reattach(s);
	return rc;
}

int msg_get_max_mem_slots(struct session *s, struct message *m)
{
	(void)s;
	m->body.u64 = MEMORY_SLOTS;
	m->header.size = sizeof(m->body.u64);
	return 0;
}

int msg_add_mem_reg(struct session *s, struct message *m)
{
	return add(&s->memory, &m->body.slot.region, m);
}

/* Rings in the region break. No requests are in flight: each is completed when it is taken. */
int msg_rem_mem_reg(struct session *s, struct message *m)
{
	const struct message_region *g = &m->body.slot.region;
	int rc = memory_remove(&s->memory, g->guest, g->user, g->size);

	if (!rc)
		reattach(s);
	return rc;
}
