/* SPDX-License-Identifier: BSD-3-Clause */
/* Replaces node.c if the library is built without libnuma: node 0 is the only one. */
#include <errno.h>
#include <stdio.h>

#include <vscsi/mem.h>

#include "mem/node.h"

bool node_choice(void)
{
	return false;
}

int node_enter(struct node_policy *policy, uint32_t numa, char *why, size_t why_len)
{
	policy->saved = false;
	if (numa == VSCSI_NUMA_LOCAL)
		return 0;
	snprintf(why, why_len,
		 "libvirtioscsi was built without libnuma and can't allocate on NUMA node %u; use "
		 "VSCSI_NUMA_LOCAL, or build it with -Dnuma=enabled",
		 numa - 1);
	return -EOPNOTSUPP;
}

void node_leave(const struct node_policy *policy)
{
	(void)policy;
}

void node_migrate(void *addr, size_t len)
{
	(void)addr;
	(void)len;
}

uint32_t node_of(const void *addr)
{
	(void)addr;
	return 0;
}
