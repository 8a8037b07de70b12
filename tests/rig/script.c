/* SPDX-License-Identifier: BSD-3-Clause */
/* Misbehaviour as planned: which fault a message gets and what it does to the answer. */
#include <string.h>
#include <sys/socket.h>

#include "rig/internal.h"

void rig_fault(struct rig *rig, struct rig_fault fault)
{
	rig_lock(rig);
	if (rig->nfaults < MAX_FAULTS)
		rig->faults[rig->nfaults++] = fault;
	rig_unlock(rig);
}

void rig_plan(struct rig *rig, uint32_t request, enum rig_kind kind, uint64_t arg)
{
	rig_fault(rig, (struct rig_fault){.request = request, .kind = kind, .arg = arg});
}

void rig_release(struct rig *rig)
{
	rig_lock(rig);
	rig->released = true;
	/* From here on it has something to do: see rig_settle(). */
	rig->stalled = false;
	rig_changed(rig);
	rig_unlock(rig);
}

bool rig_stalled(struct rig *rig)
{
	bool stalled;

	rig_lock(rig);
	stalled = rig->stalled;
	rig_unlock(rig);
	return stalled;
}

/* Every fault of this kind of message counts it; the first whose turn it is is taken. */
struct rig_fault script_next(struct rig *rig, uint32_t request)
{
	struct rig_fault found = {.kind = RIG_FAULT_NONE};
	bool have = false;
	unsigned kept = 0;
	unsigned i;

	for (i = 0; i < rig->nfaults; i++) {
		struct rig_fault *f = &rig->faults[i];
		bool fits = f->request == RIG_ANY || f->request == request;

		if (fits && f->skip == 0 && !have) {
			found = *f;
			have = true;
			continue;
		}
		if (fits && f->skip)
			f->skip--;
		rig->faults[kept++] = *f;
	}
	rig->nfaults = kept;
	return found;
}

/* Whether a message is there that is to be left unread. It can't be known by its kind. */
bool script_is_unread(struct rig *rig)
{
	const struct rig_fault *first = &rig->faults[0];
	char byte;

	return rig->nfaults && first->kind == RIG_FAULT_UNREAD && !first->skip &&
	       recv(rig->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* Gives the lock away meanwhile, so that the test can use the rig. */
void script_stall(struct rig *rig)
{
	rig->stalled = true;
	rig_changed(rig);
	while (!rig->released && !rig->stopping)
		pthread_cond_wait(&rig->changed, &rig->lock);
	rig->released = false;
}

/* Lies of the header about a payload that is right. */
static void mend_header(const struct rig_fault *fault, struct answer *a)
{
	switch (fault->kind) {
	case RIG_FAULT_SIZE:
		a->head.size = (uint32_t)fault->arg;
		break;
	case RIG_FAULT_ID:
		a->head.request = (uint32_t)fault->arg;
		break;
	case RIG_FAULT_FLAGS:
		a->head.flags = (uint32_t)fault->arg;
		break;
	default:
		break;
	}
}

/* Payloads that are wrong; the header tells the truth about their size. */
static void mend_payload(const struct rig_fault *fault, struct answer *a)
{
	uint32_t word = (uint32_t)fault->arg;

	switch (fault->kind) {
	case RIG_FAULT_SHORT:
		a->head.size = a->len -= (uint32_t)fault->arg;
		break;
	case RIG_FAULT_LONG:
		a->head.size = a->len += (uint32_t)fault->arg;
		break;
	case RIG_FAULT_EMPTY:
		a->head.size = a->len = 0;
		break;
	case RIG_FAULT_VALUE:
		memcpy(a->payload, &fault->arg, sizeof(fault->arg));
		break;
	case RIG_FAULT_WORD:
		memcpy(a->payload + 4 * (fault->arg >> 32), &word, sizeof(word));
		break;
	default:
		break;
	}
}

static void send_answer(struct rig *rig, const struct rig_fault *fault, const struct answer *a)
{
	char bytes[sizeof(a->head) + sizeof(a->payload)];
	size_t len = sizeof(a->head) + a->len;
	bool cut = fault->kind == RIG_FAULT_CLOSE_AFTER;

	memcpy(bytes, &a->head, sizeof(a->head));
	memcpy(bytes + sizeof(a->head), a->payload, a->len);
	if (cut && fault->arg < len)
		len = (size_t)fault->arg;
	wire_write(rig->fd, bytes, len, a->nfds, a->file, fault->kind == RIG_FAULT_BYTEWISE);
	/* The rest of the program goes on as with any end: the next read tells. */
	if (cut)
		shutdown(rig->fd, SHUT_RDWR);
}

void script_answer(struct rig *rig, const struct rig_fault *fault, struct answer *a)
{
	if (fault->kind == RIG_FAULT_DELAY || fault->kind == RIG_FAULT_STALL)
		script_stall(rig);
	if (fault->kind == RIG_FAULT_CLOSE) {
		shutdown(rig->fd, SHUT_RDWR);
		return;
	}
	if (!a->wanted || fault->kind == RIG_FAULT_DROP)
		return;
	if (fault->kind == RIG_FAULT_FDS)
		a->nfds = (unsigned)fault->arg;
	mend_header(fault, a);
	mend_payload(fault, a);
	send_answer(rig, fault, a);
	if (fault->kind == RIG_FAULT_TWICE)
		send_answer(rig, fault, a);
}
