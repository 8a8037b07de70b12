/* SPDX-License-Identifier: BSD-3-Clause */
/* All interleavings, depth first: each run is one path of choices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "explore.h"

#define STACK   65536u
#define STORES  32u
#define CHOICES 256u

/* A store that is not in memory yet. */
struct store {
	volatile void *at;
	uint64_t value;
	unsigned size;
	bool release;
};

/* What a side waits for, where the order between both matters. */
enum step {
	STEP_BEGIN,
	STEP_LOAD,
	STEP_FENCE,
	STEP_DONE,
};

struct side {
	ucontext_t context;
	char stack[STACK];
	enum step step;
	const volatile void *at; /* of a load */
	unsigned size;
	struct store stores[STORES];
	unsigned count;
};

static struct {
	const struct explore *what;
	struct side sides[EXPLORE_SIDES];
	struct side *running; /* NULL: outside of the machine, where memory is written at once */
	ucontext_t scheduler;
	unsigned path[CHOICES];
	unsigned options[CHOICES];
	unsigned depth;
} machine;

static void fail(const char *why)
{
	fprintf(stderr, "explore: %s\n", why);
	abort();
}

static bool overlap(const volatile void *a, unsigned a_size, const volatile void *b,
		    unsigned b_size)
{
	uintptr_t x = (uintptr_t)a;
	uintptr_t y = (uintptr_t)b;

	return x < y + b_size && y < x + a_size;
}

static uint64_t memory_read(const volatile void *at, unsigned size)
{
	switch (size) {
	case 2:
		return *(const volatile uint16_t *)at;
	case 4:
		return *(const volatile uint32_t *)at;
	default:
		return *(const volatile uint64_t *)at;
	}
}

static void memory_write(const struct store *s)
{
	switch (s->size) {
	case 2:
		*(volatile uint16_t *)s->at = (uint16_t)s->value;
		break;
	case 4:
		*(volatile uint32_t *)s->at = (uint32_t)s->value;
		break;
	default:
		*(volatile uint64_t *)s->at = s->value;
	}
}

/* The newest store of the side's own that a load meets, or NULL. */
static const struct store *own_store(const struct side *s, const volatile void *at, unsigned size)
{
	unsigned i = s->count;

	while (i--) {
		if (overlap(s->stores[i].at, s->stores[i].size, at, size))
			return &s->stores[i];
	}
	return NULL;
}

static void await(enum step step)
{
	struct side *side = machine.running;

	side->step = step;
	swapcontext(&side->context, &machine.scheduler);
}

uint64_t explore_load(const volatile void *at, unsigned size)
{
	const struct store *own;

	if (!machine.running)
		return memory_read(at, size);
	machine.running->at = at;
	machine.running->size = size;
	await(STEP_LOAD);
	own = own_store(machine.running, at, size);
	return own ? own->value : memory_read(at, size);
}

/* Only this side sees it yet, so what the other side does before it doesn't matter. */
void explore_store(volatile void *at, uint64_t value, unsigned size, int order)
{
	const struct store store = {at, value, size,
				    order == __ATOMIC_RELEASE || order == __ATOMIC_SEQ_CST};

	if (!machine.running) {
		memory_write(&store);
		return;
	}
	if (machine.running->count == STORES)
		fail("a store buffer is full");
	machine.running->stores[machine.running->count++] = store;
}

void explore_fence(int order)
{
	unsigned i;

	for (i = 0; i < EXPLORE_SIDES; i++) {
		if (machine.running == &machine.sides[i] && order == __ATOMIC_SEQ_CST &&
		    !(machine.what->no_fence & 1u << i))
			await(STEP_FENCE);
	}
}

static bool may_run(const struct side *s)
{
	const struct store *own;

	if (s->step == STEP_DONE || (s->step == STEP_FENCE && s->count))
		return false;
	own = s->step == STEP_LOAD ? own_store(s, s->at, s->size) : NULL;
	/* One that gives only a part of what is loaded has to be in memory first. */
	return !own || (own->at == s->at && own->size == s->size);
}

static bool may_write(const struct side *s, unsigned number)
{
	const struct store *store = &s->stores[number];
	unsigned i;

	if (store->release && number)
		return false;
	for (i = 0; i < number; i++) {
		if (overlap(s->stores[i].at, s->stores[i].size, store->at, store->size))
			return false;
	}
	return true;
}

static void write_store(struct side *s, unsigned number)
{
	memory_write(&s->stores[number]);
	s->count--;
	memmove(&s->stores[number], &s->stores[number + 1],
		(s->count - number) * sizeof(s->stores[0]));
}

static void run_side(struct side *s)
{
	machine.running = s;
	swapcontext(&machine.scheduler, &s->context);
	machine.running = NULL;
}

/* Does the step with this number, of those that are possible; returns how many there are. */
static unsigned do_step(unsigned number)
{
	unsigned count = 0;
	unsigned i;
	unsigned j;

	for (i = 0; i < EXPLORE_SIDES; i++) {
		struct side *s = &machine.sides[i];

		if (may_run(s) && count++ == number) {
			run_side(s);
			return count;
		}
		for (j = 0; j < s->count; j++) {
			if (may_write(s, j) && count++ == number) {
				write_store(s, j);
				return count;
			}
		}
	}
	return count;
}

static void enter(unsigned number)
{
	machine.what->sides[number](machine.what->ctx);
	machine.sides[number].step = STEP_DONE;
	/* Where uc_link leads: the scheduler. */
}

static void start_side(unsigned number)
{
	struct side *s = &machine.sides[number];

	s->step = STEP_BEGIN;
	s->count = 0;
	if (getcontext(&s->context))
		fail("no context");
	s->context.uc_stack.ss_sp = s->stack;
	s->context.uc_stack.ss_size = sizeof(s->stack);
	s->context.uc_link = &machine.scheduler;
	makecontext(&s->context, (void (*)(void))(uintptr_t)enter, 1, number);
}

static bool run_once(void)
{
	unsigned i;

	machine.what->begin(machine.what->ctx);
	for (i = 0; i < EXPLORE_SIDES; i++)
		start_side(i);
	for (i = 0; do_step(UINT32_MAX); i++) {
		if (i == CHOICES)
			fail("a run is too long");
		if (i == machine.depth)
			machine.path[machine.depth++] = 0;
		machine.options[i] = do_step(UINT32_MAX);
		do_step(machine.path[i]);
	}
	for (i = 0; i < EXPLORE_SIDES; i++) {
		if (machine.sides[i].step != STEP_DONE)
			fail("a side waits for ever");
	}
	return machine.what->end(machine.what->ctx);
}

/* The next path: the last choice that has another option takes it. False: there is none. */
static bool next_path(void)
{
	while (machine.depth) {
		if (++machine.path[machine.depth - 1] < machine.options[machine.depth - 1])
			return true;
		machine.depth--;
	}
	return false;
}

unsigned explore(const struct explore *what, unsigned *runs)
{
	unsigned failures = 0;

	machine.what = what;
	machine.depth = 0;
	*runs = 0;
	do {
		failures += !run_once();
		++*runs;
	} while (!(failures && what->first) && next_path());
	return failures;
}
