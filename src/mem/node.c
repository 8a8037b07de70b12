/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Steers pages by the policy of the thread that asks for them, and not by one bound to the mapping:
 * hugetlbfs pays no heed to the latter when fallocate() takes the pages.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>

#include <numa.h>
#include <numaif.h>

#include <vscsi/mem.h>

#include "mem/node.h"

#define LONG_BITS     (8 * sizeof(unsigned long))
#define PAGE_BYTES    4096u
#define PAGES_AT_ONCE 64u

static bool several_nodes(void)
{
	return numa_available() >= 0 && numa_max_node() > 0;
}

static uint32_t node_here(void)
{
	unsigned node;

	/* Stale at once if the thread moves; then it was a wish that came too early. */
	return getcpu(NULL, &node) ? 0 : node;
}

/*
 * A node that was named is a must: pages from another one would be slow in a way that nobody sees.
 * The thread's own node is a wish, for a machine whose hugepages lie elsewhere shall work as well.
 */
static int set_policy(uint32_t node, bool must)
{
	unsigned long mask[NODE_MAX / LONG_BITS] = {0};

	mask[node / LONG_BITS] = 1ul << (node % LONG_BITS);
	/* The kernel takes one off the count of bits. */
	if (set_mempolicy(must ? MPOL_BIND : MPOL_PREFERRED, mask, NODE_MAX + 1) < 0)
		return -errno;
	return 0;
}

int node_enter(struct node_policy *policy, uint32_t numa, char *why, size_t why_len)
{
	const bool must = numa != VSCSI_NUMA_LOCAL;
	const uint32_t node = must ? numa - 1 : node_here();
	int err;

	policy->saved = false;
	if (!several_nodes())
		return 0;
	if (node >= NODE_MAX || node > (uint32_t)numa_max_node()) {
		snprintf(why, why_len, "there is no NUMA node %u; the last one is %d", node,
			 numa_max_node());
		return must ? -EINVAL : 0;
	}
	if (get_mempolicy(&policy->mode, policy->mask, NODE_MAX, NULL, 0) < 0)
		err = -errno;
	else
		err = set_policy(node, must);
	policy->saved = !err;
	/* Containers often forbid these calls; a preference is then not worth failing for. */
	if (!err || !must)
		return 0;
	snprintf(why, why_len,
		 "pages can't be taken from NUMA node %u: the kernel returned %d; allow the "
		 "set_mempolicy system call, or use VSCSI_NUMA_LOCAL",
		 node, err);
	return err;
}

void node_leave(const struct node_policy *policy)
{
	/* The kernel gave us these values itself, so that there is no failure to report. */
	if (policy->saved)
		set_mempolicy(policy->mode, policy->mask, NODE_MAX + 1);
}

/* Asks for one batch, without waiting for pages that others hold. */
static void bring_pages(char *addr, unsigned count, int node)
{
	int status[PAGES_AT_ONCE];
	int nodes[PAGES_AT_ONCE];
	void *pages[PAGES_AT_ONCE];
	unsigned i;

	for (i = 0; i < count; i++) {
		pages[i] = addr + (size_t)i * PAGE_BYTES;
		nodes[i] = node;
	}
	/* A wish as well: what can't be moved works where it is. */
	move_pages(0, count, pages, nodes, status, MPOL_MF_MOVE);
}

void node_migrate(void *addr, size_t len)
{
	size_t pages = (len + PAGE_BYTES - 1) / PAGE_BYTES;
	uint32_t node = node_here();
	size_t at;

	if (!several_nodes() || node_of(addr) == node)
		return;
	for (at = 0; at < pages; at += PAGES_AT_ONCE) {
		size_t left = pages - at;

		bring_pages((char *)addr + at * PAGE_BYTES,
			    (unsigned)(left < PAGES_AT_ONCE ? left : PAGES_AT_ONCE), (int)node);
	}
}

uint32_t node_of(const void *addr)
{
	int node = 0;

	if (!several_nodes())
		return 0;
	if (get_mempolicy(&node, NULL, 0, (void *)(uintptr_t)addr, MPOL_F_NODE | MPOL_F_ADDR) < 0)
		return 0;
	return (uint32_t)node;
}
