/* SPDX-License-Identifier: BSD-3-Clause */
/* State changes of all request queues of a device. */
#include "queue/queue.h"

/* The state of a queue after a loss of its device; @stop: the device has to be stopped first. */
static enum ioq_state state_when_lost(enum ioq_state state, bool stop)
{
	switch (state) {
	case IOQ_RUNNING:
		return stop ? IOQ_STOPPING : IOQ_DOWN;
	case IOQ_READY:
		return IOQ_DOWN;
	case IOQ_RESUMING:
		return IOQ_DRAINED;
	default:
		return state;
	}
}

static void lose(struct ioq *ioq, enum inflight_policy policy, bool stop)
{
	enum ioq_state from = ioq_state(ioq);
	enum ioq_state to = state_when_lost(from, stop);

	/* A queue that has not resumed since the previous loss keeps the policy of that loss. */
	if (from == IOQ_RUNNING)
		atomic_store(&ioq->policy, policy);
	if (to != from)
		ioq_set_state(ioq, to);
}

void queue_set_lose(struct queue_set *set, enum inflight_policy policy, bool stop)
{
	unsigned i;

	pthread_mutex_lock(&set->lock);
	for (i = 0; i < set->count; i++)
		lose(set->ioqs[i], policy, stop);
	pthread_mutex_unlock(&set->lock);
}

void queue_set_stopped(struct queue_set *set)
{
	unsigned i;

	pthread_mutex_lock(&set->lock);
	for (i = 0; i < set->count; i++) {
		if (ioq_state(set->ioqs[i]) == IOQ_STOPPING)
			ioq_set_state(set->ioqs[i], IOQ_DOWN);
	}
	pthread_mutex_unlock(&set->lock);
}

void queue_set_ready(struct queue_set *set)
{
	unsigned i;

	pthread_mutex_lock(&set->lock);
	for (i = 0; i < set->usable; i++) {
		enum ioq_state state = ioq_state(set->ioqs[i]);

		ioq_set_state(set->ioqs[i], state == IOQ_DOWN ? IOQ_READY : IOQ_RESUMING);
	}
	pthread_mutex_unlock(&set->lock);
}

void queue_set_run(struct queue_set *set)
{
	unsigned i;

	queue_set_ready(set);
	pthread_mutex_lock(&set->lock);
	for (i = 0; i < set->usable; i++)
		ioq_set_state(set->ioqs[i], IOQ_RUNNING);
	pthread_mutex_unlock(&set->lock);
}

void queue_set_kill(struct queue_set *set)
{
	unsigned i;

	pthread_mutex_lock(&set->lock);
	for (i = 0; set->ioqs && i < set->count; i++) {
		if (set->ioqs[i] && ioq_state(set->ioqs[i]) != IOQ_DEAD)
			ioq_set_state(set->ioqs[i], IOQ_DEAD);
	}
	pthread_mutex_unlock(&set->lock);
}

void queue_set_doubt(struct queue_set *set)
{
	unsigned i;

	pthread_mutex_lock(&set->lock);
	for (i = 0; i < set->count; i++) {
		if (atomic_load(&set->ioqs[i]->policy) != INFLIGHT_REPORT)
			atomic_store(&set->ioqs[i]->policy, INFLIGHT_READS);
	}
	pthread_mutex_unlock(&set->lock);
}

struct virtq *ioq_device_vq(struct ioq *ioq)
{
	enum ioq_state state = ioq_state(ioq);
	bool next = state == IOQ_READY || state == IOQ_RESUMING;

	return next ? &ioq->next_vq : &ioq->vq;
}

void queue_set_fork(struct queue_set *set)
{
	unsigned i;

	set->forked = true;
	for (i = 0; i < set->count; i++)
		ioq_choose_path(set->ioqs[i]);
}

void queue_set_wake(struct queue_set *set)
{
	unsigned i;

	for (i = 0; i < set->count; i++)
		virtq_fd_wake(&set->ioqs[i]->vq);
}

uint64_t queue_set_errors(const struct queue_set *set)
{
	uint64_t errors = 0;
	unsigned i;

	for (i = 0; i < set->count; i++)
		errors += atomic_load_explicit(&set->ioqs[i]->errors, memory_order_relaxed);
	return errors;
}
