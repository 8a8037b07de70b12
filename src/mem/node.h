/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NUMA nodes: the node of the calling thread, the node of a page, and the node that new pages are
 * allocated on. On a machine with one node every node is 0 and nothing is changed; likewise without
 * libnuma (node_none.c), and then nodes given by number are refused.
 */
#ifndef MEM_NODE_H
#define MEM_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most nodes in a memory policy; Linux can't be configured for more. */
#define NODE_MAX 1024

/**
 * struct node_policy - A thread's saved memory policy
 * @saved: whether there is a policy to restore
 * @mode: see get_mempolicy(2)
 * @mask: likewise
 */
struct node_policy {
	bool saved;
	int mode;
	unsigned long mask[NODE_MAX / (8 * sizeof(unsigned long))];
};

/* Whether there is more than one node to choose from. */
bool node_choice(void);

/**
 * node_enter - Allocate this thread's new pages on a node
 * @policy: saves the current policy: node_leave()
 * @numa: see struct vscsi_mem_opts. The local node is only preferred; a node given by number is
 *	required
 * @why, @why_len: receives the error text
 *
 * Return: 0; -EINVAL if there is no such node, -EOPNOTSUPP without libnuma, or the error of the
 * kernel. Fails only if the node is required.
 */
int node_enter(struct node_policy *policy, uint32_t numa, char *why, size_t why_len);

/**
 * node_leave - Restore this thread's policy
 * @policy: from node_enter()
 */
void node_leave(const struct node_policy *policy);

/**
 * node_migrate - Migrate memory to the node of the calling thread
 * @addr: private memory, page-aligned
 * @len: its bytes
 *
 * Best effort: pages that can't be moved stay where they are. Takes a few system calls, or two if
 * the memory is already there.
 */
void node_migrate(void *addr, size_t len);

/**
 * node_of - Get the node that a page is on
 * @addr: in the page, which must be present
 *
 * Return: the node; 0 if the kernel does not tell.
 */
uint32_t node_of(const void *addr);

#endif
