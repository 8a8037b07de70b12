/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds runs of free units: a bitmap with one bit per unit, and above it a binary tree in which
 * each node summarizes the free runs below it, so that a search skips subtrees without a long
 * enough run. The leaves are the 64-bit words of the bitmap. Adjacent free blocks need no merging:
 * their zeros are one run.
 */
#include <stdlib.h>

#include "mem/runs.h"
#include "util/bits.h"

#define WORD_UNITS 64u

/* Free units at the start and at the end of a range, and in its longest run. */
struct summary {
	uint32_t head;
	uint32_t tail;
	uint32_t longest;
};

/* Node 1 is the root, 2n and 2n + 1 are the children of n; nodes from @leaves on are words. */
struct runs {
	uint32_t leaves;
	uint64_t *used;
	struct summary nodes[];
};

static uint32_t zeros_low(uint64_t word)
{
	return word ? (uint32_t)__builtin_ctzll(word) : WORD_UNITS;
}

static uint32_t zeros_high(uint64_t word)
{
	return word ? (uint32_t)__builtin_clzll(word) : WORD_UNITS;
}

static struct summary sum_word(uint64_t used)
{
	struct summary sum = {zeros_low(used), zeros_high(used), 0};
	uint64_t free = ~used;

	if (!used) {
		sum.longest = WORD_UNITS;
		return sum;
	}
	/* Each step shortens every run by one. */
	for (; free; free &= free >> 1)
		sum.longest++;
	return sum;
}

static struct summary sum_node(const struct runs *runs, uint32_t node)
{
	return node < runs->leaves ? runs->nodes[node] : sum_word(runs->used[node - runs->leaves]);
}

/* Combines the summaries of two adjacent ranges of @half units each. */
static struct summary join(struct summary a, struct summary b, uint32_t half)
{
	struct summary sum;

	sum.head = a.head == half ? half + b.head : a.head;
	sum.tail = b.tail == half ? half + a.tail : b.tail;
	sum.longest = a.longest > b.longest ? a.longest : b.longest;
	if (a.tail + b.head > sum.longest)
		sum.longest = a.tail + b.head;
	return sum;
}

/* Updates every node above the words @first to @last, level by level. */
static void refresh(struct runs *runs, uint32_t first, uint32_t last)
{
	uint32_t half = WORD_UNITS;
	uint32_t lo = runs->leaves + first;
	uint32_t hi = runs->leaves + last;
	uint32_t n;

	for (; lo > 1; half *= 2) {
		lo /= 2;
		hi /= 2;
		/* Neighbours share ancestors, so each level has half as many nodes to update. */
		for (n = lo; n <= hi; n++)
			runs->nodes[n] =
				join(sum_node(runs, 2 * n), sum_node(runs, 2 * n + 1), half);
	}
}

/* @count bits of a word, from bit @first on. */
static uint64_t mask(uint32_t first, uint32_t count)
{
	return (count == WORD_UNITS ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1) << first;
}

void runs_set(struct runs *runs, uint32_t first, uint32_t count, bool used)
{
	const uint32_t begin = first / WORD_UNITS;
	const uint32_t last = (first + count - 1) / WORD_UNITS;
	uint32_t part;
	uint32_t at;

	for (; count; first += part, count -= part) {
		at = first % WORD_UNITS;
		part = count < WORD_UNITS - at ? count : WORD_UNITS - at;
		if (used)
			runs->used[first / WORD_UNITS] |= mask(at, part);
		else
			runs->used[first / WORD_UNITS] &= ~mask(at, part);
	}
	refresh(runs, begin, last);
}

uint32_t runs_longest(const struct runs *runs)
{
	return runs->nodes[1].longest;
}

struct search {
	const struct runs *runs;
	uint32_t from;
	uint32_t want;
	uint32_t carry; /* free units directly before the current node */
	uint32_t found;
};

static bool found_at(struct search *search, uint32_t first)
{
	search->found = first;
	return true;
}

/* Searches one word. No run that started before it is long enough. */
static bool search_word(struct search *search, uint64_t free, uint32_t start)
{
	uint64_t begins = free;
	uint32_t len;
	uint32_t step;

	if (search->want <= WORD_UNITS) {
		/*
		 * A set bit means that a run of @len units starts there; @len grows to @want, at
		 * most doubling in each step.
		 */
		for (len = 1; len < search->want; len += step) {
			step = len < search->want - len ? len : search->want - len;
			begins &= begins >> step;
		}
		if (begins)
			return found_at(search, start + zeros_low(begins));
	}
	search->carry = zeros_high(~free);
	return false;
}

/* Searches the @span units of a node, starting at @start. Recursion depth: at most 25. */
static bool search_node(struct search *search, uint32_t node, uint32_t start, uint32_t span)
{
	const struct runs *runs = search->runs;
	struct summary sum;
	uint64_t free;

	/* Units before @from are ignored, and not counted in @carry. */
	if (start + span <= search->from)
		return false;
	if (start >= search->from) {
		sum = sum_node(runs, node);
		/* The run may start in earlier nodes and end here. */
		if (search->carry + sum.head >= search->want)
			return found_at(search, start - search->carry);
		if (sum.longest < search->want) {
			search->carry = sum.head == span ? search->carry + span : sum.tail;
			return false;
		}
	}
	if (node >= runs->leaves) {
		free = ~runs->used[node - runs->leaves];
		/* Only the word that contains @from gets here without a long enough run. */
		if (search->from > start)
			free &= ~UINT64_C(0) << (search->from - start);
		return search_word(search, free, start);
	}
	/* Left before right: finds the lowest run, and @carry passes from left to right. */
	return search_node(search, 2 * node, start, span / 2) ||
	       search_node(search, 2 * node + 1, start + span / 2, span / 2);
}

bool runs_find(const struct runs *runs, uint32_t from, uint32_t want, uint32_t *first)
{
	struct search search = {.runs = runs, .from = from, .want = want};

	if (!search_node(&search, 1, 0, runs->leaves * WORD_UNITS))
		return false;
	*first = search.found;
	return true;
}

struct runs *runs_create(uint32_t units)
{
	const uint32_t words = (units - 1) / WORD_UNITS + 1;
	struct runs *runs;
	uint32_t leaves = 2;
	uint32_t i;

	while (leaves < words)
		leaves *= 2;
	runs = calloc(1, sizeof(*runs) + leaves * sizeof(runs->nodes[0]));
	if (!runs)
		return NULL;
	runs->leaves = leaves;
	runs->used = calloc(leaves, sizeof(*runs->used));
	if (!runs->used) {
		free(runs);
		return NULL;
	}
	/* Padding up to a power of two is never free. */
	for (i = words; i < leaves; i++)
		runs->used[i] = ~UINT64_C(0);
	if (units % WORD_UNITS)
		runs->used[words - 1] = ~mask(0, units % WORD_UNITS);
	refresh(runs, 0, leaves - 1);
	return runs;
}

void runs_destroy(struct runs *runs)
{
	if (!runs)
		return;
	free(runs->used);
	free(runs);
}
