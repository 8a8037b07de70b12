/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bare ring has a split ring's memory and the library's slots: for each request the driver
 * writes a line with the command and one with the address of the data; the device reads both and
 * writes its response into the first; heads and used entries share lines as they do in a virtqueue.
 * No check, no fence, no request for notifications.
 */
#include "bare.h"

#include <string.h>

#include <linux/virtio_ring.h>

#include "threads.h"
#include "work.h"

#define ENTRIES 128u

/* Lines of a slot that move. */
struct place {
	_Alignas(64) uint64_t command;
	uint64_t unused[6];
	uint64_t response;
	uint64_t sense[16];
	uint64_t table[32];
};

_Static_assert(sizeof(struct place) == 448, "as far from each other as the library's slots are");

static struct {
	_Alignas(4096) struct place places[ENTRIES];
	_Alignas(4096) uint16_t avail_flags;
	uint16_t avail_idx;
	uint16_t avail[ENTRIES];
	_Alignas(4096) uint16_t used_flags;
	uint16_t used_idx;
	struct vring_used_elem used[ENTRIES];
	_Alignas(4096) uint32_t word_there;
	_Alignas(4096) uint32_t word_back;
} shared;

/* Rounds between two looks at the clock or at the request to stop. */
#define ROUNDS 256u

void bare_reset(void)
{
	memset(&shared, 0, sizeof(shared));
}

void bare_ring_serve(const atomic_bool *stop, unsigned rounds)
{
	uint16_t taken = 0;

	while (!atomic_load_explicit(stop, memory_order_relaxed)) {
		uint16_t idx = __atomic_load_n(&shared.avail_idx, __ATOMIC_ACQUIRE);

		if (idx == taken)
			continue;
		if ((uint16_t)(idx - taken) > BARE_BATCH)
			idx = (uint16_t)(taken + BARE_BATCH);
		while (taken != idx) {
			uint16_t head = shared.avail[taken % ENTRIES];
			struct place *place = &shared.places[head];
			uint64_t response = place->command - place->table[0];

			work(rounds);
			place->response = response;
			shared.used[taken++ % ENTRIES] = (struct vring_used_elem){.id = head};
			__atomic_store_n(&shared.used_idx, taken, __ATOMIC_RELEASE);
		}
	}
}

/* Free slots: the one freed last is taken first, as in the library. */
struct stack {
	uint16_t heads[ENTRIES];
	unsigned count;
};

static uint16_t prepare(struct stack *stack, uint16_t next, uint64_t number)
{
	uint16_t head = stack->heads[--stack->count];
	struct place *place = &shared.places[head];

	place->command = number;
	place->table[0] = number;
	place->response = 1;
	shared.avail[next % ENTRIES] = head;
	return (uint16_t)(next + 1);
}

static uint16_t collect(struct stack *stack, uint16_t seen, uint64_t *done)
{
	uint16_t idx = __atomic_load_n(&shared.used_idx, __ATOMIC_ACQUIRE);

	for (; seen != idx; seen++) {
		uint16_t head = (uint16_t)shared.used[seen % ENTRIES].id;

		*done += shared.places[head].response == 0;
		stack->heads[stack->count++] = head;
	}
	return seen;
}

uint64_t bare_ring_drive(unsigned depth, unsigned backoff, double end)
{
	struct stack stack = {.count = 0};
	uint64_t done = 0;
	uint16_t next = 0;
	uint16_t seen = 0;

	for (; stack.count < depth; stack.count++)
		stack.heads[stack.count] = (uint16_t)stack.count;
	for (unsigned round = 0; round % ROUNDS || !done || clock_seconds() < end; round++) {
		uint16_t before = next;

		seen = collect(&stack, seen, &done);
		if (!stack.count)
			work(backoff);
		while (stack.count)
			next = prepare(&stack, next, done + stack.count);
		if (next != before)
			__atomic_store_n(&shared.avail_idx, next, __ATOMIC_RELEASE);
	}
	return done;
}

void bare_word_serve(const atomic_bool *stop, unsigned rounds)
{
	(void)rounds;
	while (!atomic_load_explicit(stop, memory_order_relaxed)) {
		uint32_t word = __atomic_load_n(&shared.word_there, __ATOMIC_ACQUIRE);

		if (word != __atomic_load_n(&shared.word_back, __ATOMIC_RELAXED))
			__atomic_store_n(&shared.word_back, word, __ATOMIC_RELEASE);
	}
}

uint64_t bare_word_drive(double end)
{
	uint32_t sent = 0;

	for (unsigned round = 0; round % ROUNDS || sent < 2 || clock_seconds() < end; round++) {
		if (__atomic_load_n(&shared.word_back, __ATOMIC_ACQUIRE) != sent)
			continue;
		sent++;
		__atomic_store_n(&shared.word_there, sent, __ATOMIC_RELEASE);
	}
	/* The last one is still on its way. */
	return sent - 1;
}
