/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NUMA nodes: where the calling thread is, where a page is, and where the kernel takes new pages
 * from. On a machine with one node all of this is 0 and does nothing.
 */
#ifndef MEM_NODE_H
#define MEM_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Nodes that a policy can name; Linux is never built for more. */
#define NODE_MAX 1024

/**
 * struct node_policy - A thread's memory policy, put aside
 * @saved: whether there is one to restore
 * @mode: as get_mempolicy(2) has it
 * @mask: likewise
 */
struct node_policy {
	bool saved;
	int mode;
	unsigned long mask[NODE_MAX / (8 * sizeof(unsigned long))];
};

/**
 * node_enter - Let this thread's new pages come from a node
 * @policy: keeps what was set before: node_leave()
 * @numa: as in struct vscsi_mem_opts. The local node is preferred; one that is named is a must
 * @why, @why_len: receives the sentence of a failure
 *
 * Return: 0; -EINVAL when there is no such node, or what the kernel returned. Only a node that is a
 * must can fail.
 */
int node_enter(struct node_policy *policy, uint32_t numa, char *why, size_t why_len);

/**
 * node_leave - Restore this thread's policy
 * @policy: from node_enter()
 */
void node_leave(const struct node_policy *policy);

/**
 * node_migrate - Move memory to the node of the calling thread
 * @addr: private memory, on a page's start
 * @len: its bytes
 *
 * A wish: what can't be moved stays, and works. Some system calls, the first of which tells that it
 * is there already.
 */
void node_migrate(void *addr, size_t len);

/**
 * node_of - Tell the node that a page lies on
 * @addr: in the page, which must be there
 *
 * Return: the node; 0 when the kernel doesn't say.
 */
uint32_t node_of(const void *addr);

#endif
