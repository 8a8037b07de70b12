/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages about memory.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "say.h"
#include "session.h"

/* Rings may lie elsewhere now, or nowhere. */
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

/* The mapping outlives the descriptor, which is closed in any case. */
static int add(struct memory *memory, const struct message_region *g, struct message *m)
{
	int fd = message_take_fd(m);
	int rc;

	if (fd < 0)
		return refuse(EBADMSG, "a memory region came without a descriptor");
	rc = memory_add(memory, g->guest, g->user, g->size, g->offset, fd);
	close(fd);
	return rc;
}

/* The table replaces all that was there before; with a bad one the old memory is gone too. */
int msg_set_mem_table(struct session *s, struct message *m)
{
	struct message_table t = m->body.table;
	unsigned int i;
	int rc = 0;

	if (m->header.size < 8 || !t.count || t.count > TABLE_REGIONS ||
	    m->header.size != 8 + t.count * sizeof(t.regions[0]) || m->fd_count != t.count)
		return refuse(
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

/* Rings inside the region break; requests cannot be in flight, they are finished when taken. */
int msg_rem_mem_reg(struct session *s, struct message *m)
{
	const struct message_region *g = &m->body.slot.region;
	int rc = memory_remove(&s->memory, g->guest, g->user, g->size);

	if (!rc)
		reattach(s);
	return rc;
}
