/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sets the memory policy of the allocating thread rather than that of the mapping: hugetlbfs
 * ignores the latter in fallocate().
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/syscall.h>

#include <numa.h>
#include <numaif.h>

#include <vscsi/mem.h>

#include "mem/node.h"

#define LONG_BITS   (8 * sizeof(unsigned long))
#define PAGE_BYTES  4096u
#define BATCH_PAGES 64u

bool node_choice(void)
{
	return numa_available() >= 0 && numa_max_node() > 0;
}

/* Not every C library has getcpu(). */
static uint32_t local_node(void)
{
	unsigned node;

	/* Outdated if the thread moves; callers only use it as a preference. */
	return syscall(SYS_getcpu, NULL, &node, NULL) ? 0 : node;
}

/*
 * A node given by number is required: pages on another one would be silently slow. The thread's own
 * node is only preferred, so that it works on machines whose hugepages are on another node.
 */
static int set_policy(uint32_t node, bool required)
{
	unsigned long mask[NODE_MAX / LONG_BITS] = {0};

	mask[node / LONG_BITS] = 1ul << (node % LONG_BITS);
	/* The kernel subtracts one from the number of bits. */
	if (set_mempolicy(required ? MPOL_BIND : MPOL_PREFERRED, mask, NODE_MAX + 1) < 0)
		return -errno;
	return 0;
}

int node_enter(struct node_policy *policy, uint32_t numa, char *why, size_t why_len)
{
	const bool required = numa != VSCSI_NUMA_LOCAL;
	const uint32_t node = required ? numa - 1 : local_node();
	int err;

	policy->saved = false;
	if (!node_choice())
		return 0;
	if (node >= NODE_MAX || node > (uint32_t)numa_max_node()) {
		snprintf(why, why_len, "there is no NUMA node %u; the last one is %d", node,
			 numa_max_node());
		return required ? -EINVAL : 0;
	}
	if (get_mempolicy(&policy->mode, policy->mask, NODE_MAX, NULL, 0) < 0)
		err = -errno;
	else
		err = set_policy(node, required);
	policy->saved = !err;
	/* Containers often forbid these calls; ignore that if the node is only preferred. */
	if (!err || !required)
		return 0;
	snprintf(why, why_len,
		 "allocating pages on NUMA node %u failed: the kernel returned %d; allow the "
		 "set_mempolicy system call, or use VSCSI_NUMA_LOCAL",
		 node, err);
	return err;
}

void node_leave(const struct node_policy *policy)
{
	/* Can't fail: these values came from the kernel. */
	if (policy->saved)
		set_mempolicy(policy->mode, policy->mask, NODE_MAX + 1);
}

/* Migrates one batch, without waiting for pages that are in use by others. */
static void migrate_batch(char *addr, unsigned count, int node)
{
	int status[BATCH_PAGES];
	int nodes[BATCH_PAGES];
	void *pages[BATCH_PAGES];
	unsigned i;

	for (i = 0; i < count; i++) {
		pages[i] = addr + (size_t)i * PAGE_BYTES;
		nodes[i] = node;
	}
	/* Best effort: a page that can't be moved stays where it is. */
	move_pages(0, count, pages, nodes, status, MPOL_MF_MOVE);
}

void node_migrate(void *addr, size_t len)
{
	size_t pages = (len + PAGE_BYTES - 1) / PAGE_BYTES;
	uint32_t node = local_node();
	size_t at;

	if (!node_choice() || node_of(addr) == node)
		return;
	for (at = 0; at < pages; at += BATCH_PAGES) {
		size_t left = pages - at;

		migrate_batch((char *)addr + at * PAGE_BYTES,
			      (unsigned)(left < BATCH_PAGES ? left : BATCH_PAGES), (int)node);
	}
}

uint32_t node_of(const void *addr)
{
	int node = 0;

	if (!node_choice())
		return 0;
	if (get_mempolicy(&node, NULL, 0, (void *)(uintptr_t)addr, MPOL_F_NODE | MPOL_F_ADDR) < 0)
		return 0;
	return (uint32_t)node;
}
